/* See rootfs.h. Sources of mounts are in rootfs_source.c, the kinds of mounts in rootfs_mount.c and
 * rootfs_cgroup.c, devices in devices.c. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/rootfs_internal.h"
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

#define LINKS_MAX 40 /* as the kernel */
#define EMPTY MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH

struct err *rootfs_tree_of(int dirfd, const char *path, unsigned flags, int *ret_fd)
{
    int fd = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
    if (fd < 0)
        return err_sys(errno, "copy the mount of %s", *path ? path : "a descriptor");
    *ret_fd = fd;
    return NULL;
}

struct err *rootfs_tree(const char *path, bool recursive, int *ret_fd)
{
    return rootfs_tree_of(AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, ret_fd);
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

struct err *rootfs_open_target(int root, const char *path, bool nofollow, int *ret_fd)
{
    return file_open_in_root(root, path, O_PATH | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0), 0, ret_fd);
}

struct err *rootfs_parent(int root, const char *path, int *ret_fd, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    auto_free char *parent = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
    *ret_name = slash ? slash + 1 : path;
    return file_mkdirs_in_root(root, *parent ? parent : "/", 0755, ret_fd);
}

/* A link to nowhere (/etc/resolv.conf of many images) is gone after, in the root, and what it names is made.
 */
static struct err *make_file(int root, const char *path)
{
    auto_free char *now = mem_strdup(path);
    for (int links = 0; links < LINKS_MAX; links++) {
        auto_close parent = -1;
        auto_close fd = -1;
        const char *name;
        char text[4096];
        TRY(rootfs_parent(root, now, &parent, &name));
        struct err *e =
            file_open_beneath(parent, name, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0644, &fd);
        ssize_t n = e && err_errno(e) == ELOOP ? readlinkat(parent, name, text, sizeof(text) - 1) : -1;
        if (n < 0)
            return e;
        err_free(e);
        text[n] = '\0';
        char *next = *text == '/' ? mem_strdup(text) : mem_printf("%.*s%s", (int)(name - now), now, text);
        free(now);
        now = next;
    }
    return err_sys(ELOOP, "make %s", path);
}

struct err *rootfs_target(int root, const char *path, bool is_dir, bool nofollow, int *ret_fd)
{
    struct err *e = rootfs_open_target(root, path, nofollow, ret_fd);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_free(e);
    if (is_dir)
        return file_mkdirs_in_root(root, path, 0755, ret_fd);
    TRY(make_file(root, path));
    return rootfs_open_target(root, path, nofollow, ret_fd);
}

struct err *rootfs_put(int tree, int to, bool is_dir)
{
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

struct err *rootfs_move(int root, int tree, const char *path, bool is_dir)
{
    auto_close to = -1;
    TRY(rootfs_target(root, path, is_dir, false, &to));
    return rootfs_put(tree, to, is_dir);
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
    TRY(rootfs_new_fs(&m, ret_fd));
    return rootfs_setattr(*ret_fd, MOUNT_ATTR_RDONLY, 0, 0, false);
}

/* All masked folders show one and the same empty file system. */
static struct err *mask_one(int root, const char *path, int null, int *empty)
{
    auto_close to = -1;
    struct err *e = rootfs_open_target(root, path, false, &to);
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
        TRY(rootfs_tree_of(null, "", AT_EMPTY_PATH, &tree));
    } else if (*empty >= 0) {
        TRY(rootfs_tree_of(*empty, "", AT_EMPTY_PATH, &tree));
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
    struct err *e = rootfs_open_target(root, path, false, &at);
    if (e && (err_kind(e) == ERR_NOT_FOUND || err_errno(e) == ENOTDIR)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    auto_close tree = -1;
    TRY(rootfs_tree_of(at, "", AT_EMPTY_PATH | AT_RECURSIVE, &tree));
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
    if (propagation &
        MS_UNBINDABLE) /* that would go for the rootfs and every source: at the end, once they are bound */
        propagation = MS_PRIVATE | MS_REC;
    if (mount(NULL, "/", NULL, propagation, NULL) < 0)
        return err_sys(errno, "make the mounts of the namespace slaves");
    /* pivot_root refuses where what lies under the new root is shared */
    if (propagation & MS_SHARED && mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
        return err_sys(errno, "make / private");
    return NULL;
}

struct err *rootfs_attach(int tree, const char *path)
{
    if (path && !move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH))
        return NULL;
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
    auto_close old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0)
        return err_sys(errno, "open the old root");
    if (fchdir(root) < 0)
        return err_sys(errno, "enter the rootfs");
    /* pivot_root(".", "."): the old root ends on top of the new one (pivot_root(2), notes) */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return err_sys(errno, "pivot_root");
    /* what is unmounted here must not be unmounted on the host */
    if (shared && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
        return err_sys(errno, "detach the old root from the host");
    if (umount2(".", MNT_DETACH) < 0)
        return err_sys(errno, "unmount the old root");
    return chdir("/") < 0 ? err_sys(errno, "chdir /") : NULL;
}
