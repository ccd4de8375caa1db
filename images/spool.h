/*
 * The files of an image tarball, taken apart: a confined child reads it (from a file or a pipe, in whatever
 * order and compression), writes each member to a file of its own in the job's folder and hashes it on the
 * way. A member blobs/sha256/HEX that is not what its name says fails there and then.
 */
#ifndef WHERRY_IMAGES_SPOOL_H
#define WHERRY_IMAGES_SPOOL_H

#include "images/limits.h"
#include "images/store.h"
#include "lib/mem.h"

struct spool_file {
    const char *name;
    const char *link; /* another member's name; then the rest is unset */
    const char *file; /* below the job's spool/ */
    const char *digest;
    int64_t size;
};
struct spool {
    struct job *job;
    size_t n;
    struct spool_file *v;
};
/* total: bytes of the tarball, for progress, -1: unknown. label names it. */
struct err *spool_read(struct arena *a, struct job *job, int in, const char *label, int64_t total,
    const struct limits *limits, struct spool *ret) __attribute__((warn_unused_result));
/* By name, links followed; NULL where there is none. */
const struct spool_file *spool_find(const struct spool *s, const char *name);
const struct spool_file *spool_find_digest(const struct spool *s, const char *digest);
struct err *spool_open(const struct spool *s, const struct spool_file *f, int *ret_fd)
    __attribute__((warn_unused_result));
void spool_drop(const struct spool *s, const struct spool_file *f); /* is not going to be opened again */
/* A document; into the arena. */
struct err *spool_text(struct arena *a, const struct spool *s, const struct spool_file *f, const char **ret,
    size_t *ret_len) __attribute__((warn_unused_result));

#endif
