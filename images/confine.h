/*
 * What each process of a job gives up before it reads what strangers wrote. All of it holds for good
 * (no_new_privs) and for every child. What a kernel lacks is left out: each wall stands alone.
 *
 *              network  writes            capabilities         system calls
 *   boss       -        below the store   those of unpacking   all
 *   fetcher    yes      none              none, uid nobody     all but exec and the like
 *   unpacker   no       one folder        those of unpacking   an allow-list
 */
#ifndef WHERRY_IMAGES_CONFINE_H
#define WHERRY_IMAGES_CONFINE_H

#include "lib/err.h"

/* No core dumps, not to be traced, umask 077, no inheritable or ambient capability; for all commands. */
struct err *confine_start(void) __attribute__((warn_unused_result));
/* Writes only below the folder `root`; capabilities CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP and
 * SYS_ADMIN (setting trusted.overlay.opaque asks for it). */
struct err *confine_boss(int root) __attribute__((warn_unused_result));
struct err *confine_fetcher(void) __attribute__((warn_unused_result));
/* Reads below the folder `read_root`, writes below `write_root` only. */
struct err *confine_unpacker(int read_root, int write_root) __attribute__((warn_unused_result));

#endif
