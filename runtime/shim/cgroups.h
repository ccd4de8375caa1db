/* What the shim asks of cgroups: was something killed for want of memory; signal everything. */
#ifndef WHERRY_SHIM_CGROUPS_H
#define WHERRY_SHIM_CGROUPS_H

#include "lib/err.h"
#include <stdint.h>

struct shim;
/* Processes of the container that the kernel has killed so far; 0 where that cannot be known. */
uint64_t cgroups_oom_kills(const struct shim *s, const char *id);
/* Every process of the container. SIGKILL is repeated for those that are being forked meanwhile. */
struct err *cgroups_signal(const struct shim *s, const char *id, int sig) __attribute__((warn_unused_result));
/* Removes its cgroup, if it is still there. Waits: for a job's process. */
struct err *cgroups_remove(const struct shim *s, const char *id) __attribute__((warn_unused_result));

#endif
