/*
 * libseccomp 2.5 makes wrong programs of some profiles, and such a filter may allow more than the profile
 * does. Two ways are known, both found by fuzzing:
 * - rules that compare one 64-bit argument by order (GT, GE, LT, LE) with different upper halves: a
 * comparison of the upper half is reached with the lower half loaded;
 * - arguments of a call that one of several ABIs lacks (_llseek, with x32): the number of the call is not
 * loaded, and the architecture is compared with it. A right program compares, at each place, one and the same
 * word, and the architecture with architectures only. What is not so is refused: a profile that cannot be had
 * is an error, not another filter.
 */
#ifndef WHERRY_RUNTIME_FILTER_CHECK_H
#define WHERRY_RUNTIME_FILTER_CHECK_H

#include "runtime/process/filter_newer.h"

/* Pure. ERR_UNSUPPORTED: it is wrong, or has no end. */
struct err *filter_check(const struct sock_filter *v, size_t n, const struct filter_archs *l)
    __attribute__((warn_unused_result));
/* Where the instruction at a place leads, into next[2]: how many places; where a condition holds, first. */
size_t filter_successors(const struct sock_filter *i, size_t at, size_t next[2]);

#endif
