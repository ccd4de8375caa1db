/*
 * System calls that are newer than the profile. Whoever wrote a list of what is allowed could not name them,
 * and a program that tries one and gets EPERM gives up, where ENOSYS would make it go another way. So, as
 * runc has it, every number above the largest one that the profile names (of that architecture, whatever the
 * action) is answered with ENOSYS, by a few instructions that stand before libseccomp's program and fall
 * through to it.
 */
#ifndef WHERRY_RUNTIME_FILTER_NEWER_H
#define WHERRY_RUNTIME_FILTER_NEWER_H

#include "lib/api/oci.h"
#include <linux/filter.h>
#include <stdint.h>

struct filter_archs { /* SCMP_ARCH_*, maybe some twice */
    uint32_t *v;
    size_t n;
};
/* Of a number: the kernel knows x32 by it, not by an architecture of its own. */
#define FILTER_X32_BIT 0x40000000
/* As the kernel has it: x32 is libseccomp's own. */
uint32_t filter_audit_arch(uint32_t scmp_arch);

struct filter_newer {
    struct sock_filter *v;
    size_t n; /* 0: nothing to answer */
};
/* Pure. */
void filter_newer(
    struct arena *a, const struct oci_seccomp *s, const struct filter_archs *l, struct filter_newer *ret);

#endif
