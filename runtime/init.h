/* The first process of a container, from its birth to execve: see init.c. */
#ifndef WHERRY_RUNTIME_INIT_H
#define WHERRY_RUNTIME_INIT_H

#include "runtime/container.h"

/* joined: namespaces given by path were entered before the clone. Does not return. */
void init_main(struct container *c, int sync, bool joined) __attribute__((noreturn));

#endif
