/* The hooks of the specification: programs with the container's state on stdin, each with a deadline. */
#ifndef WHERRY_RUNTIME_HOOKS_H
#define WHERRY_RUNTIME_HOOKS_H

#include "lib/api/oci.h"

struct process_plan;

/* Where annotations want the output of hooks; each -1: in memory, and its end is part of the error. */
struct hooks_output {
    int out, err;
};
#define HOOKS_OUTPUT_NONE ((struct hooks_output){-1, -1})
struct err *hooks_open_output(const struct str_map *annotations, struct hooks_output *ret)
    __attribute__((warn_unused_result));

/* One after the other; the first that fails or takes too long ends it. name: "createRuntime", for errors. */
struct err *hooks_run(const char *name, const struct oci_hook_list *l, const struct oci_state *state)
    __attribute__((warn_unused_result));
/* The same where the annotations' paths are another's: in the container, output is what was opened before.
 * NULL for hooks of startContainer: a file of the host has no place among a container's own processes.
 * inside: the process whose filter confines them and, without one of their own, whose environment they have;
 * NULL: no filter, the caller's environment. */
struct err *hooks_run_inside(const char *name, const struct oci_hook_list *l, const struct oci_state *state,
    const struct hooks_output *output, const struct process_plan *inside) __attribute__((warn_unused_result));
/* After the end of a container (h may be NULL). One that fails is a warning, and the others run all the same.
 */
void hooks_poststop(const struct oci_hooks *h, const struct oci_state *state);

#endif
