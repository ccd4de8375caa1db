/* statx(2), which musl has from 1.2.4 on. */
#ifndef WHERRY_RUNTIME_MUSL_SYS_STAT_H
#define WHERRY_RUNTIME_MUSL_SYS_STAT_H

#include_next <sys/stat.h>

#ifndef STATX_TYPE
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret)
{
    return (int)syscall(SYS_statx, dirfd, path, flags, mask, ret);
}
#endif

#endif
