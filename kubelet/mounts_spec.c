/* Mounts of a container, see mounts_spec.h. */
#include "kubelet/mounts_spec.h"
#include "kubelet/container_spec.h"
#include "kubelet/env.h"
#include "kubelet/sandbox.h"
#include "kubelet/volumes.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

static void add(const struct mounts_spec_in *in, struct mounts_spec_out *out, const char *destination,
    const char *type, const char *source, const char *options)
{
    struct arena *a = in->arena;
    struct str_list l = {.v = arena_array(a, strlen(options) / 2 + 2, sizeof(char *))};
    for (const char *p = options; *p;) {
        size_t n = strcspn(p, ",");
        l.v[l.n++] = arena_strndup(a, p, n);
        p += n + (p[n] == ',');
    }
    out->v[out->n++] =
        (struct oci_mount){.destination = destination, .type = type, .source = source, .options = l};
}

static void add_kernel(const struct mounts_spec_in *in, struct mounts_spec_out *out)
{
    const struct worker *w = in->instance->worker;
    const struct pod_spec *s = w->desired->pod->spec;
    const char *ro = in->privileged ? "rw" : "ro";
    struct arena *a = in->arena;
    add(in, out, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    add(in, out, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    add(in, out, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    add(in, out, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    add(in, out, "/sys", "sysfs", "sysfs", arena_printf(a, "nosuid,noexec,nodev,%s", ro));
    add(in, out, "/sys/fs/cgroup", "cgroup", "cgroup",
        arena_printf(a, "nosuid,noexec,nodev,relatime,%s", ro));
    if (opt_bool_or(s->host_ipc, false))
        add(in, out, "/dev/shm", "bind", "/dev/shm", "rbind");
    else
        add(in, out, "/dev/shm", "bind", arena_printf(a, "%s/%s/shm", w->kubelet->path.run_pods, w->uid),
            "rbind,nosuid,nodev,noexec");
}

static bool mounts_at(const struct container *c, const char *path)
{
    for (size_t i = 0; i < c->volume_mounts.n; i++)
        if (is(c->volume_mounts.v[i].mount_path, path))
            return true;
    return false;
}

static void add_files(const struct mounts_spec_in *in, struct mounts_spec_out *out)
{
    const struct worker *w = in->instance->worker;
    const struct container *c = in->instance->spec;
    const struct security_context *sc = c->security_context;
    bool ro = sc && opt_bool_or(sc->read_only_root_filesystem, false);
    struct arena *a = in->arena;
    const char *run = arena_printf(a, "%s/%s", w->kubelet->path.run_pods, w->uid);
    if (!mounts_at(c, "/etc/hosts"))
        add(in, out, "/etc/hosts", "bind", arena_printf(a, "%s/%s/etc-hosts", w->kubelet->path.pods, w->uid),
            "rbind,rw");
    if (!mounts_at(c, "/etc/hostname"))
        add(in, out, "/etc/hostname", "bind", arena_printf(a, "%s/hostname", run),
            ro ? "rbind,ro" : "rbind,rw");
    if (!mounts_at(c, "/etc/resolv.conf"))
        add(in, out, "/etc/resolv.conf", "bind", arena_printf(a, "%s/resolv.conf", run),
            ro ? "rbind,ro" : "rbind,rw");
}

/* --- volumes */

/* The volume's folder as the shim sees it: a memory volume is mounted there only. */
static struct err *open_volume(const struct worker *w, const char *path, int *ret)
{
    auto_free char *seen = mem_printf("/proc/%lld/root%s", (long long)sandbox_shim_pid(w), path);
    *ret = open(seen, O_PATH | O_CLOEXEC);
    return *ret < 0 ? err_sys(errno, "open %s", path) : NULL;
}

/* subPath inside its volume: links are followed, but none that leads out (EXDEV); made as a folder where it
 * is absent. */
static struct err *open_sub_path(int volume, const char *sub, int64_t gid, int *ret)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    *ret = (int)syscall(SYS_openat2, volume, sub, &how, sizeof(how));
    if (*ret >= 0)
        return NULL;
    if (errno != ENOENT)
        return err_sys(errno, "open %s", sub);
    TRY(file_mkdirs(volume, sub, 0750, NULL));
    TRY(file_open_beneath(volume, sub, O_RDONLY | O_DIRECTORY, 0, ret));
    struct err *e = NULL;
    if (gid >= 0 && fchown(*ret, (uid_t)-1, (gid_t)gid) < 0)
        e = err_sys(errno, "chown %s", sub);
    if (!e && fchmod(*ret, gid >= 0 ? 02777 : 0777) < 0)
        e = err_sys(errno, "chmod %s", sub);
    if (e)
        close(*ret);
    return e;
}

static struct err *sub_path_source(
    const struct mounts_spec_in *in, const struct volume_mount *m, const char *volume_path, const char **ret)
{
    struct instance *i = in->instance;
    const struct pod_security_context *sc = i->worker->desired->pod->spec->security_context;
    const char *sub = m->sub_path;
    int volume, fd;
    if (m->sub_path_expr && *m->sub_path_expr)
        TRY(env_expand_strict(in->arena, m->sub_path_expr, in->vars, &sub));
    if (*in->n_fds == CONTAINER_SPEC_FDS)
        return err_new(ERR_LIMIT, "more than %d subPaths in one container", CONTAINER_SPEC_FDS);
    TRY(open_volume(i->worker, volume_path, &volume));
    struct err *e = *sub == '/'
                        ? err_new(ERR_DENIED, "leaves the volume")
                        : open_sub_path(volume, sub, sc && sc->fs_group.set ? sc->fs_group.v : -1, &fd);
    close(volume);
    if (e) {
        err_free(e);
        return err_new(ERR_DENIED, "failed to prepare subPath for volumeMount \"%s\" of container \"%s\"",
            m->name, i->name);
    }
    in->fds[(*in->n_fds)++] = fd;
    *ret = arena_printf(in->arena, "/proc/%d/fd/%d", (int)getpid(), fd);
    return NULL;
}

/* A hostPath without a type is made as a folder where it is absent. */
static struct err *host_path_source(const struct host_path_volume *h)
{
    struct stat st;
    if ((h->type && *h->type) || stat(h->path, &st) == 0)
        return NULL;
    return file_mkdirs(AT_FDCWD, h->path, 0755, NULL);
}

/* Bidirectional and HostToContainer need a shared mount on the host below which the volume is. */
static struct err *propagation(const struct mounts_spec_in *in, const struct volume_mount *m,
    struct mounts_spec_out *out, const char **ret)
{
    *ret = "rprivate";
    if (is(m->mount_propagation, "HostToContainer")) {
        *ret = "rslave";
        out->rootfs_propagation = out->rootfs_propagation ? out->rootfs_propagation : "rslave";
    } else if (is(m->mount_propagation, "Bidirectional")) {
        (void)in;
        return err_new(ERR_UNSUPPORTED, "mountPropagation: Bidirectional: a Pod's mounts never appear on "
                                        "this host (its sandbox has a mount "
                                        "namespace of its own)");
    }
    return NULL;
}

static struct err *add_volume(const struct mounts_spec_in *in, const struct volume_mount *m,
    struct mounts_spec_out *out, bool *ret_create)
{
    const struct worker *w = in->instance->worker;
    const struct volume *v = volumes_find(w, m->name);
    const char *source = volumes_path(w, in->arena, m->name), *prop;
    if (!v || !source)
        return err_new(ERR_NOT_FOUND, "volumeMounts: there is no volume \"%s\"", m->name ? m->name : "");
    if (v->host_path)
        TRY(host_path_source(v->host_path));
    if ((m->sub_path && *m->sub_path) || (m->sub_path_expr && *m->sub_path_expr))
        TRY(sub_path_source(in, m, source, &source));
    *ret_create = true;
    TRY(propagation(in, m, out, &prop));
    *ret_create = false;
    bool ro = opt_bool_or(m->read_only, false) || volumes_is_read_only(v);
    const char *how = !ro                                        ? "rw"
                      : is(m->recursive_read_only, "Enabled")    ? "ro,rro"
                      : is(m->recursive_read_only, "IfPossible") ? "ro,rro"
                                                                 : "ro";
    const char *path = m->mount_path ? m->mount_path : "";
    if (*path != '/')
        path = arena_printf(in->arena, "/%s", path);
    add(in, out, path, "bind", source, arena_printf(in->arena, "rbind,%s,%s", prop, how));
    return NULL;
}

static unsigned depth(const char *path)
{
    unsigned n = 0;
    for (const char *p = path; *p; p++)
        n += *p == '/' && p[1] && p[1] != '/';
    return n;
}

/* Shallow ones first: what is mounted below another mount comes after it. */
static int mount_order(const void *x, const void *y)
{
    const struct oci_mount *a = x, *b = y;
    unsigned da = depth(a->destination), db = depth(b->destination);
    return da != db ? (da < db ? -1 : 1) : strcmp(a->destination, b->destination);
}

/* An empty file that anybody may write: 0666. */
static struct err *add_termination_log(const struct mounts_spec_in *in, struct mounts_spec_out *out)
{
    const struct container *c = in->instance->spec;
    const char *path = c->termination_message_path && *c->termination_message_path
                           ? c->termination_message_path
                           : "/dev/termination-log";
    auto_free char *file = container_spec_termination_log(in->instance, in->instance->cid);
    auto_free char *folder = mem_strndup(file, (size_t)(strrchr(file, '/') - file));
    TRY(file_mkdirs(AT_FDCWD, folder, 0750, NULL));
    auto_close fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_sys(errno, "create %s", file);
    fchmod(fd, 0666);
    add(in, out, path, "bind", arena_strdup(in->arena, file), "rbind,rprivate,rw");
    return NULL;
}

struct err *mounts_spec_build(const struct mounts_spec_in *in, struct mounts_spec_out *out, bool *ret_create)
{
    const struct container *c = in->instance->spec;
    out->v = arena_array(in->arena, c->volume_mounts.n + 16, sizeof(*out->v));
    add_kernel(in, out);
    size_t own = out->n;
    add_files(in, out);
    for (size_t i = 0; i < c->volume_mounts.n; i++)
        TRY(add_volume(in, &c->volume_mounts.v[i], out, ret_create));
    TRY(add_termination_log(in, out));
    qsort(out->v + own, out->n - own, sizeof(*out->v), mount_order);
    return NULL;
}
