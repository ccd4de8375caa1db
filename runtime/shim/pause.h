/*
 * PID 1 of a Pod's PID namespace (shareProcessNamespace): it reaps, and holds the namespace. Containers can
 * see it, some can trace it: it has no capability, no descriptor, no file system, and nothing to tell.
 */
#ifndef WHERRY_SHIM_PAUSE_H
#define WHERRY_SHIM_PAUSE_H

#include "lib/err.h"
#include <sys/types.h>

/* argv, argc: of main(), overwritten in the child so that it shows up as "pause". It dies with the shim. */
struct err *pause_start(int argc, char **argv, pid_t *ret_pid) __attribute__((warn_unused_result));

#endif
