/* Mounts: see mount.h. */
#include "runtime/shim/mount.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* A failed fsconfig(2) often left a sentence to be read: "e overlay: ..." */
static struct err *fs_err(int fs, const char *what)
{
    int errnum = errno;
    char text[256];
    ssize_t n = read(fs, text, sizeof(text) - 1);
    if (n <= 2)
        return err_sys(errnum, "%s", what);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return err_sys(errnum, "%s: %s", what, text + 2);
}

static struct err *attach(int mnt, int target)
{
    if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return err_sys(errno, "move_mount");
    return NULL;
}

/* ---- tmpfs ---- */

static const char *const tmpfs_values[] = {"source", "size", "mode", "nr_inodes", "uid", "gid"};
static const struct {
    const char *name;
    unsigned attr;
} tmpfs_flags[] = {{"noexec", MOUNT_ATTR_NOEXEC}, {"nosuid", MOUNT_ATTR_NOSUID}, {"nodev", MOUNT_ATTR_NODEV},
    {"ro", MOUNT_ATTR_RDONLY}};

static struct err *tmpfs_option(int fs, char *option, unsigned *attrs)
{
    char *value = strchr(option, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; value && i < ARRAY_SIZE(tmpfs_values); i++) {
        if (strcmp(option, tmpfs_values[i]) != 0)
            continue;
        if (fsconfig(fs, FSCONFIG_SET_STRING, option, value, 0) < 0)
            return fs_err(fs, option);
        return NULL;
    }
    if (!value && !strcmp(option, "noswap")) {
        /* Since 6.4; before that memory volumes may be swapped out. */
        if (fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) < 0 && errno != EINVAL)
            return fs_err(fs, option);
        return NULL;
    }
    for (size_t i = 0; !value && i < ARRAY_SIZE(tmpfs_flags); i++)
        if (!strcmp(option, tmpfs_flags[i].name)) {
            *attrs |= tmpfs_flags[i].attr;
            return NULL;
        }
    return err_new(ERR_INVALID, "options: %s: not an option of a tmpfs volume", option);
}

static struct err *make_tmpfs(const struct shim_mount *m, int target)
{
    auto_close fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_sys(errno, "fsopen tmpfs");
    unsigned attrs = 0;
    auto_free char *options = mem_strdup(m->options ? m->options : "");
    char *save, *option = strtok_r(options, ",", &save);
    for (; option; option = strtok_r(NULL, ",", &save))
        TRY(tmpfs_option(fs, option, &attrs));
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_err(fs, "create");
    auto_close mnt = fsmount(fs, FSMOUNT_CLOEXEC, attrs);
    if (mnt < 0)
        return fs_err(fs, "fsmount");
    return attach(mnt, target);
}

/* ---- overlay ---- */

struct layers {
    int lower[MOUNT_LAYERS_MAX], upper, work;
    size_t n;
};

static void layers_close(struct layers *l)
{
    for (size_t i = 0; i < l->n; i++)
        close(l->lower[i]);
    if (l->upper >= 0)
        close(l->upper);
    if (l->work >= 0)
        close(l->work);
}

static struct err *open_dir(const char *path, int *ret_fd)
{
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(errno, "open %s", path) : NULL;
}

static struct err *open_layers(const struct shim_mount *m, struct layers *l)
{
    for (; l->n < m->lower.n; l->n++)
        TRY(open_dir(m->lower.v[l->n], &l->lower[l->n]));
    if (!m->upper)
        return NULL;
    TRY(file_mkdirs(AT_FDCWD, m->upper, 0755, NULL));
    TRY(file_mkdirs(AT_FDCWD, m->work, 0700, NULL));
    TRY(open_dir(m->upper, &l->upper));
    return open_dir(m->work, &l->work);
}

/*
 * volatile: a container's writable layer is never used again after its container, so nobody needs it to be on
 * disk; without this, unmounting would sync the whole file system below. The rest turns off what makes layers
 * that other kernels and other readers of the upper folder do not understand.
 */
static const struct {
    const char *name, *value;
} overlay_options[] = {{"redirect_dir", "off"}, {"metacopy", "off"}, {"index", "off"}};

/* Since 6.13 overlayfs takes its layers by descriptor. *ret_unsupported: this kernel does not (EOPNOTSUPP
 * before 6.5, where overlayfs knows the mount API by its compatibility layer only). */
