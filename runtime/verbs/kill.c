/* kill: a signal to init, or with --all to every process of the container. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/process/signals.h"
#include "runtime/record.h"
#include "runtime/verbs/record_list.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
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

/* On v1 a frozen process does not even die. */
static void thaw(const struct record *r)
{
    auto_free char *file = mem_printf(CGROUPS_ROOT "/freezer%s/freezer.state", r->cgroup ? r->cgroup : "");
    if (r->cgroup && file_exists(AT_FDCWD, file))
        err_free(file_put(AT_FDCWD, file, "THAWED"));
}

/* Without a pid namespace of the container's own the others live on when init has gone: SIGKILL is for them.
 */
static struct err *kill_init(const struct record *r, struct arena *a, int signal)
{
    bool lonely = signal == SIGKILL && !record_has_pids(r) && r->cgroup;
    auto_close pidfd = record_pidfd(r);
    if (pidfd >= 0 && !syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)) {
        if (signal == SIGKILL)
            thaw(r);
        return NULL;
    }
    if (errno != ESRCH)
        return err_sys(errno, "signal init");
    return lonely ? kill_all(r, a, signal) : err_new(ERR_CONFLICT, "container not running");
}

struct order {
    int signal;
    bool all;
};

static struct err *kill_one(const struct globals *g, const char *id, void *arg)
{
    const struct order *o = arg;
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    auto_close dir = -1;
    struct record r;
    TRY(record_find(g->root, id, a, &dir, &r));
    return o->all ? kill_all(&r, a, o->signal) : kill_init(&r, a, o->signal);
}

struct err *verb_kill(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct order o = {0};
    bool regex = false;
    const struct arg_option options[] = {
        {"all", 'a', ARG_FLAG, &o.all, NULL, "to every process of the container"},
        {"regex", 'r', ARG_FLAG, &regex, NULL, "to all whose ids match this extended regular expression"},
        {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime kill [--all] [--regex] ID [SIGNAL]",
        .about = "Sends a signal (TERM) to the container's init.",
        .options = options,
        .min = 1,
        .max = 2};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    TRY(signals_parse(n > 1 ? operands[1] : "TERM", &o.signal));
    *ret_status = 0;
    return record_each(g, operands[0], regex, kill_one, &o);
}
