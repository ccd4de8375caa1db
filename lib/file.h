/*
 * Files by descriptor. State is written whole or not at all; what lies inside a rootfs, a volume or an
 * image layer is only ever reached through a directory descriptor and openat2(2).
 */
#ifndef WHERRY_FILE_H
#define WHERRY_FILE_H

#include "lib/buf.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a regular file of at most max bytes into *ret (NUL-terminated, the caller frees). A FIFO, device or
 * directory is ERR_INVALID and is not waited for; a longer file is ERR_LIMIT. ret_len may be NULL. */
struct err *file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
    __attribute__((warn_unused_result));
struct err *file_read_fd(int fd, size_t max, char **ret, size_t *ret_len) __attribute__((warn_unused_result));
/* The same of whatever fd is, until its end: a person's standard input is waited for. */
struct err *file_read_stream(int fd, size_t max, char **ret, size_t *ret_len)
    __attribute__((warn_unused_result));
/* A file of procfs, sysfs or cgroupfs: one write(2) of the whole text, O_WRONLY, never created. */
struct err *file_put(int dirfd, const char *path, const char *text) __attribute__((warn_unused_result));

enum file_sync { FILE_FSYNC, FILE_NO_FSYNC }; /* NO_FSYNC: for what a reboot forgets anyway (below /run) */
/* Whole or not at all: a temporary file in the same directory (.NAME.tmp, locked), fsync, rename, fsync of
 * the directory. Writers of one file come one after the other; what a killed one left, the next one takes
 * over. */
struct err *file_write_atomic(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
    enum file_sync sync) __attribute__((warn_unused_result));

/* mkdir -p by descriptor; existing directories are kept as they are. ret_fd (may be NULL) is an O_PATH
 * descriptor of the last one. */
struct err *file_mkdirs(int dirfd, const char *path, mode_t mode, int *ret_fd)
    __attribute__((warn_unused_result));
/* rm -r below and including path. Never follows a symlink, never crosses into another mount (ERR_CONFLICT
 * names it). Something that is not there is success. */
struct err *file_remove_tree(int dirfd, const char *path) __attribute__((warn_unused_result));

/* openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` as a process chrooted to rootfd sees it. */
struct err *file_open_in_root(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd)
    __attribute__((warn_unused_result));
/* openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS: no link on the way, nothing above. */
struct err *file_open_beneath(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd)
    __attribute__((warn_unused_result));
/* mkdir -p as seen inside rootfd, step by step by descriptor (symlinks are resolved inside the root). */
struct err *file_mkdirs_in_root(int rootfd, const char *path, mode_t mode, int *ret_fd)
    __attribute__((warn_unused_result));

/* An exclusive flock(2) on path (made when absent), waited for up to timeout_ms. Closing unlocks. */
struct err *file_lock(int dirfd, const char *path, unsigned timeout_ms, int *ret_fd)
    __attribute__((warn_unused_result));

struct err *file_write_all(int fd, const void *data, size_t n)
    __attribute__((warn_unused_result)); /* EINTR, short */
bool file_exists(int dirfd, const char *path);

#endif
