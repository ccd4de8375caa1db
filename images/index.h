/*
 * index.json: which images there are and what they are called. An OCI image index, one manifest per image, with
 * annotations:
 *
 *   io.wherry.image.id        the digest of its config
 *   io.wherry.image.refs      registry/repository:tag ..., one space between
 *   io.wherry.image.digests   registry/repository@sha256:... ...
 *   io.wherry.image.since     when it was last pulled, loaded, or lost a name
 *
 * What an image says of itself is not copied here: these words are only ever ours. Changing it is pure; read and
 * write are called under the store's lock.
 */
#ifndef WHERRY_IMAGES_INDEX_H
#define WHERRY_IMAGES_INDEX_H

#include "images/reference.h"
#include "images/store.h"
#include "lib/fields.h"
#include "lib/mem.h"

struct index_image {
    const char *id, *since;
    const char *manifest, *media_type;
    int64_t manifest_size;
    struct str_list refs, digests;
};
struct index {
    struct arena *a; /* the caller's */
    size_t n;
    struct index_image *v;
};

struct err *index_read(const struct store *s, struct arena *a, struct index *ret)
    __attribute__((warn_unused_result));
struct err *index_write(const struct store *s, const struct index *ix) __attribute__((warn_unused_result));

struct index_image *index_by_id(const struct index *ix, const char *id);
/* REF or ID as a person types it: a reference, an id, or at least 12 digits of one. ERR_NOT_FOUND;
 * ERR_INVALID where it fits several. */
struct err *index_find(const struct index *ix, const char *text, struct index_image **ret)
    __attribute__((warn_unused_result));
/* The image (new, or known by its id) with these names more; other images lose them. NULL: no such name. */
void index_put(struct index *ix, const struct index_image *image, const char *ref, const char *digest);
void index_drop_name(struct index *ix, struct index_image *image, const char *name);
void index_drop(struct index *ix, struct index_image *image);
bool index_has(const struct str_list *l, const char *s);

#endif
