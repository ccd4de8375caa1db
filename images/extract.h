/*
 * Writes the entries of one layer into a folder, in the form in which overlayfs takes it as a layer:
 * whiteouts become character devices 0:0, opaque folders get trusted.overlay.opaque=y. Everything is reached
 * by descriptor from the layer's root (at.h): no entry, in whatever order, gets out of it.
 *
 * A name whose folders are symlinks is resolved as a process in the finished image would see it, over this
 * layer and those below (containerd and umoci do so, too: `bin/x` on a base with bin -> usr/bin is
 * usr/bin/x);
 * ".." in a link's target stops at the root. The last part of a name is never followed: a new entry replaces
 * what has its name, and only a folder upon a folder is kept. Folders that the tar does not mention get
 * owner, mode, time and user.* attributes from the layer below that has them.
 */
#ifndef WHERRY_IMAGES_EXTRACT_H
#define WHERRY_IMAGES_EXTRACT_H

#include "images/limits.h"
#include "images/tar.h"

struct extract;
/* root: an empty folder; lower: the layers below, the nearest first. The descriptors stay the caller's and
 * open until extract_free(). The caller has umask 0. */
struct extract *extract_new(int root, const int *lower, size_t n_lower, const struct limits *limits);
void extract_free(struct extract *x);
struct err *extract_entry(struct extract *x, struct tar *t, const struct tar_entry *e)
    __attribute__((warn_unused_result));
/* After the last entry: times of folders, and what an opaque root hides. */
struct err *extract_finish(struct extract *x) __attribute__((warn_unused_result));
uint64_t extract_bytes(const struct extract *x); /* of file content written */

void extract_cleanup(struct extract **x);
#define auto_extract __attribute__((cleanup(extract_cleanup))) struct extract

#endif
