/* openat2 and friends, raw. */
#include "images/at.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

int at_open(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    long fd;
    do /* EAGAIN: something was renamed meanwhile, the kernel could not be sure */
        fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return fd < 0 ? -errno : (int)fd;
}

int at_open_dir(int root, const char *path)
{
    return at_open(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

int at_stat(int root, const char *path, struct stat *ret)
{
    int fd = at_open(root, path, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return fd;
    int r = fstat(fd, ret) < 0 ? -errno : 0;
    close(fd);
    return r;
}

bool at_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

bool at_is_opaque(int dirfd)
{
    char v;
    return fgetxattr(dirfd, AT_OPAQUE_XATTR, &v, 1) == 1 && v == 'y';
}
