/*
 * What the layers below show at a name, as overlayfs will merge them: whiteouts, opaque folders and
 * non-folders hide what lies under them. The layer being written counts, too: what it hides is not below.
 */
#ifndef WHERRY_IMAGES_MERGE_H
#define WHERRY_IMAGES_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct merge {
    int upper;        /* root of the layer being written */
    const int *lower; /* roots of those below, the nearest first */
    size_t n;
};
struct merge_found {
    struct stat st; /* of the uppermost layer below that has it */
    size_t layer;   /* index in lower */
};
/* 1 and *ret: it is there; 0: nothing to be seen; -errno. path is canonical, without symlinks on the way. */
int merge_lookup(const struct merge *m, const char *path, struct merge_found *ret);

#endif
