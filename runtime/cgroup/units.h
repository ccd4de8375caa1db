/* Numbers with units on command lines, as runc takes them. */
#ifndef WHERRY_RUNTIME_UNITS_H
#define WHERRY_RUNTIME_UNITS_H

#include "lib/err.h"
#include <stdint.h>

/* "5s", "100ms", "1m30s", "1.5h": to nanoseconds, more than 0. option: its name, for errors. */
struct err *units_duration(const char *option, const char *text, int64_t *ret_ns)
    __attribute__((warn_unused_result));
/* "64m", "1.5 GiB", "100KB" (of 1024s, all of them), "512": to bytes. "-1" is -1: no limit. */
struct err *units_size(const char *option, const char *text, int64_t *ret)
    __attribute__((warn_unused_result));

#endif
