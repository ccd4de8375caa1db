/*
 * mount and umount, for people: an image's layers merged at a folder, read-only. The mount pins the image, so
 * that rm says why it cannot go; umount unpins. Nothing here is confined: mounting is what it is for.
 */
#include "images/command.h"
#include "images/describe.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPTIONS_MAX 4000 /* mount(2) takes a page */

/* overlayfs wants two layers where there is no upper one: a single one is bound. */
static struct err *bind_one(int layer, int target)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    auto_close tree =
        (int)syscall(SYS_open_tree, layer, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0)
        return err_sys(errno, "open_tree");
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr))
        return err_sys(errno, "mount_setattr");
    if (syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
        return err_sys(errno, "move_mount");
    return NULL;
}

static struct err *overlay(const int *layers, size_t n, int target)
{
    char where[64];
    auto_buf o = BUF_INIT(OPTIONS_MAX);
    buf_adds(&o, "index=off,metacopy=off,redirect_dir=nofollow,lowerdir=");
    for (size_t i = n; i-- > 0;) /* the uppermost first */
        buf_addf(&o, "/proc/self/fd/%d%s", layers[i], i ? ":" : "");
    TRY(buf_check(&o, "layers to mount"));
    snprintf(where, sizeof where, "/proc/self/fd/%d", target);
    if (mount("overlay", where, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, buf_str(&o)))
        return err_sys(errno, "mount overlay");
    return NULL;
}

static struct err *mount_layers(const struct store *s, const struct str_list *chains, int target)
{
    auto_free int *fds = mem_array(chains->n + 1, sizeof *fds);
    size_t n = 0;
    struct err *e = NULL;
    if (!chains->n)
        return err_new(ERR_INVALID, "the image has no layer: nothing to mount");
    for (; n < chains->n && !e; n++)
        if ((e = store_open_layer(s, chains->v[n], &fds[n])))
            break;
    if (!e)
        e = n == 1 ? bind_one(fds[0], target) : overlay(fds, n, target);
    while (n)
        close(fds[--n]);
    return e;
}

/* The pin's name says which folder, as well as a name can. */
static struct err *pin_name(const char *dir, char name[64])
{
    char hex[65];
    auto_free char *real = realpath(dir, NULL);
    if (!real)
        return err_sys(errno, "%s", dir);
    sha256_hex(real, strlen(real), hex);
    snprintf(name, 64, "mount-%.32s", hex);
    return NULL;
}

static struct err *find(const char *root, const char *name, struct arena *a, struct store **ret_store,
    struct str_list *ret_chains, const char **ret_id)
{
    struct index ix;
    struct index_image *i;
    TRY(store_open(root, false, ret_store));
    auto_close lock = -1;
    TRY(store_lock(*ret_store, &lock));
    TRY(index_read(*ret_store, a, &ix));
    TRY(index_find(&ix, name, &i));
    *ret_id = i->id;
    return describe_chains(a, *ret_store, i, ret_chains);
}

struct err *command_mount(const char *root, const char *name, const char *dir)
{
    auto_arena *a = arena_new();
    auto_store *s = NULL;
    struct str_list chains;
    const char *id;
    char pin[64];
    auto_close target = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        return err_sys(errno, "%s", dir);
    TRY(pin_name(dir, pin));
    TRY(find(root, name, a, &s, &chains, &id));
    TRY(image_pin(s->path, pin, id));
    struct err *e = mount_layers(s, &chains, target);
    if (e)
        err_free(image_unpin(s->path, pin));
    return err_wrap(e, "image %s: %s", name, dir);
}

struct err *command_umount(const char *root, const char *dir)
{
    char pin[64];
    TRY(pin_name(dir, pin));
    if (!umount2(dir, UMOUNT_NOFOLLOW))
        return image_unpin(root, pin);
    if (errno != EINVAL)
        return err_sys(errno, "%s: umount", dir);
    auto_free char *path = mem_printf("%s/pins/%s", root, pin);
    if (!file_exists(AT_FDCWD, path))
        return err_new(ERR_NOT_FOUND, "%s: nothing is mounted there", dir);
    return image_unpin(root, pin); /* umount(8) was faster, or there was a reboot */
}
