/* See signals.h. */
#include "runtime/shim/signals.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The kernel's numbers: glibc's SIGRTMIN keeps two for itself, programs count with what it says. */
static int real_time(const char *name)
{
    int base = !strncasecmp(name, "RTMIN", 5) ? SIGRTMIN : !strncasecmp(name, "RTMAX", 5) ? SIGRTMAX : 0;
    if (!base)
        return 0;
    name += 5;
    char *end = (char *)name;
    long off = *name == '+' || *name == '-' ? strtol(name, &end, 10) : 0;
    if (*end || off < -64 || off > 64)
        return 0;
    int sig = base + (int)off;
    return sig >= SIGRTMIN && sig <= SIGRTMAX ? sig : 0;
}

static int by_name(const char *text)
{
    const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
    for (int sig = 1; sig < 32; sig++) {
        const char *abbrev = sigabbrev_np(sig);
        if (abbrev && !strcasecmp(name, abbrev))
            return sig;
    }
    return real_time(name);
}

struct err *signals_parse(const char *text, int *ret)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    int sig = !text ? 0 : *text >= '0' && *text <= '9' ? (*end || n > SIGRTMAX ? 0 : (int)n) : by_name(text);
    if (sig < 1)
        return err_new(ERR_INVALID, "signal: \"%.32s\": unknown", text ? text : "");
    *ret = sig;
    return NULL;
}
