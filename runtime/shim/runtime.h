/*
 * The OCI runtime's command line: run, exec, delete. Any runtime that has runc's options will do. Its log is
 * a memfd that it finds as descriptor 3, so nothing has to be cleaned up whatever happens.
 */
#ifndef WHERRY_SHIM_RUNTIME_H
#define WHERRY_SHIM_RUNTIME_H

#include "lib/err.h"
#include "lib/json.h"
#include "runtime/shim/child.h"

struct shim;

/* Where a terminal's master arrives; fd -1: no terminal. */
struct console {
    int fd;
    char name[32]; /* of the socket in the run dir */
};
struct err *console_open(struct shim *s, struct console *ret) __attribute__((warn_unused_result));
/* After the runtime has ended well: it has sent the master before. */
struct err *console_take(const struct console *c, int *ret_master) __attribute__((warn_unused_result));
void console_close(struct shim *s, struct console *c); /* also one that was never opened (fd -1) */

struct runtime_call {
    const char *id;
    int log;             /* memfd: runtime_log_new() */
    int in, out, err;    /* -1: /dev/null */
    const char *bundle;  /* run */
    const char *pidfile; /* run, exec */
    const struct console *console;
    int process; /* exec: memfd of the process object */
    child_done_fn *done;
    void *arg;
};
struct err *runtime_log_new(int *ret_fd) __attribute__((warn_unused_result));
struct err *runtime_run(struct shim *s, const struct runtime_call *c, struct child **ret)
    __attribute__((warn_unused_result));
struct err *runtime_exec(struct shim *s, const struct runtime_call *c, struct child **ret)
    __attribute__((warn_unused_result));
struct err *runtime_delete(struct shim *s, const struct runtime_call *c, struct child **ret)
    __attribute__((warn_unused_result));
/* NULL where it exited 0; else why not, out of its log. */
struct err *runtime_result(int log, int status, bool timed_out) __attribute__((warn_unused_result));
/* The pid it wrote; the file is removed. */
struct err *runtime_pid(const char *pidfile, pid_t *ret) __attribute__((warn_unused_result));

#endif
