/* Owner, mode, extended attributes and times, by descriptor. */
#include "images/at.h"
#include "images/extract_parts.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What an image may bring along. trusted.* is overlayfs's own (a layer could hide or redirect other layers'
 * files), user.overlay.* the same for unprivileged mounts, security.selinux and ima are the node's to give.
 */
static bool xattr_is_welcome(const char *name)
{
    if (!strcmp(name, "security.capability"))
        return true;
    return !strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13) != 0;
}

static struct err *set_xattr(int fd, const char *path, const char *name, const void *value, size_t len)
{
    if (!xattr_is_welcome(name) || !fsetxattr(fd, name, value, len, 0))
        return NULL;
    if (errno == EOPNOTSUPP && !strncmp(name, "user.", 5)) /* a tmpfs of an older kernel */
        return NULL;
    return err_sys(errno, "%s: set attribute %s", path, name);
}

struct err *extract_check_owner(const struct tar_entry *e)
{
    if (e->uid < 0 || e->uid >= UINT32_MAX)
        return err_new(ERR_INVALID, "%s: owner %lld", e->path, (long long)e->uid);
    if (e->gid < 0 || e->gid >= UINT32_MAX)
        return err_new(ERR_INVALID, "%s: group %lld", e->path, (long long)e->gid);
    return NULL;
}

/* The order matters: chown takes set-user-ID bits and capabilities away, so mode and attributes follow it. */
struct err *extract_attr(struct extract *x, struct tar *t, const struct tar_entry *e, int fd)
{
    (void)x;
    if ((e->uid || e->gid) && fchown(fd, (uid_t)e->uid, (gid_t)e->gid))
        return err_sys(errno, "%s: set owner %lld:%lld", e->path, (long long)e->uid, (long long)e->gid);
    if (fchmod(fd, e->mode & 07777))
        return err_sys(errno, "%s: set mode", e->path);
    const char *name;
    const void *value;
    size_t len;
    for (tar_xattr(t, &name, &value, &len); name; tar_xattr(t, &name, &value, &len))
        TRY(set_xattr(fd, e->path, name, value, len));
    const struct timespec times[2] = {e->mtime, e->mtime};
    if (S_ISREG(e->mode) && futimens(fd, times))
        return err_sys(errno, "%s: set time", e->path);
    return NULL;
}

struct err *extract_attr_at(const struct tar_entry *e, int dirfd, const char *base)
{
    if ((e->uid || e->gid) && fchownat(dirfd, base, (uid_t)e->uid, (gid_t)e->gid, AT_SYMLINK_NOFOLLOW))
        return err_sys(errno, "%s: set owner %lld:%lld", e->path, (long long)e->uid, (long long)e->gid);
    const struct timespec times[2] = {e->mtime, e->mtime};
    if (utimensat(dirfd, base, times, AT_SYMLINK_NOFOLLOW))
        return err_sys(errno, "%s: set time", e->path);
    return NULL;
}

static struct err *copy_xattrs(int from, int to, const char *path)
{
    char names[65536], value[65536];
    ssize_t n = flistxattr(from, names, sizeof names);
    if (n < 0)
        return errno == EOPNOTSUPP ? NULL : err_sys(errno, "%s: list attributes", path);
    for (const char *name = names; name < names + n; name += strlen(name) + 1) {
        if (!xattr_is_welcome(name))
            continue;
        ssize_t len = fgetxattr(from, name, value, sizeof value);
        if (len < 0)
            return err_sys(errno, "%s: attribute %s", path, name);
        TRY(set_xattr(to, path, name, value, (size_t)len));
    }
    return NULL;
}

struct err *extract_attr_copy(int from, int to, const char *path)
{
    struct stat st;
    if (fstat(from, &st) || fchown(to, st.st_uid, st.st_gid) || fchmod(to, st.st_mode & 07777))
        return err_sys(errno, "%s: owner and mode of the layer below", path);
    return copy_xattrs(from, to, path);
}

void extract_time_later(struct extract *x, const char *path, struct timespec mtime)
{
    if (x->n_times == x->cap_times) {
        x->cap_times = x->cap_times ? 2 * x->cap_times : 64;
        x->times = mem_realloc(x->times, x->cap_times, sizeof *x->times);
    }
    x->times[x->n_times++] = (struct extract_time){mem_strdup(path), mtime};
}

/* In the order of the entries: of two times for one folder the later holds. A name that is no folder any more
 * was replaced by a later entry, which has its own time. */
struct err *extract_times(struct extract *x)
{
    for (size_t i = 0; i < x->n_times; i++) {
        int fd = at_open_dir(x->merge.upper, x->times[i].path);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
            continue;
        if (fd < 0)
            return err_sys(-fd, "%s", x->times[i].path);
        const struct timespec times[2] = {x->times[i].mtime, x->times[i].mtime};
        int failed = futimens(fd, times) ? errno : 0;
        close(fd);
        if (failed)
            return err_sys(failed, "%s: set time", x->times[i].path);
    }
    return NULL;
}
