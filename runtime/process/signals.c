/* See signals.h. */
#include "runtime/process/signals.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As glibc numbers them, which keeps two for itself: with whatever libc this is built. */
#define RTMIN 34
#define RTMAX 64

static int by_name(const char *name)
{
    if (!strncasecmp(name, "sig", 3))
        name += 3;
    for (int i = 1; i < 32; i++) {
        const char *abbrev = sigabbrev_np(i);
        if (abbrev && !strcasecmp(abbrev, name))
            return i;
    }
    char *end;
    if (!strncasecmp(name, "rtmin", 5)) {
        long n = name[5] == '+' ? strtol(name + 6, &end, 10) : 0;
        if ((name[5] == '\0' || (name[5] == '+' && name[6] && !*end)) && n >= 0 && RTMIN + n <= RTMAX)
            return RTMIN + (int)n;
    }
    if (!strncasecmp(name, "rtmax", 5)) {
        long n = name[5] == '-' ? strtol(name + 6, &end, 10) : 0;
        if ((name[5] == '\0' || (name[5] == '-' && name[6] && !*end)) && n >= 0 && RTMAX - n >= RTMIN)
            return RTMAX - (int)n;
    }
    return !strcasecmp(name, "iot")    ? SIGABRT
           : !strcasecmp(name, "poll") ? SIGIO
           : !strcasecmp(name, "cld")  ? SIGCHLD
                                       : -1;
}

struct err *signals_parse(const char *text, int *ret)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (!*text || *end)
        n = by_name(text);
    if (n < 0 || n > 64)
        return err_new(ERR_INVALID, "unknown signal \"%s\"", text);
    *ret = (int)n;
    return NULL;
}