static struct err *overlay_by_fd(const struct layers *l, int target, bool *ret_unsupported)
{
    auto_close fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_sys(errno, "fsopen overlay");
    for (size_t i = 0; i < l->n; i++)
        if (fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, l->lower[i]) < 0) {
            *ret_unsupported = i == 0 && (errno == EINVAL || errno == EOPNOTSUPP);
            return fs_err(fs, "lowerdir");
        }
    if (l->upper >= 0 && (fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, l->upper) < 0 ||
                             fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, l->work) < 0 ||
                             fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0))
        return fs_err(fs, "upperdir, workdir");
    for (size_t i = 0; i < ARRAY_SIZE(overlay_options); i++)
        if (fsconfig(fs, FSCONFIG_SET_STRING, overlay_options[i].name, overlay_options[i].value, 0) < 0)
            return fs_err(fs, overlay_options[i].name);
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_err(fs, "create");
    auto_close mnt = fsmount(fs, FSMOUNT_CLOEXEC, l->upper < 0 ? MOUNT_ATTR_RDONLY : 0);
    if (mnt < 0)
        return fs_err(fs, "fsmount");
    return attach(mnt, target);
}

/* Before that, by the short names that descriptors have in procfs: mount(2) takes one page of options. */
static struct err *overlay_by_name(const struct layers *l, int target)
{
    auto_buf options = BUF_INIT(4000);
    for (size_t i = 0; i < l->n; i++)
        buf_addf(&options, "%s/proc/self/fd/%d", i ? ":" : "lowerdir=", l->lower[i]);
    if (l->upper >= 0)
        buf_addf(&options, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,volatile", l->upper, l->work);
    for (size_t i = 0; i < ARRAY_SIZE(overlay_options); i++)
        buf_addf(&options, ",%s=%s", overlay_options[i].name, overlay_options[i].value);
    TRY(buf_check(&options, "overlay options"));
    char at[32];
    snprintf(at, sizeof(at), "/proc/self/fd/%d", target);
    if (mount("overlay", at, "overlay", l->upper < 0 ? MS_RDONLY : 0, buf_str(&options)) < 0)
        return err_sys(errno, "mount overlay");
    return NULL;
}

/* One layer and nothing to write: overlayfs does not do that, and need not. */
static struct err *bind_read_only(int lower, int target)
{
    auto_close mnt = open_tree(lower, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mnt < 0)
        return err_sys(errno, "open_tree");
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(mnt, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return err_sys(errno, "mount_setattr");
    return attach(mnt, target);
}

static struct err *stack_layers(const struct shim_mount *m, struct layers *l, int target)
{
    TRY(open_layers(m, l));
    if (l->n == 1 && l->upper < 0)
        return bind_read_only(l->lower[0], target);
    static bool by_name;
    if (!by_name) {
        struct err *e = overlay_by_fd(l, target, &by_name);
        if (!by_name)
            return e;
        err_free(e);
    }
    return overlay_by_name(l, target);
}

static struct err *make_overlay(const struct shim_mount *m, int target)
{
    if (m->lower.n < 1 || m->lower.n > MOUNT_LAYERS_MAX)
        return err_new(ERR_INVALID, "lower: %zu layers, want 1 to %d", m->lower.n, MOUNT_LAYERS_MAX);
    if (!m->upper != !m->work)
        return err_new(ERR_INVALID, "upper, work: both or neither");
    struct layers l = {.upper = -1, .work = -1};
    struct err *e = stack_layers(m, &l, target);
    layers_close(&l);
    return e;
}

static struct err *make_at(const struct shim_mount *m, const char *target)
{
    bool tmpfs = !strcmp(m->type, "tmpfs");
    if (!tmpfs && strcmp(m->type, "overlay") != 0)
        return err_new(ERR_INVALID, "type: \"%s\": want tmpfs or overlay", m->type);
    auto_close fd = -1;
    TRY(file_mkdirs(AT_FDCWD, target, 0755, &fd));
    return tmpfs ? make_tmpfs(m, fd) : make_overlay(m, fd);
}

struct err *mount_make(const struct shim_mount *m, const char *target)
{
    if (!target || target[0] != '/')
        return err_new(ERR_INVALID, "target: not an absolute path");
    return err_wrap(make_at(m, target), "mount %s", target);
}

struct err *mount_remove(const char *target)
{
    if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return err_sys(errno, "unmount %s", target);
    return NULL;
}
