/*
 * Processes that are executed in a running container. Non-terminal ones have the caller's descriptors for
 * their streams, a terminal's master is handed to the caller: nothing of them passes through the shim.
 */
#ifndef WHERRY_SHIM_EXEC_H
#define WHERRY_SHIM_EXEC_H

#include "lib/json.h"
#include "runtime/shim/container.h"
#include "runtime/shim/ops.h"

struct exec_spec {
    const char *exec;           /* the caller's name for it, in its exit event */
    const struct json *process; /* OCI process object */
    bool terminal;
};
/* Answers r when it runs or could not be run; on failure r is the caller's. */
struct err *exec_start(struct container *c, struct arena *a, const struct exec_spec *spec,
    struct ops_fds *fds, struct reply *r) __attribute__((warn_unused_result));

#endif
