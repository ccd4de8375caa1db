/* uid_map and gid_map of a user namespace: text from linux.uidMappings, checked (pure). */
#ifndef WHERRY_RUNTIME_IDMAP_H
#define WHERRY_RUNTIME_IDMAP_H

#include "lib/api/oci.h"

#define IDMAP_MAX 340 /* lines that the kernel takes */

/* name: "linux.uidMappings". Empty, overlapping, too many or too large ranges are ERR_INVALID. */
struct err *idmap_text(struct arena *a, const char *name, const struct oci_id_map *v, size_t n,
    const char **ret) __attribute__((warn_unused_result));

#endif
