/* What stays open in a process that is to become the container's program. */
#ifndef WHERRY_RUNTIME_DESCRIPTORS_H
#define WHERRY_RUNTIME_DESCRIPTORS_H

#include "lib/err.h"
#include <stdint.h>

/* How many descriptors from 3 on the caller passes: those of LISTEN_FDS (*ret_listen of them) and
 * --preserve-fds. They must be there, and be the caller's. */
struct err *descriptors_preserved(int64_t option, int *ret, int *ret_listen)
    __attribute__((warn_unused_result));

/* Closes all but stdio, the `preserve` descriptors from 3 on, and those in keep (-1: none there), which move
 * right behind and are closed by an exec. */
struct err *descriptors_close(int preserve, int *const *keep, int n) __attribute__((warn_unused_result));

#endif
