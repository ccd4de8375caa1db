/*
 * linux.sysctl: only what belongs to a namespace of the container's own may be set, and it is written through
 * a procfs that nobody else has, so that nothing mounted or linked in a container leads the write elsewhere.
 */
#ifndef WHERRY_RUNTIME_SYSCTL_H
#define WHERRY_RUNTIME_SYSCTL_H

#include "lib/api/oci.h"

/* ns: CLONE_NEW* of the namespaces that are the container's. Pure. */
struct err *sysctl_check(const struct str_map *m, int ns) __attribute__((warn_unused_result));
/* By the process inside the namespaces; procfs: procfs_private(). */
struct err *sysctl_write(const struct str_map *m, int procfs) __attribute__((warn_unused_result));

#endif
