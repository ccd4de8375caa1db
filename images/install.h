/*
 * From a config and a way to get the layers' bytes to an image in the store: what load and pull share. Layers
 * that are there already are not asked for; the others are unpacked one on the other, checked against their
 * diff_ids, and come into the store all together, with the index, or not at all.
 */
#ifndef WHERRY_IMAGES_INSTALL_H
#define WHERRY_IMAGES_INSTALL_H

#include "images/limits.h"
#include "images/store.h"
#include "lib/fields.h"
#include "lib/mem.h"

struct install_layer {
    const char *name; /* of the blob, for messages and progress */
    int64_t size;     /* of the blob */
};
struct install_source {
    const struct install_layer *layers;
    size_t n_layers;
    /* A descriptor to read layer i's bytes from; the caller closes it. */
    struct err *(*open)(void *arg, size_t i, int *ret_fd);
    /* May be NULL. Runs while the layer is being unpacked, and sends the bytes to what open() gave.
     * *ret_gone: the reader went away (it failed, and knows why). */
    struct err *(*feed)(void *arg, size_t i, bool *ret_gone);
    void *arg;
};
struct install {
    struct job *job;
    const struct limits *limits;
    const char *label; /* of the image, in messages and progress */
    const char *config;
    size_t config_len;
    const char *manifest; /* NULL: there was none */
    size_t manifest_len;
    const char *media_type; /* of the manifest */
    struct str_list refs, digests;
};
/* The image's id to ret_id. */
struct err *install_image(struct arena *a, const struct install *in, const struct install_source *src,
    char ret_id[DIGEST_TEXT]) __attribute__((warn_unused_result));

#endif
