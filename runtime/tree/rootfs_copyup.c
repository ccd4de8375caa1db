/*
 * tmpcopyup: what a tmpfs is about to hide is copied into it first, by descriptor: folders, files, links,
 * nodes, with their modes, owners, times and extended attributes. Nothing is followed, and no other mount is
 * entered.
 */
#include "lib/mem.h"
#include "runtime/tree/rootfs_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MAX 256 /* of folders: a descriptor pair each */
#define XATTR_MAX (64 << 10)

static struct err *copy_folder(int from, int to, int depth);

/* As far as the tmpfs keeps them. */
static void copy_xattrs(int from, int to)
{
    char names[4096];
    auto_free char *value = NULL;
    ssize_t n = flistxattr(from, names, sizeof(names));
    for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
        if (!value)
            value = mem_zalloc(XATTR_MAX);
        ssize_t len = fgetxattr(from, name, value, XATTR_MAX);
        if (len >= 0)
            fsetxattr(to, name, value, (size_t)len, 0);
    }
}

/* An owner that our user namespace does not know stays behind. */
static struct err *copy_owner(int to, const struct stat *st)
{
    if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EINVAL && errno != EPERM)
        return err_sys(errno, "chown");
    return NULL;
}

/* Owner first: changing it drops the set-id bits. */
static struct err *copy_attributes(int to, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    TRY(copy_owner(to, st));
    if (fchmod(to, st->st_mode & 07777) < 0)
        return err_sys(errno, "chmod");
    futimens(to, times);
    return NULL;
}

static struct err *copy_bytes(int from, int to)
{
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX & ~4095L, 0);
        if (n == 0)
            return NULL;
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP))
            break;
        if (n < 0)
            return err_sys(errno, "copy");
    }
    char block[32 << 10];
    for (ssize_t n; (n = read(from, block, sizeof(block))) != 0;)
        if (n < 0 || write(to, block, (size_t)n) != n)
            return err_sys(n < 0 ? errno : ENOSPC, "copy");
    return NULL;
}

static struct err *copy_file(int from_dir, int to_dir, const char *name)
{
    struct stat st;
    auto_close from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0)
        return err_sys(errno, "open");
    if (!S_ISREG(st.st_mode))
        return err_new(ERR_CONFLICT, "has changed meanwhile");
    auto_close to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return err_sys(errno, "make");
    TRY(copy_bytes(from, to));
    copy_xattrs(from, to);
    return copy_attributes(to, &st);
}

static struct err *copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char text[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, text, sizeof(text) - 1);
    if (n < 0)
        return err_sys(errno, "read the link");
    text[n] = '\0';
    if (symlinkat(text, to_dir, name) < 0)
        return err_sys(errno, "make the link");
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL &&
        errno != EPERM)
        return err_sys(errno, "chown");
    return NULL;
}

static struct err *copy_below(int from_dir, int to_dir, const char *name, int depth)
{
    auto_close from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return err_sys(errno, "open");
    if (mkdirat(to_dir, name, 0700) < 0)
        return err_sys(errno, "mkdir");
    auto_close to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return err_sys(errno, "open the copy");
    return copy_folder(from, to, depth + 1);
}

static struct err *copy_one(int from, int to, const char *name, dev_t dev, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(errno, "stat");
    if (S_ISDIR(st.st_mode))
        return st.st_dev == dev ? copy_below(from, to, name, depth) : NULL;
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name);
    if (S_ISLNK(st.st_mode))
        return copy_link(from, to, name, &st);
    if (mknodat(to, name, st.st_mode, st.st_rdev) < 0)
        return err_sys(errno, "mknod");
    return fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(errno, "chown") : NULL;
}

static struct err *copy_folder(int from, int to, int depth)
{
    struct stat st;
    if (depth > DEPTH_MAX)
        return err_new(ERR_LIMIT, "folders more than %d deep", DEPTH_MAX);
    auto_close again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0 || fstat(again, &st) < 0)
        return err_sys(errno, "open");
    auto_closedir *d = fdopendir(again);
    if (!d)
        return err_sys(errno, "read the folder");
    again = -1; /* the DIR's now */
    for (struct dirent *de; (de = readdir(d));)
        if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
            TRY_WRAP(copy_one(from, to, de->d_name, st.st_dev, depth), "%s", de->d_name);
    copy_xattrs(dirfd(d), to);
    return depth ? copy_attributes(to, &st) : NULL; /* the top is the mount's: its options speak */
}

struct err *rootfs_copy_up(int from, int to, bool owner)
{
    struct stat st;
    auto_close top = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* more than O_PATH */
    if (top < 0 || fstat(from, &st) < 0)
        return err_sys(errno, "open");
    TRY(copy_folder(from, top, 0));
    return owner ? copy_owner(top, &st) : NULL;
}
