/*
 * Folders of entries: found through symlinks as the finished image will show them, made where a layer does
 * not mention them. First the name is made canonical (nothing is written), then every part of it is made a
 * folder of this layer.
 */
#include "images/at.h"
#include "images/extract_parts.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

/* A symlink of that name in this layer or, where this layer has nothing, below: its target. *ret_n 0: none.
 */
static struct err *read_link(struct extract *x, const char *path, char target[LIMITS_PATH], size_t *ret_n)
{
    struct stat st;
    struct merge_found found;
    int root = x->merge.upper, r = at_stat(root, path, &st);
    *ret_n = 0;
    if (r == -ENOENT) {
        r = merge_lookup(&x->merge, path, &found);
        if (r == 0)
            return NULL;
        if (r > 0) {
            st = found.st;
            root = x->merge.lower[found.layer];
            r = 0;
        }
    }
    if (r == -ENOTDIR) /* something stands in the way: a whiteout, or make_one() will say what */
        return NULL;
    if (r < 0)
        return err_sys(-r, "%s", path);
    if (!S_ISLNK(st.st_mode))
        return NULL;
    int fd = at_open(root, path, O_PATH | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, LIMITS_PATH - 1);
    int failed = fd < 0 ? -fd : errno;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return err_sys(n ? failed : EINVAL, "%s: read link", path);
    target[n] = '\0';
    *ret_n = (size_t)n;
    return NULL;
}

/* Puts a link's target in front of what is left of the name. */
static struct err *put_before(
    char rest[2 * LIMITS_PATH], const char *target, const char *after, const char *name)
{
    char next[2 * LIMITS_PATH];
    int n = snprintf(next, sizeof next, "%s/%s", target, after);
    if (n < 0 || n >= LIMITS_PATH)
        return err_new(ERR_INVALID, "%s: too long behind its symlinks", name);
    memcpy(rest, next, (size_t)n + 1);
    return NULL;
}

struct err *extract_resolve(struct extract *x, const char *name, char canonical[LIMITS_PATH])
{
    char rest[2 * LIMITS_PATH], target[LIMITS_PATH];
    size_t links = 0;
    snprintf(rest, sizeof rest, "%s", name);
    canonical[0] = '\0';
    for (const char *p = rest; *p;) {
        size_t n = strcspn(p, "/"), linked = 0;
        const char *after = p + n + (p[n] == '/');
        if (!n || (n == 1 && *p == '.')) {
            p = after;
            continue;
        }
        if (n == 2 && !memcmp(p, "..", 2)) { /* of a link's target; the root's parent is the root */
            path_parent(canonical, canonical);
            p = after;
            continue;
        }
        if (!path_join(canonical, canonical, p, n))
            return err_new(ERR_INVALID, "%s: too long behind its symlinks", name);
        TRY(read_link(x, canonical, target, &linked));
        if (linked) {
            if (++links > LINKS_MAX)
                return err_new(ERR_INVALID, "%s: more than %d symlinks on the way", name, LINKS_MAX);
            path_parent(canonical, canonical);
            if (target[0] == '/')
                canonical[0] = '\0';
            TRY(put_before(rest, target, after, name));
            after = rest;
        }
        p = after;
    }
    return NULL;
}

struct err *extract_set_opaque(int fd, const char *name)
{
    if (fsetxattr(fd, AT_OPAQUE_XATTR, "y", 1, 0))
        return err_sys(errno, "%s: set " AT_OPAQUE_XATTR, name);
    return NULL;
}

/* A new folder looks like the one of that name below. */
static struct err *inherit(struct extract *x, const char *path, int fd)
{
    struct merge_found found;
    int r = merge_lookup(&x->merge, path, &found);
    if (r < 0)
        return err_sys(-r, "%s: in the layers below", path);
    if (r == 0)
        return NULL;
    if (!S_ISDIR(found.st.st_mode))
        return err_new(ERR_INVALID, "%s: not a folder in the layers below", path);
    auto_close lower = at_open_dir(x->merge.lower[found.layer], path);
    if (lower < 0)
        return err_sys(-lower, "%s: in the layers below", path);
    TRY(extract_attr_copy(lower, fd, path));
    extract_time_later(x, path, found.st.st_mtim);
    return NULL;
}

/* One part: path is dirfd/base. A whiteout of this layer gives way, and goes on hiding what is below. */
static struct err *make_one(struct extract *x, int dirfd, const char *base, const char *path, int *ret_fd)
{
    bool hides = false, made = !mkdirat(dirfd, base, 0755);
    struct stat st;
    if (!made && errno != EEXIST)
        return err_sys(errno, "%s: make folder", path);
    if (!made && fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW))
        return err_sys(errno, "%s", path);
    if (!made && at_is_whiteout(&st)) {
        hides = made = true;
        if (unlinkat(dirfd, base, 0) || mkdirat(dirfd, base, 0755))
            return err_sys(errno, "%s: make folder", path);
    } else if (!made && !S_ISDIR(st.st_mode)) {
        return err_new(ERR_INVALID, "%s: not a folder, but something lies in it", path);
    }
    auto_close fd = openat(dirfd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "%s: open folder", path);
    if (hides)
        TRY(extract_set_opaque(fd, path));
    else if (made)
        TRY(inherit(x, path, fd));
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *make_all(struct extract *x, const char *canonical, int *ret_fd)
{
    char prefix[LIMITS_PATH] = "";
    auto_close fd = at_open_dir(x->merge.upper, "");
    if (fd < 0)
        return err_sys(-fd, "root of the layer");
    for (const char *p = canonical; *p;) {
        size_t n = strcspn(p, "/");
        char base[256];
        int next = -1;
        snprintf(base, sizeof base, "%.*s", (int)n, p);
        path_join(prefix, prefix, p, n);
        TRY(make_one(x, fd, base, prefix, &next));
        close(fd);
        fd = next;
        p += n + (p[n] == '/');
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

void extract_forget_folder(struct extract *x)
{
    if (x->last.fd >= 0)
        close(x->last.fd);
    x->last.fd = -1;
}

struct err *extract_folder(struct extract *x, const char *name, int *ret_fd, const char **ret_canonical)
{
    if (x->last.fd < 0 || strcmp(name, x->last.name)) {
        extract_forget_folder(x);
        int fd = at_open_dir(x->merge.upper, name); /* all of it is there, and no symlink: the common case */
        if (fd >= 0) {
            memmove(x->last.canonical, name, strlen(name) + 1);
        } else {
            TRY(extract_resolve(x, name, x->last.canonical));
            TRY(make_all(x, x->last.canonical, &fd));
        }
        memmove(x->last.name, name, strlen(name) + 1);
        x->last.fd = fd;
    }
    *ret_fd = x->last.fd;
    if (ret_canonical)
        *ret_canonical = x->last.canonical;
    return NULL;
}
