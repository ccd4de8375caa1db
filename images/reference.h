/* A normalised reference (lib/api/image.h) taken apart: registry/repository[:tag][@digest]. Pure. */
#ifndef WHERRY_IMAGES_REFERENCE_H
#define WHERRY_IMAGES_REFERENCE_H

#include "lib/err.h"
#include "lib/mem.h"

struct reference {
    const char *text;       /* the whole, normalised */
    const char *registry;   /* docker.io, localhost:5000 */
    const char *repository; /* library/busybox */
    const char *tag;        /* NULL where there is only a digest */
    const char *digest;     /* NULL where there is only a tag */
    const char *name;       /* registry/repository */
};

struct err *reference_parse(struct arena *a, const char *text, struct reference *ret)
    __attribute__((warn_unused_result));
/* What it is kept by: name:tag where it has a tag, "" where not; name@digest. Both live in a. */
const char *reference_tagged(struct arena *a, const struct reference *r); /* NULL without a tag */
const char *reference_by_digest(struct arena *a, const struct reference *r, const char *digest);

#endif
