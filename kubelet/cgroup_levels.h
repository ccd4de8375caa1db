/*
 * The top of our cgroup subtree, made once at start with libcgroup, which knows where v1, hybrid and v2 hosts
 * have their controllers and what each is called: CGROUP/kubepods, its quality-of-service levels, and their
 * shares. What happens per Pod goes by descriptor (lib/cgroup.h). The two have names in common: only this
 * file sees libcgroup's header.
 */
#ifndef WHERRY_KUBELET_CGROUP_LEVELS_H
#define WHERRY_KUBELET_CGROUP_LEVELS_H

#include "lib/err.h"
#include <stdint.h>

/* path below every hierarchy ("/wherry/kubepods"); file and value: of its cpu controller (cpu.shares,
 * cpu.weight: this libcgroup cannot tell which). Existing is success. */
struct err *cgroup_levels_make(const char *path, const char *file, int64_t value)
    __attribute__((warn_unused_result));

#endif
