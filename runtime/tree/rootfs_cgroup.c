/*
 * See rootfs_cgroup.h. Bind mounts of the container's folders in the host's hierarchies, which inside a
 * cgroup namespace cannot be told from mounts of their own and cost less; they are made from the host's tree,
 * which init still sees. On v2 that is one, on v1 one per hierarchy in a small tmpfs.
 */
#include "runtime/tree/rootfs_cgroup.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/rootfs.h"
#include "runtime/user/rootless.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err *own_tree(
    const struct mount_plan *m, const char *hierarchy, const char *cgroup, int *ret_fd)
{
    auto_free char *path = mem_printf(CGROUPS_ROOT "%s%s%s", *hierarchy ? "/" : "", hierarchy, cgroup);
    TRY(rootfs_tree(path, false, ret_fd));
    return rootfs_setattr(*ret_fd, m->set, m->clear, MS_PRIVATE, false);
}

/* Whoever was given no cgroup sees all of them, and changes none. */
static struct err *all_of_them(const struct mount_plan *m, int *ret_fd)
{
    TRY(rootfs_tree(CGROUPS_ROOT, true, ret_fd));
    TRY(rootfs_setattr(*ret_fd, m->set, m->clear, MS_PRIVATE, true));
    return rootfs_setattr(*ret_fd, MOUNT_ATTR_RDONLY, 0, 0, true);
}

static struct err *unified(int root, const struct mount_plan *m, const char *hierarchy, const char *cgroup)
{
    auto_close tree = -1;
    struct err *e = own_tree(m, hierarchy, cgroup, &tree);
    if (e && err_errno(e) == ENOENT && rootless()) {
        err_free(e);
        e = all_of_them(m, &tree);
    }
    TRY(e);
    return rootfs_move(root, tree, m->destination, true);
}

static struct err *link_controllers(int dir, const char *name)
{
    if (!strchr(name, ','))
        return NULL;
    for (const char *p = name; p; p = strchr(p, ',')) {
        p += *p == ',';
        auto_free char *one = mem_strndup(p, strcspn(p, ","));
        if (symlinkat(name, dir, one) < 0 && errno != EEXIST)
            return err_sys(errno, "link %s", one);
    }
    return NULL;
}

static struct err *one_of_v1(int dir, const struct mount_plan *m, const char *name, const char *cgroup)
{
    auto_close tree = -1;
    TRY(own_tree(m, name, cgroup, &tree));
    if (mkdirat(dir, name, 0755) < 0)
        return err_sys(errno, "make %s", name);
    if (move_mount(tree, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_sys(errno, "mount %s", name);
    return link_controllers(dir, name);
}

static struct err *v1(int root, const struct mount_plan *m, struct cgroups *host, const char *cgroup)
{
    static struct mount_param mode[] = {{"mode", "0755"}};
    struct mount_plan tmpfs = {.kind = MOUNT_NEW,
        .type = "tmpfs",
        .source = "cgroup",
        .destination = m->destination,
        .params = mode,
        .n_params = 1,
        .set = m->set & ~(uint64_t)MOUNT_ATTR_RDONLY};
    TRY(rootfs_mount(root, &tmpfs, host, cgroup));
    auto_close dir = -1;
    TRY(file_open_in_root(root, m->destination, O_PATH | O_DIRECTORY, 0, &dir));
    for (int i = 0; i < host->n; i++)
        TRY_WRAP(rootless_tolerate(one_of_v1(dir, m, host->at[i].name, cgroup)), "%s", host->at[i].name);
    return rootfs_setattr(dir, m->set & MOUNT_ATTR_RDONLY, 0, 0, false);
}

struct err *rootfs_cgroup(int root, const struct mount_plan *m, struct cgroups *host, const char *cgroup)
{
    struct cgroups_hierarchy *h = cgroups_unified(host);
    if (host->pure_v2)
        return unified(root, m, "", cgroup);
    if (!strcmp(m->type, "cgroup2"))
        return h ? unified(root, m, h->name, cgroup) : err_new(ERR_UNSUPPORTED, "the host has no cgroup2");
    return v1(root, m, host, cgroup);
}
