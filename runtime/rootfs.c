/* See rootfs.h. Mounts of cgroup trees are in rootfs_cgroup.c, devices in devices.c. */
#include "runtime/rootfs.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/rootfs_cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define EMPTY MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH

static struct err *tree_of(int dirfd, const char *path, unsigned flags, int *ret_fd)
{
    int fd = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
    if (fd < 0)
        return err_sys(errno, "copy the mount of %s", *path ? path : "a descriptor");
    *ret_fd = fd;
    return NULL;
}

struct err *rootfs_tree(const char *path, bool recursive, int *ret_fd)
{
    return tree_of(AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, ret_fd);
}

static struct err *open_source(struct mount_plan *m)
{
    if (m->source_fd < 0)
        TRY(rootfs_tree(m->source, m->recursive, &m->source_fd));
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

struct err *rootfs_open_sources(struct mount_list *l, bool all)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].kind == MOUNT_BIND && (all || names_descriptor(l->v[i].source)))
            TRY_WRAP(open_source(&l->v[i]), "mounts[%zu]", i);
    return NULL;
}

struct err *rootfs_setattr(int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
    if (!set && !clear && !propagation)
        return NULL;
    struct mount_attr a = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    /* access times are one field of two bits: to set any value, all of it is cleared */
    if ((set | clear) & MOUNT_ATTR__ATIME)
        a.attr_clr |= MOUNT_ATTR__ATIME;
    if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
        return err_sys(errno, "set attributes of the mount");
    return NULL;
}

/* --- the way to a mount's destination */

static struct err *open_target(int root, const char *path, int *ret_fd)
{
    return file_open_in_root(root, path, O_PATH | O_CLOEXEC, 0, ret_fd);
}

static struct err *make_file(int root, const char *path)
{
    auto_free char *parent = mem_strdup(path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = '\0';
        auto_close dir = -1;
        TRY(file_mkdirs_in_root(root, *parent ? parent : "/", 0755, &dir));
    }
    auto_close fd = -1;
    return file_open_in_root(root, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644, &fd);
}

static struct err *target(int root, const char *path, bool is_dir, int *ret_fd)
{
    struct err *e = open_target(root, path, ret_fd);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_free(e);
    if (is_dir)
        return file_mkdirs_in_root(root, path, 0755, ret_fd);
    TRY(make_file(root, path));
    return open_target(root, path, ret_fd);
}

/* procfs and sysfs in the place of a link would be where a container's owner wants them, and what is then
 * masked would be elsewhere. */
static struct err *no_links(int root, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    auto_close fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_new(ERR_DENIED, "the destination must be an ordinary directory, not a link");
    return NULL;
}

struct err *rootfs_move(int root, int tree, const char *path, bool is_dir)
{
    auto_close to = -1;
    TRY(target(root, path, is_dir, &to));
    struct stat st;
    if (fstat(to, &st) < 0)
        return err_sys(errno, "stat");
    if (S_ISDIR(st.st_mode) != is_dir)
        return err_new(ERR_INVALID,
            is_dir ? "a directory cannot be mounted on a file" : "a file cannot be mounted on a directory");
    if (move_mount(tree, "", to, "", EMPTY) < 0)
        return err_sys(errno, "mount");
    return NULL;
}

/* --- kinds of mounts */

static struct err *mount_bind(int root, struct mount_plan *m)
{
    TRY(open_source(m));
    auto_close tree = take_fd(m->source_fd);
    TRY(rootfs_setattr(tree, m->set, m->clear, 0, false));
    TRY(rootfs_setattr(tree, m->rset, m->rclear, 0, true));
    TRY(rootfs_setattr(tree, 0, 0, m->propagation, m->rpropagation));
    return rootfs_move(root, tree, m->destination, m->source_is_dir);
}

/* What a file system has to say about a refusal, it says by reading its context descriptor. */
static struct err *fs_error(int fs, int errnum, const char *what)
{
    char text[512];
    ssize_t n = read(fs, text, sizeof(text) - 1);
    if (n <= 0)
        return err_sys(errnum, "%s", what);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return err_sys(errnum, "%s: %s", what, text);
}

static struct err *new_fs(const struct mount_plan *m, int *ret_fd)
{
    auto_close fs = fsopen(m->type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_sys(errno, "file system type \"%s\"", m->type);
    if (m->source && *m->source && fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0) < 0)
        return fs_error(fs, errno, "source");
    for (size_t i = 0; i < m->n_params; i++) {
        const struct mount_param *p = &m->params[i];
        if (fsconfig(fs, p->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, p->key, p->value, 0) < 0)
            return fs_error(fs, errno, p->key);
    }
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, errno, m->type);
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)(m->set & ~(uint64_t)MOUNT_ATTR_RDONLY));
    if (fd < 0)
        return fs_error(fs, errno, m->type);
    *ret_fd = fd;
    return NULL;
}

static struct err *mount_new(int root, const struct mount_plan *m)
{
    bool pseudo = !strcmp(m->type, "proc") || !strcmp(m->type, "sysfs");
    if (m->copy_up)
        return err_new(ERR_UNSUPPORTED, "options: \"tmpcopyup\" is not supported");
    auto_close fd = -1;
    struct err *e = new_fs(m, &fd);
    /* a sysfs is the network namespace's: without a right to that one, the host's view of it is what there is
     */
    if (e && !strcmp(m->type, "sysfs") && err_kind(e) == ERR_DENIED) {
        err_free(e);
        TRY(rootfs_tree("/sys", true, &fd));
        TRY(rootfs_setattr(fd, m->set | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true));
    } else if (e) {
        return e;
    }
    TRY(rootfs_move(root, fd, m->destination, true));
    if (pseudo)
        TRY(no_links(root, m->destination));
    /* /dev is still to be filled: devices_make() closes it */
    if (m->set & MOUNT_ATTR_RDONLY && strcmp(m->destination, "/dev"))
        TRY(rootfs_setattr(fd, MOUNT_ATTR_RDONLY, 0, 0, false));
    TRY(rootfs_setattr(fd, m->rset, m->rclear, 0, true));
    return rootfs_setattr(fd, 0, 0, m->propagation, m->rpropagation);
}

