/* Entries of a layer: which kind, what stands in the way, and making it. */
#include "images/extract.h"
#include "images/at.h"
#include "images/extract_parts.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct extract *extract_new(int root, const int *lower, size_t n_lower, const struct limits *limits)
{
    struct extract *x = mem_new(struct extract);
    x->merge = (struct merge){root, lower, n_lower};
    x->n_lower = n_lower;
    x->limits = *limits;
    x->last.fd = -1;
    return x;
}

void extract_free(struct extract *x)
{
    if (!x)
        return;
    extract_forget_folder(x);
    for (size_t i = 0; i < x->n_times; i++)
        free(x->times[i].path);
    free(x->times);
    free(x);
}

void extract_cleanup(struct extract **x)
{
    extract_free(*x);
}

uint64_t extract_bytes(const struct extract *x)
{
    return x->bytes;
}

/* A sparse file counts with its length: whoever copies it writes that much. */
struct err *extract_count(struct extract *x, const char *name, int64_t size)
{
    if ((uint64_t)size > x->limits.layer_bytes - x->bytes)
        return err_new(
            ERR_LIMIT, "%s: more than %llu bytes of files", name, (unsigned long long)x->limits.layer_bytes);
    x->bytes += (uint64_t)size;
    return NULL;
}

struct err *extract_clear(struct extract *x, int dirfd, const char *base, const char *name)
{
    if (unlinkat(dirfd, base, 0)) {
        if (errno == ENOENT)
            return NULL;
        if (errno != EISDIR)
            return err_sys(errno, "%s: replace", name);
        TRY_WRAP(file_remove_tree(dirfd, base), "%s: replace", name);
    }
    extract_forget_folder(x); /* it may have been a folder, or a symlink to one */
    return NULL;
}

/* --- one function per kind of entry; dirfd is its folder --- */

struct place {
    int dirfd;
    const char *base;
};

static struct err *write_data(struct extract *x, struct tar *t, const struct tar_entry *e, int fd)
{
    const void *data;
    size_t n;
    int64_t at, end = 0;
    TRY(extract_count(x, e->path, e->size));
    for (;;) {
        TRY(tar_data(t, &data, &n, &at));
        if (!n)
            break;
        end = at + (int64_t)n;
        for (ssize_t w; n; data = (const char *)data + w, n -= (size_t)w, at += w) {
            w = pwrite(fd, data, n, at);
            if (w < 0 && errno == EINTR)
                w = 0;
            else if (w < 0)
                return err_sys(errno, "%s: write", e->path);
        }
    }
    if (end < e->size && ftruncate(fd, e->size)) /* it ends with a hole */
        return err_sys(errno, "%s: write", e->path);
    return NULL;
}

static struct err *make_file(struct extract *x, struct tar *t, const struct tar_entry *e, struct place p)
{
    auto_close fd = openat(p.dirfd, p.base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(errno, "%s: make file", e->path);
    TRY(write_data(x, t, e, fd));
    return extract_attr(x, t, e, fd);
}

static struct err *make_symlink(struct extract *x, struct tar *t, const struct tar_entry *e, struct place p)
{
    (void)x, (void)t;
    if (!e->link || !*e->link)
        return err_new(ERR_INVALID, "%s: a symlink to nothing", e->path);
    if (symlinkat(e->link, p.dirfd, p.base))
        return err_sys(errno, "%s: make symlink", e->path);
    return extract_attr_at(e, p.dirfd, p.base);
}

static struct err *make_node(struct extract *x, struct tar *t, const struct tar_entry *e, struct place p)
{
    (void)x, (void)t;
    if (mknodat(p.dirfd, p.base, e->mode & (S_IFMT | 07777), S_ISFIFO(e->mode) ? 0 : e->rdev))
        return err_sys(errno, "%s: make device", e->path);
    return extract_attr_at(e, p.dirfd, p.base);
}

/* A folder upon a folder is kept and gets the new attributes. Upon anything else it replaces it, and hides
 * what that hid: a file, like a whiteout, hides a folder of its name below. */
static struct err *make_folder(struct extract *x, struct tar *t, const struct tar_entry *e, struct place p)
{
    bool hides = false;
    struct stat st;
    if (mkdirat(p.dirfd, p.base, 0700)) {
        if (errno != EEXIST)
            return err_sys(errno, "%s: make folder", e->path);
        if (fstatat(p.dirfd, p.base, &st, AT_SYMLINK_NOFOLLOW))
            return err_sys(errno, "%s", e->path);
        hides = !S_ISDIR(st.st_mode);
        if (hides && (unlinkat(p.dirfd, p.base, 0) || mkdirat(p.dirfd, p.base, 0700)))
            return err_sys(errno, "%s: make folder", e->path);
    }
    auto_close fd = openat(p.dirfd, p.base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "%s: open folder", e->path);
    if (hides) {
        extract_forget_folder(x); /* it may have been a symlink to a folder */
        TRY(extract_set_opaque(fd, e->path));
    }
    return extract_attr(x, t, e, fd);
}

typedef struct err *make_fn(struct extract *, struct tar *, const struct tar_entry *, struct place);

static make_fn *maker(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return make_file;
    case S_IFDIR:
        return make_folder;
    case S_IFLNK:
        return make_symlink;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
        return make_node;
    default:
        return NULL;
    }
}

static struct err *check_entry(const struct tar_entry *e)
{
    TRY(extract_check_owner(e));
    if (e->is_hardlink)
        return NULL;
    if (!maker(e->mode))
        return err_new(ERR_INVALID, "%s: an entry of kind 0%o", e->path, (unsigned)(e->mode & S_IFMT));
    if (S_ISCHR(e->mode) && e->rdev == makedev(0, 0))
        return err_new(
            ERR_INVALID, "%s: a character device 0:0, which overlayfs takes for a whiteout", e->path);
    return NULL;
}

