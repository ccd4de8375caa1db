/*
 * The few system calls with which a layer is reached: by the descriptor of its root and a canonical name, no
 * symlink on the way, nothing above, no other mount. They answer -errno, because most failures are answers.
 */
#ifndef WHERRY_IMAGES_AT_H
#define WHERRY_IMAGES_AT_H

#include <stdbool.h>
#include <sys/stat.h>

#define AT_OPAQUE_XATTR "trusted.overlay.opaque"

/* openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV), O_CLOEXEC; path "" is the root itself.
 * O_CREAT is not for here. */
int at_open(int root, const char *path, int flags);
int at_open_dir(int root, const char *path); /* for reading and as the base of other *at() calls */
/* lstat: a symlink at the end is what it is. */
int at_stat(int root, const char *path, struct stat *ret);
bool at_is_whiteout(const struct stat *st); /* overlayfs: a character device 0:0 */
bool at_is_opaque(int dirfd);

#endif
