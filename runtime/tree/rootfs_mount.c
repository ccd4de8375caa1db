/* The kinds of mounts that rootfs_mount() knows. See rootfs.h; those of cgroup trees are in rootfs_cgroup.c.
 */
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/rootfs_cgroup.h"
#include "runtime/tree/rootfs_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARAM_MAX 256 /* of fsconfig(2), with its end */
#define DATA_MAX 4096 /* of mount(2) */

/* --- binds */

/* copy-symlink: the same link, where the source is one. */
static struct err *make_link(int root, const struct mount_plan *m)
{
    auto_close parent = -1;
    const char *name;
    char there[4096];
    TRY(rootfs_parent(root, m->destination, &parent, &name));
    if (!symlinkat(m->link, parent, name))
        return NULL;
    if (errno != EEXIST)
        return err_sys(errno, "make a link");
    ssize_t n = readlinkat(parent, name, there, sizeof(there));
    if (n < 0 || (size_t)n != strlen(m->link) || memcmp(there, m->link, (size_t)n))
        return err_new(ERR_EXISTS, "something else than a link to %s is there", m->link);
    return NULL;
}

static struct err *mount_bind(int root, struct mount_plan *m)
{
    TRY(rootfs_open_source(m));
    if (m->link)
        return make_link(root, m);
    auto_close tree = take_fd(m->source_fd);
    auto_close to = -1;
    TRY(rootfs_setattr(tree, m->set, m->clear, 0, false));
    TRY(rootfs_setattr(tree, m->rset, m->rclear, 0, true));
    TRY(rootfs_setattr(tree, 0, 0, m->propagation, m->rpropagation));
    TRY(rootfs_target(root, m->destination, m->source_is_dir, m->dest_nofollow, &to));
    TRY(rootfs_check_proc(root, m->destination, tree, to));
    return rootfs_put(tree, to, m->source_is_dir);
}

/* --- new file systems */

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

static struct err *set_params(int fs, const struct mount_plan *m)
{
    for (size_t i = 0; i < m->n_params; i++) {
        const struct mount_param *p = &m->params[i];
        if (fsconfig(fs, p->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, p->key, p->value, 0) < 0)
            return fs_error(fs, errno, p->key);
    }
    return NULL;
}

struct err *rootfs_new_fs(const struct mount_plan *m, int *ret_fd)
{
    auto_close fs = fsopen(m->type, FSOPEN_CLOEXEC);
    const char *subtype = strchr(m->type, '.'); /* "fuse.sshfs" */
    if (fs < 0)
        return err_sys(errno, "file system type \"%s\"", m->type);
    if (subtype && fsconfig(fs, FSCONFIG_SET_STRING, "subtype", subtype + 1, 0) < 0)
        return fs_error(fs, errno, m->type);
    if (m->source && *m->source && fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0) < 0)
        return fs_error(fs, errno, "source");
    TRY(set_params(fs, m));
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, errno, m->type);
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)(m->set & ~(uint64_t)MOUNT_ATTR_RDONLY));
    if (fd < 0)
        return fs_error(fs, errno, m->type);
    *ret_fd = fd;
    return NULL;
}

static bool is_too_long(const struct mount_plan *m)
{
    bool too_long = m->source && strlen(m->source) >= PARAM_MAX;
    for (size_t i = 0; i < m->n_params; i++)
        too_long |= m->params[i].value && strlen(m->params[i].value) >= PARAM_MAX;
    return too_long;
}

