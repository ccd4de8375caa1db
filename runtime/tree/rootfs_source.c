/*
 * Sources of bind mounts: detached copies of mount trees, with their ids mapped. See rootfs.h for who opens
 * which of them when.
 */
#include "lib/mem.h"
#include "runtime/tree/rootfs_internal.h"
#include "runtime/user/idmap.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The namespace whose maps were wanted last: the next mount most often wants the same. */
struct idmaps {
    int joined; /* the container's, where it joins one; -1 */
    int fd;
    const struct mount_idmap *of;
};

static struct err *map_ids(struct mount_plan *m, struct idmaps *maps)
{
    const struct mount_idmap *i = &m->idmap;
    int fd = maps->joined;
    if (i->uids && maps->fd >= 0 && !strcmp(i->uids, maps->of->uids) && !strcmp(i->gids, maps->of->gids)) {
        fd = maps->fd;
    } else if (i->uids) {
        TRY(idmap_namespace(i->uids, i->gids, &fd));
        if (maps->fd >= 0)
            close(maps->fd);
        maps->fd = fd;
        maps->of = i;
    }
    struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)fd};
    if (mount_setattr(m->source_fd, "", AT_EMPTY_PATH | (i->recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
        return err_sys(
            errno, "map the ids of %s (does its file system support id-mapped mounts?)", m->source);
    return NULL;
}

/* What the link `path` says; NULL where it is none. */
static struct err *read_link(const char *path, const char **ret)
{
    char text[PATH_MAX];
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    if (n < 0 && errno != EINVAL)
        return err_sys(errno, "read the link %s", path);
    *ret = n < 0 ? NULL : mem_strndup(text, (size_t)n); /* lives as long as the plan: until the exec */
    return NULL;
}

struct err *rootfs_open_source(struct mount_plan *m)
{
    if (m->copy_symlink && !m->link)
        TRY(read_link(m->source, &m->link));
    if (m->link)
        return NULL;
    if (m->source_fd < 0)
        TRY(rootfs_tree_of(AT_FDCWD, m->source,
            (m->recursive ? AT_RECURSIVE : 0) | (m->source_nofollow ? AT_SYMLINK_NOFOLLOW : 0),
            &m->source_fd));
    struct stat st;
    if (fstat(m->source_fd, &st) < 0)
        return err_sys(errno, "stat %s", m->source);
    m->source_is_dir = S_ISDIR(st.st_mode);
    return NULL;
}

/* "/proc/123/fd/4" */
static bool names_descriptor(const char *source)
{
    unsigned pid, fd;
    int end = 0;
    return sscanf(source, "/proc/%u/fd/%u%n", &pid, &fd, &end) == 2 && end && !source[end];
}

struct err *rootfs_open_sources(struct mount_list *l, bool all, int userns)
{
    struct idmaps maps = {.joined = userns, .fd = -1};
    struct err *e = NULL;
    for (size_t i = 0; i < l->n && !e; i++) {
        struct mount_plan *m = &l->v[i];
        if (m->kind != MOUNT_BIND || !(all || m->idmap.wanted || names_descriptor(m->source)))
            continue;
        e = rootfs_open_source(m);
        if (!e && m->idmap.wanted && !m->link)
            e = map_ids(m, &maps);
        e = err_wrap(e, "mounts[%zu]", i);
    }
    if (maps.fd >= 0)
        close(maps.fd);
    return e;
}
