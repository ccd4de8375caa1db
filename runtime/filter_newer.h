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

struct filter_newer {
    struct sock_filter *v;
    size_t n; /* 0: nothing to answer */
};

/* archs: SCMP_ARCH_*, doubles are looked at once. Pure. */
void filter_newer(
    struct arena *a, const struct oci_seccomp *s, const uint32_t *archs, size_t n, struct filter_newer *ret);

#endif