static unsigned long mount_flags(uint64_t attr)
{
    static const struct {
        uint64_t attr;
        unsigned long flag;
    } flags[] = {{MOUNT_ATTR_RDONLY, MS_RDONLY}, {MOUNT_ATTR_NOSUID, MS_NOSUID}, {MOUNT_ATTR_NODEV, MS_NODEV},
        {MOUNT_ATTR_NOEXEC, MS_NOEXEC}, {MOUNT_ATTR_NOATIME, MS_NOATIME},
        {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME}, {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
        {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW}};
    unsigned long set = 0;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (attr & flags[i].attr)
            set |= flags[i].flag;
    return set;
}

/* An overlay of many layers has a value that fsconfig(2) does not take and mount(2) does. Its target is named
 * by our own descriptor: nothing in the rootfs is looked up again. */
static struct err *mount_long(int to, const struct mount_plan *m)
{
    auto_buf data = BUF_INIT(DATA_MAX);
    char path[40];
    if (m->rset || m->rclear || m->propagation || m->copy_up)
        return err_new(ERR_UNSUPPORTED,
            "options: recursive ones, propagation and tmpcopyup do not go with a value of more than %d "
            "characters",
            PARAM_MAX - 1);
    for (size_t i = 0; i < m->n_params; i++)
        buf_addf(&data, "%s%s%s%s", i ? "," : "", m->params[i].key, m->params[i].value ? "=" : "",
            m->params[i].value ? m->params[i].value : "");
    TRY(buf_check(&data, "options"));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
    if (mount(m->source, path, m->type, mount_flags(m->set), buf_str(&data)) < 0)
        return err_sys(errno, "%s", m->type);
    return NULL;
}

static bool is_pseudo(const struct mount_plan *m)
{
    return !strcmp(m->type, "proc") || !strcmp(m->type, "sysfs");
}

/* A sysfs is the network namespace's: without a right to that one, the host's view of it is what there is. */
static struct err *host_sysfs(const struct mount_plan *m, int *ret_fd)
{
    TRY(rootfs_tree("/sys", true, ret_fd));
    return rootfs_setattr(*ret_fd, m->set | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true);
}

static struct err *make_fs(const struct mount_plan *m, int *ret_fd)
{
    struct err *e = rootfs_new_fs(m, ret_fd);
    if (!e || strcmp(m->type, "sysfs") || err_kind(e) != ERR_DENIED)
        return e;
    err_free(e);
    return host_sysfs(m, ret_fd);
}

static bool has_param(const struct mount_plan *m, const char *key)
{
    for (size_t i = 0; i < m->n_params; i++)
        if (!strcmp(m->params[i].key, key))
            return true;
    return false;
}

/* A tmpfs in the place of a folder has that folder's mode, unless told otherwise. */
static struct err *take_mode(struct mount_plan *m, int to, char text[8])
{
    struct stat st;
    if (has_param(m, "mode"))
        return NULL;
    if (fstat(to, &st) < 0)
        return err_sys(errno, "stat");
    snprintf(text, 8, "%04o", st.st_mode & 07777);
    m->params[m->n_params++] = (struct mount_param){"mode", text};
    return NULL;
}

static struct err *new_target(int root, struct mount_plan *m, char mode[8], int *ret_fd)
{
    if (is_pseudo(m))
        return rootfs_plain_target(root, m->destination, ret_fd);
    struct err *absent = rootfs_open_target(root, m->destination, m->dest_nofollow, ret_fd);
    if (!absent)
        return strcmp(m->type, "tmpfs") ? NULL : take_mode(m, *ret_fd, mode);
    err_free(absent); /* or out of reach: then this says so */
    return rootfs_target(root, m->destination, true, m->dest_nofollow, ret_fd);
}

static struct err *mount_new(int root, struct mount_plan *m)
{
    auto_close to = -1;
    auto_close fd = -1;
    char mode[8];
    TRY(new_target(root, m, mode, &to));
    if (is_too_long(m)) {
        TRY(rootfs_check_proc(root, m->destination, -1, to));
        return mount_long(to, m);
    }
    TRY(make_fs(m, &fd));
    if (m->copy_up)
        TRY_WRAP(rootfs_copy_up(to, fd, !has_param(m, "uid") && !has_param(m, "gid")), "tmpcopyup");
    TRY(rootfs_check_proc(root, m->destination, fd, to));
    TRY(rootfs_put(fd, to, true));
    if (is_pseudo(m))
        TRY(rootfs_is_in_place(root, m->destination, fd));
    /* /dev is still to be filled: devices_make() closes it */
    if (m->set & MOUNT_ATTR_RDONLY && strcmp(m->destination, "/dev"))
        TRY(rootfs_setattr(fd, MOUNT_ATTR_RDONLY, 0, 0, false));
    TRY(rootfs_setattr(fd, m->rset, m->rclear, 0, true));
    return rootfs_setattr(fd, 0, 0, m->propagation, m->rpropagation);
}

/* --- what is mounted already */

static struct err *reconfigure(int at, const struct mount_plan *m)
{
    auto_close fs = fspick(at, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    if (fs < 0)
        return err_sys(errno, "pick the file system");
    TRY(set_params(fs, m));
    return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ? fs_error(fs, errno, "reconfigure")
                                                                     : NULL;
}

static struct err *remount(int root, const struct mount_plan *m)
{
    auto_close at = -1;
    struct statx st;
    TRY(rootfs_open_target(root, m->destination, m->dest_nofollow, &at));
    if (statx(at, "", AT_EMPTY_PATH, 0, &st) < 0)
        return err_sys(errno, "stat");
    if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return err_new(ERR_INVALID, "options: \"remount\": nothing is mounted there");
    if (m->n_params)
        TRY(reconfigure(at, m));
    TRY(rootfs_setattr(at, m->set, m->clear, 0, false));
    TRY(rootfs_setattr(at, m->rset, m->rclear, 0, true));
    return rootfs_setattr(at, 0, 0, m->propagation, m->rpropagation);
}

static struct err *mount_any(int root, struct mount_plan *m, struct cgroups *host, const char *cgroup)
{
    switch (m->kind) {
    case MOUNT_BIND:
        return mount_bind(root, m);
    case MOUNT_NEW:
        return mount_new(root, m);
    case MOUNT_CGROUP:
        return rootfs_cgroup(root, m, host, cgroup);
    case MOUNT_REMOUNT:
        return remount(root, m);
    }
    return err_new(ERR_BUG, "kind of mount %d", (int)m->kind);
}

struct err *rootfs_mount(int root, struct mount_plan *m, struct cgroups *host, const char *cgroup)
{
    const char *what = m->kind == MOUNT_BIND ? m->source : m->kind == MOUNT_REMOUNT ? "again" : m->type;
    return err_wrap(mount_any(root, m, host, cgroup), "mount %s at %s", what, m->destination);
}
