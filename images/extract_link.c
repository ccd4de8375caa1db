/*
 * Hard links. The target is a name of the same image: of this layer, or of one below, in which case the file
 * is copied up first, as overlayfs would. The link is made by the folder's descriptor and never follows.
 */
#include "images/at.h"
#include "images/extract_parts.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct err *copy_bytes(int from, int to, const char *path)
{
    ssize_t n;
    while ((n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
        ;
    return n < 0 ? err_sys(errno, "%s: copy from the layer below", path) : NULL;
}

static struct err *copy_file_up(
    struct extract *x, int from, const struct stat *st, int dirfd, const char *path)
{
    TRY(extract_count(x, path, st->st_size));
    auto_close to =
        openat(dirfd, path_base(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return err_sys(errno, "%s: copy from the layer below", path);
    TRY(copy_bytes(from, to, path));
    TRY(extract_attr_copy(from, to, path));
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    return futimens(to, times) ? err_sys(errno, "%s: set time", path) : NULL;
}

static struct err *copy_up(struct extract *x, const char *target, const struct merge_found *found)
{
    char parent[LIMITS_PATH];
    int dirfd, root = x->merge.lower[found->layer];
    if (!S_ISREG(found->st.st_mode))
        return err_new(
            ERR_UNSUPPORTED, "%s: a hard link to something of a layer below that is no file", target);
    auto_close from = at_open(root, target, O_RDONLY | O_NOFOLLOW);
    if (from < 0)
        return err_sys(-from, "%s: in the layers below", target);
    path_parent(target, parent);
    TRY(extract_folder(x, parent, &dirfd, NULL));
    return copy_file_up(x, from, &found->st, dirfd, target);
}

/* The canonical name of the target, which is there afterwards, in this layer, and is no folder. */
static struct err *find_target(struct extract *x, const struct tar_entry *e, char target[LIMITS_PATH])
{
    char clean[LIMITS_PATH], parent[LIMITS_PATH];
    struct stat st;
    struct merge_found found;
    TRY_WRAP(path_clean(e->link, clean), "%s: hard link", e->path);
    path_parent(clean, parent);
    TRY(extract_resolve(x, parent, target));
    const char *base = path_base(clean);
    if (!*base || !path_join(target, target, base, strlen(base)))
        return err_new(ERR_INVALID, "%s: hard link to %s", e->path, e->link);
    int r = at_stat(x->merge.upper, target, &st);
    if (r == -ENOENT) {
        r = merge_lookup(&x->merge, target, &found);
        if (r > 0)
            return copy_up(x, target, &found);
        r = r ? r : -ENOENT;
    }
    if (r == 0 && at_is_whiteout(&st))
        r = -ENOENT;
    if (r == -ENOENT || r == -ENOTDIR)
        return err_new(ERR_INVALID, "%s: hard link to %s, which is not there", e->path, e->link);
    if (r < 0)
        return err_sys(-r, "%s: hard link to %s", e->path, e->link);
    if (S_ISDIR(st.st_mode))
        return err_new(ERR_INVALID, "%s: hard link to the folder %s", e->path, e->link);
    return NULL;
}

struct err *extract_hardlink(struct extract *x, const struct tar_entry *e, const char *path)
{
    char target[LIMITS_PATH], parent[LIMITS_PATH], own[LIMITS_PATH];
    const char *canonical, *base = path_base(path);
    int dirfd;
    TRY(find_target(x, e, target));
    path_parent(target, parent);
    auto_close from = at_open_dir(x->merge.upper, parent);
    if (from < 0)
        return err_sys(-from, "%s: hard link to %s", e->path, e->link);
    path_parent(path, parent);
    TRY(extract_folder(x, parent, &dirfd, &canonical));
    if (path_join(own, canonical, base, strlen(base)) && !strcmp(own, target))
        return NULL; /* to itself: there already */
    TRY(extract_clear(x, dirfd, base, path));
    if (x->last.fd < 0)
        TRY(extract_folder(x, parent, &dirfd, NULL));
    if (linkat(from, path_base(target), dirfd, base, 0))
        return err_sys(errno, "%s: hard link to %s", e->path, e->link);
    return NULL;
}
