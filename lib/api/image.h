/*
 * What wherry-images says: one JSON object per line on stdout.
 *
 *   wherry-images --root STATE/images load FILE|-            progress lines, one image line per image
 *   wherry-images --root ... pull [--insecure] [--auth FILE] REF
 *   wherry-images --root ... inspect REF|ID                  one image line
 *   wherry-images --root ... list                            an image line each
 *   wherry-images --root ... rm REF|ID                       one removed line per thing; CONFLICT while
 * pinned wherry-images --root ... gc [--keep-days N]              removed lines; takes nothing pinned,
 * nothing referenced wherry-images --root ... mount REF DIR | umount DIR      for people: an overlay of the
 * layers, read-only
 *
 *   {"progress":{"image":"docker.io/library/busybox:1","layer":"sha256:..","done":N,"total":N,"phase":"download|unpack"}}
 *   {"image":{...struct image...}}
 *   {"removed":{"kind":"ref|image|layer|blob","name":"..","bytes":N}}
 *   {"error":{"kind":"not found","message":".."}}            last line; exit status 1 (usage: 2)
 *
 * References are normalised as docker does it (busybox -> docker.io/library/busybox:latest). layers[] are
 * absolute folders, bottom first, complete and immutable once listed: whoever has an image line may mount
 * them.
 *
 * A pin keeps an image from rm and gc: a file STATE/images/pins/NAME that holds the image id. The kubelet
 * makes one per container before it asks, and removes it with the container; names of Pods that are gone are
 * stale and are its to remove.
 */
#ifndef WHERRY_API_IMAGE_H
#define WHERRY_API_IMAGE_H

#include "lib/fields.h"

/* OCI image-spec v1.1 config.json, .config */
struct image_config {
    const char *user, *working_dir, *stop_signal;
    struct str_list env, entrypoint, cmd;
    const struct json *volumes, *exposed_ports,
        *labels; /* as they are; nothing of them is ever obeyed unasked */
};
struct image {
    const char *id;          /* sha256:HEX of the config: the image's name in status.imageID */
    struct str_list refs;    /* docker.io/library/busybox:1.35 */
    struct str_list digests; /* docker.io/library/busybox@sha256:... where it was pulled by one */
    struct str_list layers;
    struct opt_int size; /* bytes, unpacked */
    const char *created;
    const char *architecture, *os;
    struct image_config *config;
};
extern const struct fields image_fields, image_config_fields;

/* Normalises a reference: registry/repository[:tag][@digest]. ERR_INVALID says what is wrong with it. */
struct err *image_ref_normalise(struct arena *a, const char *ref, const char **ret)
    __attribute__((warn_unused_result));
/* name is [A-Za-z0-9_.-]+ */
struct err *image_pin(const char *images_root, const char *name, const char *image_id)
    __attribute__((warn_unused_result));
struct err *image_unpin(const char *images_root, const char *name)
    __attribute__((warn_unused_result)); /* absent is success */

#endif
