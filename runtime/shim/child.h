/*
 * The shim's children: runtimes that it spawns, small jobs that it forks, and the containers' processes that
 * it adopts (as a child subreaper it inherits what a detached runtime leaves behind). One SIGCHLD, one loop
 * of waitpid(2), one list.
 *
 * A process that was adopted may have ended before its runtime told its pid: while a runtime runs, exits of
 * unknown pids are remembered. A pid is only signalled before it was reaped here, so it is never another's.
 */
#ifndef WHERRY_SHIM_CHILD_H
#define WHERRY_SHIM_CHILD_H

#include "runtime/shim/poll.h"
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { CHILD_EARLY_MAX = 256, CHILD_FDS_MAX = 4 };

struct children {
    struct poll *poll;
    struct child *list;
    unsigned jobs; /* children that are not adopted */
    struct {
        pid_t pid;
        int status;
    } early[CHILD_EARLY_MAX]; /* exits of unknown pids, a ring */
    unsigned n_early;
    struct rlimit nofile; /* what children get back: ours is raised */
    int oom_score_adj;    /* likewise; INT_MIN: ours was not changed */
};

struct child;
/* status as of waitpid(2). The child is freed after the call. */
typedef void child_done_fn(void *arg, int status, bool timed_out);

struct child_spec {
    const char *const *argv; /* argv[0]: its path */
    int in, out, err;        /* become 0, 1, 2; -1: /dev/null */
    int fds[CHILD_FDS_MAX];  /* become 3, 4, ... */
    size_t n_fds;
    int64_t deadline_ms; /* then its process group gets SIGKILL */
};

/* A program, in a process group of its own, with default signal handling. */
struct err *child_spawn(struct children *c, const struct child_spec *spec, child_done_fn *done, void *arg,
    struct child **ret) __attribute__((warn_unused_result));
/* A function in a forked copy of the shim: work() returns the exit status. */
struct err *child_fork(struct children *c, int (*work)(void *), void *work_arg, int64_t deadline_ms,
    child_done_fn *done, void *arg, struct child **ret) __attribute__((warn_unused_result));
/* A process that a runtime left to us. done() is called from the loop even where it has ended already.
 * ERR_NOT_FOUND: it is not and was not our child. */
struct err *child_adopt(struct children *c, pid_t pid, child_done_fn *done, void *arg, struct child **ret)
    __attribute__((warn_unused_result));

pid_t child_pid(const struct child *ch);
int child_signal(struct child *ch, int sig); /* kill(2) of that process; 0 or -errno */
void child_kill_group(struct child *ch);     /* SIGKILL; done() still comes */
void children_reap(struct children *c);      /* on SIGCHLD */

#endif
