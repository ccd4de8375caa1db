/* A procfs that nobody else has: what is mounted, linked or bound in a container leads no write of ours
 * elsewhere. */
#ifndef WHERRY_RUNTIME_PROCFS_H
#define WHERRY_RUNTIME_PROCFS_H

#include "lib/err.h"
#include <sys/types.h>

/* Of the caller's pid namespace, mounted nowhere, and looked at: it is a procfs. Inside a user namespace the
 * kernel gives one only as long as a whole /proc is in sight, thus before paths are masked. */
struct err *procfs_private(int *ret_fd) __attribute__((warn_unused_result));
/* The folder of a process, 0: of our own, in the /proc that is mounted: looked at, to be a procfs and its
 * root. Where nobody but the host has mounted anything, and procfs_put() refuses what is mounted on it there.
 */
struct err *procfs_process(pid_t pid, int *ret_fd) __attribute__((warn_unused_result));
/* One write(2) of text to a file of it; neither a link nor a mount in it is followed. */
struct err *procfs_put(int procfs, const char *path, const char *text) __attribute__((warn_unused_result));

#endif
