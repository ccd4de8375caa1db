/*
 * The JSON documents of images, as image-spec v1.1 and Docker's schema 2 have them: index (manifest list),
 * manifest, config; and the manifest.json of `docker save`. Read with ceilings; a document that is both an
 * index and a manifest is refused (CVE-2021-41190). Pure.
 */
#ifndef WHERRY_IMAGES_DOCUMENT_H
#define WHERRY_IMAGES_DOCUMENT_H

#include "lib/api/image.h"
#include "lib/err.h"
#include "lib/mem.h"

#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

struct platform {
    const char *os, *architecture, *variant;
};
struct descriptor {
    const char *media_type, *digest;
    struct opt_int size;
    struct platform *platform;
    struct str_list urls;
    struct str_map annotations;
};
struct descriptors {
    size_t n;
    struct descriptor *v;
};

enum document_kind { DOCUMENT_INDEX, DOCUMENT_MANIFEST };
struct document {
    enum document_kind kind;
    const char *media_type;       /* what it says it is, or NULL */
    struct descriptors manifests; /* DOCUMENT_INDEX */
    struct descriptor *config;    /* DOCUMENT_MANIFEST */
    struct descriptors layers;
};
/* content_type: what the registry or the descriptor called it, NULL or "" where nobody did. */
struct err *document_parse(struct arena *a, const char *text, size_t len, const char *content_type,
    struct document *ret) __attribute__((warn_unused_result));
/* The entry of an index for this machine (linux, uname's architecture); NULL where there is none. */
const struct descriptor *document_choose(const struct descriptors *manifests, const struct platform *host);
struct platform document_host(void);

struct image_document { /* the config blob */
    const char *architecture, *os, *variant, *created;
    struct image_config *config;
    struct str_list diff_ids;
};
struct err *document_parse_config(struct arena *a, const char *text, size_t len, struct image_document *ret)
    __attribute__((warn_unused_result));

struct saved_image { /* one of docker save's manifest.json */
    const char *config;
    struct str_list repo_tags, layers;
};
struct err *document_parse_saved(struct arena *a, const char *text, size_t len, struct saved_image **ret,
    size_t *ret_n) __attribute__((warn_unused_result));

/* A manifest of our own, for an image that came without one; layers are named by their diff_ids. */
void document_write_manifest(struct buf *b, const char *config_digest, int64_t config_size,
    const struct str_list *diff_ids, const int64_t *sizes);

#endif
