/* The unpacker's system calls. */
#ifndef WHERRY_IMAGES_CONFINE_SECCOMP_H
#define WHERRY_IMAGES_CONFINE_SECCOMP_H

#include "lib/err.h"

/* From here on: files by descriptor, memory, time, exit. Anything else fails with EPERM; another
 * architecture's calls kill. */
struct err *confine_seccomp_unpacker(void) __attribute__((warn_unused_result));

#endif
