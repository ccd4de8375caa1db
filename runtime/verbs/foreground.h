/* Staying with a process: signals go on to it, a terminal is relayed, its end is reported. For run and exec.
 */
#ifndef WHERRY_RUNTIME_FOREGROUND_H
#define WHERRY_RUNTIME_FOREGROUND_H

#include "lib/err.h"
#include "runtime/verbs/notify.h"
#include <sys/types.h>

struct foreground {
    int signals; /* signalfd */
    bool reaps;
    struct notify notify; /* no manager: nothing to forward */
};

/* Before the clone: from now on signals wait. reaps: orphans of the container that would leave it, having no
 * pid namespace of their own, become our children, and nobody's zombies (PR_SET_CHILD_SUBREAPER). */
struct err *foreground_begin(struct foreground *f, bool reaps) __attribute__((warn_unused_result));
/* console: the socket that the terminal's master comes out of, -1: none. *ret_status as a shell has it. */
struct err *foreground_stay(struct foreground *f, pid_t pid, int pidfd, int console, int *ret_status)
    __attribute__((warn_unused_result));

#endif
