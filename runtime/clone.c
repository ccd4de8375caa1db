/*
 * See clone.h. Namespaces that are given by path are joined by init itself, but a pid namespace is entered
 * only by being born in it, and rights over the others end where a user namespace begins: then a helper joins
 * first and clones init as its sibling (CLONE_PARENT), so that init is our child either way.
 */
#include "runtime/clone.h"
#include "lib/mem.h"
#include "runtime/init.h"
#include "runtime/sync.h"
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* These two are made by init when it stands in its cgroups, or has set the offsets. */
#define MADE_LATER (CLONE_NEWCGROUP | CLONE_NEWTIME)

pid_t clone_raw(uint64_t flags, int cgroup, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args a = {.flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD};
    if (ret_pidfd) {
        a.flags |= CLONE_PIDFD;
        a.pidfd = (uintptr_t)&pidfd;
    }
    if (cgroup >= 0) {
        a.flags |= CLONE_INTO_CGROUP;
        a.cgroup = (uint64_t)cgroup;
    }
    long pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid > 0 && ret_pidfd)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

static uint64_t made_at_birth(const struct container *c)
{
    return (unsigned)c->ns.make & ~(unsigned)(MADE_LATER | (c->netns_comes ? CLONE_NEWNET : 0));
}

static bool needs_helper(const struct container *c)
{
    if (!c->ns.n_join)
        return false;
    for (int i = 0; i < c->ns.n_join; i++)
        if (c->ns.join[i].kind->flag == CLONE_NEWPID)
            return true;
    return c->userns;
}

static void helper(struct container *c, int cgroup, int sync) __attribute__((noreturn));
static void helper(struct container *c, int cgroup, int sync)
{
    struct err *e = namespaces_join(&c->ns, c->ns.within);
    pid_t pid = e ? -1 : clone_raw(made_at_birth(c) | CLONE_PARENT, cgroup, NULL);
    if (pid == 0)
        init_main(c, sync, true);
    if (!e && pid < 0)
        e = err_sys(errno, "clone init");
    if (!e) {
        char text[16];
        snprintf(text, sizeof(text), "%d", (int)pid);
        e = sync_send(sync, SYNC_PID, text, NULL, 0);
    }
    if (e)
        err_free(sync_send_error(sync, e));
    _exit(e ? 1 : 0);
}

static struct err *through_helper(
    struct container *c, int cgroup, int pair[2], pid_t *ret_pid, int *ret_pidfd)
{
    pid_t pid = clone_raw(0, -1, NULL);
    if (pid == 0) {
        close(pair[0]); /* else we would never hear that the other end is gone */
        helper(c, cgroup, pair[1]);
    }
    if (pid < 0)
        return err_sys(errno, "clone");
    struct sync_message m;
    struct err *e = sync_expect(pair[0], SYNC_PID, &m);
    waitpid(pid, NULL, 0);
    TRY(e);
    *ret_pid = atoi(m.text);
    *ret_pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
    return *ret_pidfd < 0 ? err_sys(errno, "pidfd of init") : NULL;
}

struct err *clone_init(struct container *c, int cgroup, pid_t *ret_pid, int *ret_pidfd, int *ret_sync)
{
    int pair[2];
    TRY(sync_pair(pair));
    struct err *e = NULL;
    if (needs_helper(c)) {
        e = through_helper(c, cgroup, pair, ret_pid, ret_pidfd);
    } else {
        pid_t pid = clone_raw(made_at_birth(c), cgroup, ret_pidfd);
        if (pid == 0) {
            close(pair[0]);
            init_main(c, pair[1], false);
        }
        if (pid < 0)
            e = err_sys(errno, "clone init with its namespaces");
        else
            *ret_pid = pid;
    }
    close(pair[1]);
    *ret_sync = pair[0];
    return e;
}
