/* Keeps the runtime's own binary out of reach of containers. */
#ifndef WHERRY_RUNTIME_SEAL_H
#define WHERRY_RUNTIME_SEAL_H

#include "lib/err.h"

#define SEAL_FD 700 /* beyond what --preserve-fds may pass */

/* Returns where this process runs from a read-only mount; else executes the same again from one. */
struct err *seal_self(char **argv) __attribute__((warn_unused_result));

/* Gives back what the read-only mount was held by. The last of the processes that have it pays for it: a
 * child says this at once, its parent when it has nothing else to do. */
void seal_release(void);

#endif
