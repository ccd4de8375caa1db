/*
 * Child processes with deadlines. Started by posix_spawn-like vfork(2) (a large parent costs nothing),
 * watched by pidfd, own process group, descriptors closed except those listed. At the deadline the group
 * gets SIGKILL.
 *   spawn_run():   waits; for programs without an event loop.
 *   spawn_start(): in a libuv loop; calls back once.
 */
#ifndef WHERRY_SPAWN_H
#define WHERRY_SPAWN_H

#include "lib/buf.h"
#include "lib/err.h"
#include <stdint.h>
#include <sys/types.h>

struct spawn_opts {
    const char *const *argv; /* argv[0] is the program's path (no search); NULL-terminated */
    const char *const *envp; /* NULL: the parent's */
    const char *cwd;         /* NULL: the parent's */
    const char *in;          /* bytes for stdin, NULL: /dev/null */
    size_t in_len;
    size_t out_max, err_max; /* ceilings of what is kept of stdout and stderr; more is read and dropped */
    uint64_t deadline_ms;    /* 0 is refused: every wait has a deadline */
    const int *fds;          /* passed as 3, 4, ... */
    size_t n_fds;
};

struct spawn_result {
    int status;     /* of waitpid(2); WIFEXITED() etc. */
    bool timed_out; /* it was killed at its deadline */
    struct buf out, err;
};
void spawn_result_done(struct spawn_result *r);
/* NULL where it exited 0 in time; else an error that says how it ended, with the last line of its stderr. */
struct err *spawn_result_err(const struct spawn_result *r, const char *what)
    __attribute__((warn_unused_result));

struct err *spawn_run(const struct spawn_opts *o, struct spawn_result *ret)
    __attribute__((warn_unused_result));

/* done() gets the result to read (not to keep) and is called from the loop, never from spawn_start(). */
struct uv_loop_s;
struct spawn;
typedef void spawn_done_fn(void *arg, const struct spawn_result *r);
struct err *spawn_start(struct uv_loop_s *loop, const struct spawn_opts *o, spawn_done_fn *done, void *arg,
    struct spawn **ret) __attribute__((warn_unused_result));
void spawn_cancel(struct spawn *s); /* kills the group, reaps, does not call done(); NULL is fine */

/* Starts and forgets: a daemon of its own session that outlives us (the shim). Its stdio is /dev/null except
 * stderr to err_fd (-1: /dev/null). Returns its pid; it is reparented to init, not our child. ready_fd >= 0
 * is passed as descriptor 3. */
struct err *spawn_daemon(const char *const *argv, const char *const *envp, int err_fd, int ready_fd,
    pid_t *ret_pid) __attribute__((warn_unused_result));

#endif
