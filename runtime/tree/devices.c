/* See devices.h. */
#include "runtime/tree/devices.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/rootfs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct node {
    const char *path; /* below /, absolute */
    mode_t mode;      /* with its type */
    unsigned major, minor;
    uid_t uid;
    gid_t gid;
};

static const struct node standard[] = {
    {"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0},
    {"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0},
    {"/dev/full", S_IFCHR | 0666, 1, 7, 0, 0},
    {"/dev/random", S_IFCHR | 0666, 1, 8, 0, 0},
    {"/dev/urandom", S_IFCHR | 0666, 1, 9, 0, 0},
    {"/dev/tty", S_IFCHR | 0666, 5, 0, 0, 0},
};

static const struct {
    const char *name, *to;
    bool always; /* what stands there is replaced */
} links[] = {
    {"fd", "/proc/self/fd", false},
    {"stdin", "/proc/self/fd/0", false},
    {"stdout", "/proc/self/fd/1", false},
    {"stderr", "/proc/self/fd/2", false},
    {"ptmx", "pts/ptmx", true},
};

struct dev {
    int root, dir; /* of /dev */
    bool bind;
};

static struct err *check_node(int fd, const struct node *n)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(errno, "stat");
    if ((st.st_mode & S_IFMT) == (n->mode & S_IFMT) &&
        (S_ISFIFO(st.st_mode) || st.st_rdev == makedev(n->major, n->minor)))
        return NULL;
    return err_new(ERR_DENIED, "what is there is not the device %u:%u", n->major, n->minor);
}

/* One that the image brought along is kept if it is what it should be. */
static struct err *check_present(int dir, const char *name, const struct node *n)
{
    auto_close fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open");
    return check_node(fd, n);
}

static struct err *make_node(int dir, const char *name, const struct node *n)
{
    if (mknodat(dir, name, n->mode, makedev(n->major, n->minor)) < 0)
        return errno == EEXIST ? check_present(dir, name, n) : err_sys(errno, "mknod");
    if ((n->uid || n->gid) && fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(errno, "chown");
    return NULL;
}

static struct err *bind_node(int root, const struct node *n)
{
    auto_close tree = -1;
    TRY(rootfs_tree(n->path, false, &tree));
    TRY(check_node(tree, n));
    return rootfs_move(root, tree, n->path, false);
}

static struct err *make_in_folder(const struct dev *d, const struct node *n)
{
    const char *slash = strrchr(n->path, '/');
    if (slash == n->path + 4 && !strncmp(n->path, "/dev", 4))
        return make_node(d->dir, slash + 1, n);
    auto_free char *parent = mem_strndup(n->path, (size_t)(slash - n->path));
    auto_close dir = -1;
    TRY(file_mkdirs_in_root(d->root, *parent ? parent : "/", 0755, &dir));
    return make_node(dir, slash + 1, n);
}

/* A fifo is nobody's device, and whoever may not make another (the root of a user namespace that is not ours,
 * a program without CAP_MKNOD) shows the host's. */
static struct err *node(const struct dev *d, const struct node *n)
{
    bool fifo = S_ISFIFO(n->mode);
    struct err *e = d->bind && !fifo ? NULL : make_in_folder(d, n);
    bool bind = e ? err_errno(e) == EPERM && !fifo : d->bind && !fifo;
    if (bind) {
        err_free(e);
        e = bind_node(d->root, n);
    }
    return err_wrap(e, "device %s", n->path);
}

static struct err *from_oci(const struct oci_device *o, struct node *ret)
{
    const char *types = "cubp", *at = strchr(types, o->type[0]);
    static const mode_t modes[] = {S_IFCHR, S_IFCHR, S_IFBLK, S_IFIFO};
    const char *slash = strrchr(o->path, '/');
    if (!at || !*at || o->type[1])
        return err_new(ERR_INVALID, "type: \"%s\": must be c, u, b or p", o->type);
    if (o->path[0] != '/' || !slash[1] || strstr(o->path, "/../") || !strcmp(slash, "/.."))
        return err_new(ERR_INVALID, "path: \"%s\": must be absolute and without ..", o->path);
    *ret = (struct node){o->path, modes[at - types] | (mode_t)(opt_int_or(o->file_mode, 0666) & 07777),
        (unsigned)opt_int_or(o->major, 0), (unsigned)opt_int_or(o->minor, 0), (uid_t)opt_int_or(o->uid, 0),
        (gid_t)opt_int_or(o->gid, 0)};
    return NULL;
}

static bool is_listed(const struct oci_linux *l, const char *path)
{
    for (size_t i = 0; l && i < l->devices.n; i++)
        if (!strcmp(l->devices.v[i].path, path))
            return true;
    return false;
}

static struct err *make_nodes(const struct dev *d, const struct oci_linux *l)
{
    for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
        if (!is_listed(l, standard[i].path))
            TRY(node(d, &standard[i]));
    for (size_t i = 0; l && i < l->devices.n; i++) {
        struct node n;
        TRY_WRAP(from_oci(&l->devices.v[i], &n), "linux.devices[%zu]", i);
        TRY_WRAP(node(d, &n), "linux.devices[%zu]", i);
    }
    return NULL;
}

static struct err *make_links(int dir)
{
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        int rc = symlinkat(links[i].to, dir, links[i].name);
        if (rc < 0 && errno == EEXIST && links[i].always) {
            unlinkat(dir, links[i].name, 0);
            rc = symlinkat(links[i].to, dir, links[i].name);
        }
        if (rc < 0 && errno != EEXIST)
            return err_sys(errno, "link /dev/%s", links[i].name);
    }
    return NULL;
}

static const struct mount_plan *mount_of_dev(const struct mount_list *mounts)
{
    const struct mount_plan *found = NULL;
    for (size_t i = 0; i < mounts->n; i++)
        if (!strcmp(mounts->v[i].destination, "/dev") || !strcmp(mounts->v[i].destination, "/dev/"))
            found = &mounts->v[i];
    return found;
}

struct err *devices_make(int root, const struct oci_linux *l, const struct mount_list *mounts, bool bind)
{
    const struct mount_plan *m = mount_of_dev(mounts);
    if (m && m->kind == MOUNT_BIND)
        return NULL;
    struct dev d = {.root = root, .bind = bind};
    auto_close dir = -1;
    TRY_WRAP(file_mkdirs_in_root(root, "/dev", 0755, &dir), "/dev");
    d.dir = dir;
    TRY(make_nodes(&d, l));
    TRY(make_links(dir));
    if (m && m->set & MOUNT_ATTR_RDONLY)
        TRY_WRAP(rootfs_setattr(dir, MOUNT_ATTR_RDONLY, 0, 0, false), "make /dev read-only");
    return NULL;
}

struct err *devices_console(int root, int slave)
{
    auto_close tree = open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0)
        return err_sys(errno, "/dev/console: copy the mount of the terminal");
    return err_wrap(rootfs_move(root, tree, "/dev/console", false), "/dev/console");
}
