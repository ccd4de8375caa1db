/*
 * Tar as a sequence of entries, out of an inflate stream. libarchive parses; this file gives its entries a
 * plain face, so that what writes them knows nothing of archives. Names are bytes, not yet judged: path.h.
 */
#ifndef WHERRY_IMAGES_TAR_H
#define WHERRY_IMAGES_TAR_H

#include "images/inflate.h"
#include "lib/err.h"
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct tar_entry {
    const char *path;
    const char *link; /* target of a hard link (is_hardlink) or a symlink, else NULL */
    bool is_hardlink;
    mode_t mode; /* S_IFMT and the twelve bits */
    int64_t uid, gid;
    int64_t size; /* of a regular file */
    dev_t rdev;
    struct timespec mtime;
};

struct tar;
struct tar *tar_new(struct inflate *in, uint64_t max_entries);
void tar_free(struct tar *t);
/* *ret NULL with success: the end. The entry lives until the next call. */
struct err *tar_next(struct tar *t, const struct tar_entry **ret) __attribute__((warn_unused_result));
/* The next block of the entry's data and where in the file it belongs (holes are left out); *ret_len 0: the
 * end. Checked: blocks come in order and lie within the entry's size. */
struct err *tar_data(struct tar *t, const void **ret, size_t *ret_len, int64_t *ret_offset)
    __attribute__((warn_unused_result));
/* The entry's extended attributes, one per call; *ret_name NULL: no more. */
void tar_xattr(struct tar *t, const char **ret_name, const void **ret_value, size_t *ret_len);
uint64_t tar_entries(const struct tar *t);

void tar_cleanup(struct tar **t);
#define auto_tar __attribute__((cleanup(tar_cleanup))) struct tar

#endif
