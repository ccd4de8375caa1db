/* The one clone of a container: init, in its new namespaces and its cgroup2. */
#ifndef WHERRY_RUNTIME_CLONE_H
#define WHERRY_RUNTIME_CLONE_H

#include "runtime/container.h"
#include <sys/types.h>

/* cgroup: of the unified hierarchy, -1: none. *ret_sync is our end of the socket to init. */
struct err *clone_init(struct container *c, int cgroup, pid_t *ret_pid, int *ret_pidfd, int *ret_sync)
    __attribute__((warn_unused_result));
/* clone3(2) with the meaning of fork: 0 in the child. cgroup and ret_pidfd (may be NULL) as above. */
pid_t clone_raw(uint64_t flags, int cgroup, int *ret_pidfd);

#endif
