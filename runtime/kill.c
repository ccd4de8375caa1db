/* kill: a signal to init, or with --all to every process of the container. */
#include "lib/args.h"
#include "lib/mem.h"
#include "runtime/cgroups.h"
#include "runtime/record.h"
#include "runtime/signals.h"
#include "runtime/verbs.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct err *kill_all(const struct record *r, struct arena *a, int signal)
{
    struct cgroups c;
    pid_t *pids;
    size_t n;
    TRY(record_cgroups(r, &c));
    struct err *e = NULL;
    if (signal == SIGKILL)
        e = cgroups_kill(&c, r->cgroup);
    else
        e = cgroups_pids(&c, a, &pids, &n);
    for (size_t i = 0; !e && signal != SIGKILL && i < n; i++)
        if (kill(pids[i], signal) < 0 && errno != ESRCH)
            e = err_sys(errno, "signal process %d", (int)pids[i]);
    cgroups_close(&c);
    return e;
}

static struct err *kill_init(const struct record *r, int signal)
{
    auto_close pidfd = record_pidfd(r);
    if (pidfd >= 0 && !syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0))
        return NULL;
    return errno == ESRCH ? err_new(ERR_CONFLICT, "container not running") : err_sys(errno, "signal init");
}

struct err *verb_kill(const struct globals *g, int argc, char **argv, int *ret_status)
{
    bool all = false;
    const struct arg_option options[] = {
        {"all", 'a', ARG_FLAG, &all, NULL, "to every process of the container"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime kill [--all] ID [SIGNAL]",
        .about = "Sends a signal (TERM) to the container's init.",
        .options = options,
        .min = 1,
        .max = 2};
    char **operands;
    int n, signal;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    TRY(signals_parse(n > 1 ? operands[1] : "TERM", &signal));
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    *ret_status = 0;
    return all ? kill_all(&r, a, signal) : kill_init(&r, signal);
}
