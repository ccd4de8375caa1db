/*
 * uid_map and gid_map of a user namespace: text from linux.uidMappings and its like, checked (pure); and the
 * namespaces that exist only for their maps, as an id-mapped mount wants one.
 */
#ifndef WHERRY_RUNTIME_IDMAP_H
#define WHERRY_RUNTIME_IDMAP_H

#include "lib/api/oci.h"

#define IDMAP_MAX 340 /* lines that the kernel takes */

/* name: "linux.uidMappings". Empty, overlapping, too many or too large ranges are ERR_INVALID. */
struct err *idmap_text(struct arena *a, const char *name, const struct oci_id_map *v, size_t n,
    const char **ret) __attribute__((warn_unused_result));

struct idmap_list {
    struct oci_id_map *v;
    size_t n;
};
/* crun's "uids=0-1000-10#10-2000-5;gids=0-1000-10": from, to, size. "@" before a range: `to` is an id of the
 * container, and becomes the host's by linux.uidMappings (l may be NULL: none). */
struct err *idmap_parse(struct arena *a, const struct oci_linux *l, const char *text,
    struct idmap_list *ret_uids, struct idmap_list *ret_gids) __attribute__((warn_unused_result));

/* A descriptor of a new user namespace with these maps; nobody is in it. */
struct err *idmap_namespace(const char *uids, const char *gids, int *ret_fd)
    __attribute__((warn_unused_result));

#endif
