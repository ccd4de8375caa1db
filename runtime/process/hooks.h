/* The hooks of the specification: programs with the container's state on stdin, each with a deadline. */
#ifndef WHERRY_RUNTIME_HOOKS_H
#define WHERRY_RUNTIME_HOOKS_H

#include "lib/api/oci.h"

/* One after the other; the first that fails or takes too long ends it. name: "createRuntime", for errors. */
struct err *hooks_run(const char *name, const struct oci_hook_list *l, const struct oci_state *state)
    __attribute__((warn_unused_result));
/* After the end of a container (h may be NULL). One that fails is a warning, and the others run all the same.
 */
void hooks_poststop(const struct oci_hooks *h, const struct oci_state *state);

#endif
