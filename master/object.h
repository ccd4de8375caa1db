/*
 * A stored object: the bytes that are sent, and a header of what the master looks at without parsing. It
 * never changes: a write makes a new one. Counted references; only the loop's thread takes and drops them.
 */
#ifndef WHERRY_MASTER_OBJECT_H
#define WHERRY_MASTER_OBJECT_H

#include "lib/fields.h"
#include "lib/json.h"
#include "master/kind.h"
#include <stdint.h>

struct object_owner {
    const char *api_version, *kind, *name, *uid;
    bool controller, block_deletion;
};

struct object {
    unsigned refs;
    const struct kind *kind;
    uint64_t rev;
    const char *ns, *name, *uid; /* ns "" for cluster-scoped kinds */
    const char *key;             /* "ns/name", or "name" */
    bool deleting;               /* deletionTimestamp is set */
    int64_t created;             /* seconds since 1970 */
    struct str_map labels;
    const char **fields; /* parallel to kind->fields */
    size_t n_owners, n_finalizers;
    struct object_owner *owners;
    const char **finalizers;
    size_t len;
    const char *json; /* NUL-terminated */
};

/* From a whole tree (apiVersion, kind and metadata are there); its metadata.resourceVersion becomes rev. */
struct object *object_new(const struct kind *kind, const struct json *tree, uint64_t rev);
/* The same object as of another revision: what a DELETED event carries. */
struct object *object_at(const struct object *o, uint64_t rev);
/* From stored bytes. */
struct err *object_load(const struct kind *kind, uint64_t rev, const char *json, size_t len,
    struct object **ret) __attribute__((warn_unused_result));

const struct object *object_ref(const struct object *o); /* NULL stays NULL */
void object_unref(const struct object *o);

/* The tree, in the caller's arena. Stored bytes always parse. */
const struct json *object_tree(struct arena *a, const struct object *o);
/* The owner that controls it; NULL: none. */
const struct object_owner *object_controller(const struct object *o);
const char *object_field(const struct object *o, const char *name); /* of kind->fields */

#endif
