/*
 * libseccomp 2.5 does not come back from some profiles, and has their author's text to work on. So a profile
 * that is not in the cache is compiled by a child that has so long and no longer.
 */
#ifndef WHERRY_RUNTIME_FILTER_APART_H
#define WHERRY_RUNTIME_FILTER_APART_H

#include "runtime/process/filter.h"

/* As filter_compile(); profile is linux.seccomp. ERR_TIMEOUT after five seconds. */
struct err *filter_compile_apart(struct arena *a, const struct json *profile, struct process_filter *ret)
    __attribute__((warn_unused_result));

#endif
