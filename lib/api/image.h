/*
 * What wherry-images says: one JSON object per line on stdout.
 *
 *   wherry-images --root STATE/images COMMAND
 *     load FILE|-                          progress lines, one image line per image
 *     pull [--insecure] [--auth FILE] [--ca FILE] REF
 *                                          the same; the CA instead of the system's
 *     inspect REF|ID                       one image line; an id may be cut to 12 digits
 *     list                                 an image line each
 *     rm REF|ID                            a removed line per thing; CONFLICT while pinned
 *     gc [--keep-days N]                   images without a name (for N days), and what no image
 *                                          needs; takes nothing pinned, nothing in use
 *     mount REF|ID DIR, umount DIR         for people: the layers merged, read-only, pinned
 *   load and pull take --max-layer-bytes N and --max-entries N.
 *
 *   {"progress":{"image":"docker.io/library/busybox:1","layer":"sha256:..","done":N,"total":N,
 *                "phase":"read|download|unpack"}}
 *                                        at most ten a second; no layer while a tarball is read, no
 *                                        total where its size is not known
 *   {"image":{...struct image...}}
 *   {"removed":{"kind":"ref|image|layer|blob","name":"..","bytes":N}}
 *   {"error":{"kind":"not found","message":".."}}
 *                                        the last line; exit status 1 (usage: 2)
 *
 * References are normalised as docker does it (busybox -> docker.io/library/busybox:latest). layers[] are
 * absolute folders, bottom first, complete and immutable once listed, in overlayfs's form (whiteouts are
 * devices 0:0): whoever has an image line may mount them. The lowest may be mounted alone.
 *
 * A pin keeps an image from rm and gc: a file STATE/images/pins/NAME that holds the image id. The kubelet
 * makes one per container before it asks (inspect and rm exclude each other: who pins, asks, and is answered,
 * keeps the image), and removes it with the container; names of Pods that are gone are stale and are its to
 * remove.
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