struct err *rootfs_mount(int root, struct mount_plan *m, struct cgroups *host, const char *cgroup)
{
    struct err *e = NULL;
    if (m->kind == MOUNT_NEW && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs")))
        e = no_links(root, m->destination);
    if (!e)
        e = m->kind == MOUNT_BIND  ? mount_bind(root, m)
            : m->kind == MOUNT_NEW ? mount_new(root, m)
                                   : rootfs_cgroup(root, m, host, cgroup);
    if (m->kind == MOUNT_BIND)
        return err_wrap(e, "mount %s at %s", m->source, m->destination);
    return err_wrap(e, "mount %s at %s", m->type, m->destination);
}

/* --- masked and read-only paths */

static struct err *open_null(int *ret_fd)
{
    auto_close fd = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(errno, "open /dev/null");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return err_new(ERR_DENIED, "/dev/null is not the device 1:3");
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *empty_tmpfs(int *ret_fd)
{
    static struct mount_param mode[] = {{"mode", "0755"}, {"nr_blocks", "1"}, {"nr_inodes", "1"}};
    struct mount_plan m = {.type = "tmpfs",
        .params = mode,
        .n_params = 3,
        .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    TRY(new_fs(&m, ret_fd));
    return rootfs_setattr(*ret_fd, MOUNT_ATTR_RDONLY, 0, 0, false);
}

/* All masked folders show one and the same empty file system. */
static struct err *mask_one(int root, const char *path, int null, int *empty)
{
    auto_close to = -1;
    struct err *e = open_target(root, path, &to);
    if (e && (err_kind(e) == ERR_NOT_FOUND || err_errno(e) == ENOTDIR)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    struct stat st;
    if (fstat(to, &st) < 0)
        return err_sys(errno, "stat");
    auto_close tree = -1;
    if (!S_ISDIR(st.st_mode)) {
        TRY(tree_of(null, "", AT_EMPTY_PATH, &tree));
    } else if (*empty >= 0) {
        TRY(tree_of(*empty, "", AT_EMPTY_PATH, &tree));
    } else {
        TRY(empty_tmpfs(&tree));
        *empty = tree;
    }
    if (move_mount(tree, "", to, "", EMPTY) < 0)
        return err_sys(errno, "mount");
    if (tree == *empty)
        tree = -1; /* copied for the next */
    return NULL;
}

struct err *rootfs_mask(int root, const struct str_list *paths)
{
    auto_close null = -1;
    auto_close empty = -1;
    if (paths->n)
        TRY_WRAP(open_null(&null), "maskedPaths");
    for (size_t i = 0; i < paths->n; i++)
        TRY_WRAP(mask_one(root, paths->v[i], null, &empty), "mask %s", paths->v[i]);
    return NULL;
}

static struct err *readonly_one(int root, const char *path)
{
    auto_close at = -1;
    struct err *e = open_target(root, path, &at);
    if (e && (err_kind(e) == ERR_NOT_FOUND || err_errno(e) == ENOTDIR)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    auto_close tree = -1;
    TRY(tree_of(at, "", AT_EMPTY_PATH | AT_RECURSIVE, &tree));
    TRY(rootfs_setattr(tree, MOUNT_ATTR_RDONLY, 0, 0, true));
    if (move_mount(tree, "", at, "", EMPTY) < 0)
        return err_sys(errno, "mount");
    return NULL;
}

struct err *rootfs_readonly_paths(int root, const struct str_list *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        TRY_WRAP(readonly_one(root, paths->v[i]), "make %s read-only", paths->v[i]);
    return NULL;
}

struct err *rootfs_readonly(int root)
{
    return err_wrap(rootfs_setattr(root, MOUNT_ATTR_RDONLY, 0, 0, false), "make the rootfs read-only");
}

/* --- the whole */

struct err *rootfs_detach_propagation(uint64_t propagation)
{
    if (!propagation)
        propagation = MS_SLAVE | MS_REC;
    if (mount(NULL, "/", NULL, propagation, NULL) < 0)
        return err_sys(errno, "make the mounts of the namespace slaves");
    /* pivot_root refuses where what lies under the new root is shared */
    if (propagation & MS_SHARED && mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
        return err_sys(errno, "make / private");
    return NULL;
}

struct err *rootfs_attach(int tree)
{
    if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_sys(errno, "attach the rootfs");
    return NULL;
}

/* The tree is on top of "/" already. */
static struct err *enter_by_chroot(int root)
{
    if (fchdir(root) < 0 || chroot(".") < 0)
        return err_sys(errno, "chroot to the rootfs");
    return chdir("/") < 0 ? err_sys(errno, "chdir /") : NULL;
}

struct err *rootfs_pivot(int root, bool no_pivot, bool shared)
{
    if (no_pivot)
        return enter_by_chroot(root);
    if (fchdir(root) < 0)
        return err_sys(errno, "enter the rootfs");
    /* pivot_root(".", "."): the old root ends on top of the new one (pivot_root(2), notes) */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return err_sys(errno, "pivot_root");
    /* what is unmounted here must not be unmounted on the host */
    if (shared && mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_sys(errno, "detach the old root from the host");
    if (umount2(".", MNT_DETACH) < 0)
        return err_sys(errno, "unmount the old root");
    return chdir("/") < 0 ? err_sys(errno, "chdir /") : NULL;
}
