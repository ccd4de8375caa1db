/* Capabilities: names to sets (libcap knows the names), sets to the kernel (raw calls: between clone and
 * exec). */
#ifndef WHERRY_RUNTIME_CAPS_H
#define WHERRY_RUNTIME_CAPS_H

#include "lib/api/oci.h"

struct caps {
    uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* Unknown names are left out, as a newer config on an older kernel has them; *ret_unknown (may be NULL) is
 * the first of them. */
struct caps caps_plan(const struct oci_capabilities *c, const char **ret_unknown);
/* "CAP_CHOWN" or "chown"; -1 where unknown. */
int caps_number(const char *name);
/* Drops from the bounding set what is not in it. Needs CAP_SETPCAP. */
struct err *caps_bound(const struct caps *c) __attribute__((warn_unused_result));
/* The other four sets, as far as this process has them to give; keep: permitted beyond them. */
struct err *caps_apply(const struct caps *c, uint64_t keep) __attribute__((warn_unused_result));
/* Makes what is permitted effective. */
struct err *caps_raise(uint64_t set) __attribute__((warn_unused_result));

#endif
