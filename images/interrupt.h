/*
 * Ctrl-C and SIGTERM in load and pull: the waiting call ends with an error, so that what is unfinished is
 * removed on the way out. (Whatever kills harder leaves it to the next command.)
 */
#ifndef WHERRY_IMAGES_INTERRUPT_H
#define WHERRY_IMAGES_INTERRUPT_H

#include "lib/err.h"

void interrupt_catch(void);
/* Asked wherever a wait ended with EINTR, and between two waits; NULL: go on. */
struct err *interrupt_check(void) __attribute__((warn_unused_result));

#endif
