/* Names in a layer: judged and made canonical before anything touches the disk. Pure. */
#ifndef WHERRY_IMAGES_PATH_H
#define WHERRY_IMAGES_PATH_H

#include "images/limits.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>

/* What a name asks for (image-spec, "Layer": whiteouts). */
enum path_kind {
    PATH_ENTRY,    /* an entry of this name */
    PATH_ROOT,     /* the layer's own root folder */
    PATH_WHITEOUT, /* .wh.NAME: path is the name that goes */
    PATH_OPAQUE,   /* .wh..wh..opq: path is the folder whose lower content goes ("": the root) */
    PATH_SKIP,     /* .wh..wh.*, and what lies in it: AUFS's own bookkeeping */
};

/*
 * A relative name without empty, "." or ".." parts, "" for the root. Leading slashes are taken off (tar's
 * habit: the name is meant inside the layer); ".." anywhere is refused, although it might stay inside: nobody
 * who makes images writes it, and nobody agrees what it means behind a symlink.
 */
struct err *path_clean(const char *name, char path[LIMITS_PATH]) __attribute__((warn_unused_result));
/* The same, and the whiteout prefix understood and taken off. */
struct err *path_judge(const char *name, char path[LIMITS_PATH], enum path_kind *ret)
    __attribute__((warn_unused_result));
const char *path_base(const char *path); /* the last part */
/* Writes everything before the last part ("" where there is only one). */
void path_parent(const char *path, char parent[LIMITS_PATH]);
/* parent/base; false where that is too long. */
bool path_join(char out[LIMITS_PATH], const char *parent, const char *base, size_t base_len);

#endif
