/*
 * A cgroup that its container may divide (runtime-spec: config-linux.md, "Cgroup ownership"): on v2, where
 * the container has a cgroup namespace of its own and is shown its cgroup for writing, the cgroup and those
 * of its files that the kernel says may be given away belong to the user that the container's process is.
 */
#ifndef WHERRY_RUNTIME_DELEGATION_H
#define WHERRY_RUNTIME_DELEGATION_H

#include "runtime/container.h"

/* Pure. The owner on the host; 0: nothing is given away (root has it already, or the process' user is no user
 * of the host). */
uid_t delegation_owner(const struct container *c);
/* dir: the container's cgroup. */
struct err *delegation_apply(int dir, uid_t owner) __attribute__((warn_unused_result));

#endif