static struct err *do_entry(struct extract *x, struct tar *t, const struct tar_entry *e, const char *path)
{
    char parent[LIMITS_PATH], own[LIMITS_PATH];
    const char *canonical;
    struct place p = {.base = path_base(path)};
    TRY(check_entry(e));
    if (e->is_hardlink)
        return extract_hardlink(x, e, path);
    path_parent(path, parent);
    TRY(extract_folder(x, parent, &p.dirfd, &canonical));
    if (!S_ISDIR(e->mode)) {
        TRY(extract_clear(x, p.dirfd, p.base, e->path));
        if (x->last.fd < 0)
            TRY(extract_folder(x, parent, &p.dirfd, &canonical));
    } else if (path_join(own, canonical, p.base, strlen(p.base))) {
        extract_time_later(x, own, e->mtime);
    }
    return maker(e->mode)(x, t, e, p);
}

static struct err *do_root(struct extract *x, struct tar *t, const struct tar_entry *e)
{
    TRY(extract_check_owner(e));
    if (e->is_hardlink || !S_ISDIR(e->mode))
        return err_new(ERR_INVALID, "%s: the layer's root is not a folder", e->path);
    auto_close fd = at_open_dir(x->merge.upper, "");
    if (fd < 0)
        return err_sys(-fd, "root of the layer");
    x->root_seen = true;
    extract_time_later(x, "", e->mtime);
    return extract_attr(x, t, e, fd);
}

/* Only what lies below is meant: an entry of this layer stays, whichever comes first in the tar. */
static struct err *do_whiteout(struct extract *x, const char *path)
{
    char parent[LIMITS_PATH], own[LIMITS_PATH];
    const char *base = path_base(path);
    struct merge_found found;
    struct stat st;
    path_parent(path, parent);
    TRY(extract_resolve(x, parent, own));
    if (!path_join(own, own, base, strlen(base)))
        return err_new(ERR_INVALID, "%s: too long behind its symlinks", path);
    int r = merge_lookup(&x->merge, own, &found);
    if (r < 0 && r != -ENOTDIR)
        return err_sys(-r, "%s: whiteout", path);
    if (r <= 0)
        return NULL;
    r = at_stat(x->merge.upper, own, &st);
    if (r == 0 && S_ISDIR(st.st_mode)) {
        auto_close fd = at_open_dir(x->merge.upper, own);
        return fd < 0 ? err_sys(-fd, "%s: whiteout", path) : extract_set_opaque(fd, path);
    }
    if (r != -ENOENT)
        return r ? err_sys(-r, "%s: whiteout", path) : NULL;
    int dirfd;
    TRY(extract_folder(x, parent, &dirfd, NULL));
    if (mknodat(dirfd, base, S_IFCHR | 0600, makedev(0, 0)))
        return err_sys(errno, "%s: make whiteout", path);
    extract_forget_folder(x); /* it may hide a symlink to a folder */
    return NULL;
}

static struct err *do_opaque(struct extract *x, const char *path)
{
    int fd;
    if (!*path) {
        x->root_opaque = true;
        x->merge.n = 0;
        return NULL;
    }
    TRY(extract_folder(x, path, &fd, NULL));
    return extract_set_opaque(fd, path);
}

struct err *extract_entry(struct extract *x, struct tar *t, const struct tar_entry *e)
{
    char path[LIMITS_PATH];
    enum path_kind kind;
    TRY(path_judge(e->path, path, &kind));
    switch (kind) {
    case PATH_ENTRY:
        return do_entry(x, t, e, path);
    case PATH_ROOT:
        return do_root(x, t, e);
    case PATH_WHITEOUT:
        return do_whiteout(x, path);
    case PATH_OPAQUE:
        return do_opaque(x, path);
    case PATH_SKIP:
        break;
    }
    return NULL;
}

/* overlayfs always merges the roots: what an opaque root hides is hidden name by name. */
static struct err *hide_one(struct extract *x, int rootfd, const char *name)
{
    struct stat st;
    struct merge_found found;
    int r = merge_lookup(&x->merge, name, &found);
    if (r <= 0)
        return r ? err_sys(-r, "%s: in the layers below", name) : NULL;
    if (fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT || mknodat(rootfd, name, S_IFCHR | 0600, makedev(0, 0)))
            return err_sys(errno, "%s: make whiteout", name);
        return NULL;
    }
    if (!S_ISDIR(st.st_mode))
        return NULL;
    auto_close fd = at_open_dir(rootfd, name);
    return fd < 0 ? err_sys(-fd, "%s", name) : extract_set_opaque(fd, name);
}

static struct err *hide_root(struct extract *x)
{
    x->merge.n = x->n_lower;
    for (size_t i = 0; i < x->n_lower; i++) {
        int fd = at_open_dir(x->merge.lower[i], "");
        auto_closedir *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
            return err_sys(fd < 0 ? -fd : errno, "root of a layer below");
        for (struct dirent *de; (de = readdir(d));)
            if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
                TRY(hide_one(x, x->merge.upper, de->d_name));
    }
    return NULL;
}

struct err *extract_finish(struct extract *x)
{
    extract_forget_folder(x);
    if (x->root_opaque)
        TRY(hide_root(x));
    if (!x->root_seen && x->n_lower) {
        struct stat st;
        auto_close lower = at_open_dir(x->merge.lower[0], "");
        if (lower < 0)
            return err_sys(-lower, "root of the layer below");
        if (fstat(lower, &st))
            return err_sys(errno, "root of the layer below");
        TRY(extract_attr_copy(lower, x->merge.upper, "root"));
        extract_time_later(x, "", st.st_mtim);
    }
    return extract_times(x);
}
