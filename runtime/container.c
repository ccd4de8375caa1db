/* See container.h. */
#include "runtime/container.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/annotations.h"
#include "runtime/process/descriptors.h"
#include "runtime/report.h"
#include "runtime/tree/sysctl.h"
#include "runtime/verbs/notify.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (3 << 20)

static struct err *absolute(struct arena *a, const char *path, const char **ret)
{
    char now[PATH_MAX];
    if (path[0] == '/') {
        *ret = path;
        return NULL;
    }
    if (!getcwd(now, sizeof(now)) || now[0] != '/')
        return err_sys(errno, "the current directory");
    *ret = !strcmp(path, ".") || !*path ? arena_strdup(a, now) : arena_printf(a, "%s/%s", now, path);
    return NULL;
}

/* file: another than config.json, and if relative below the bundle. */
struct err *container_config(
    struct arena *a, const char *bundle, const char *file, const struct oci_config **ret)
{
    auto_free char *path =
        file && *file == '/' ? mem_strdup(file) : mem_printf("%s/%s", bundle, file ? file : "config.json");
    auto_free char *text = NULL;
    size_t len;
    TRY(file_read(AT_FDCWD, path, CONFIG_MAX, &text, &len));
    struct oci_config *c = arena_new_obj(a, struct oci_config);
    TRY_WRAP(fields_parse(&oci_config_fields, a, text, len, c), "%s", path);
    TRY(annotations_apply(a, c));
    *ret = c;
    return NULL;
}

static struct err *check_version(const char *v)
{
    /* 1.x: a newer minor adds fields, and what is not known is not there */
    char *end;
    if (strncmp(v, "1.", 2) || strtoul(v + 2, &end, 10) > 1000 || end == v + 2 || *end != '.')
        return err_new(ERR_UNSUPPORTED, "ociVersion: \"%s\": must be 1.x.y", v);
    return NULL;
}

static struct err *plan_linux(struct container *c)
{
    const struct oci_linux *l = c->config->linux_;
    if (!l)
        return err_new(ERR_INVALID, "linux: absent");
    TRY(namespaces_plan(l, &c->ns));
    TRY(lsm_plan_here(c->config->process, l->mount_label, &c->process.lsm));
    TRY(scheduling_plan(c->config->process, l->memory_policy, l->personality, &c->process.scheduling));
    c->userns = c->ns.within & CLONE_NEWUSER;
    TRY(rdt_plan(c->arena, l->intel_rdt, c->opts->id, &c->rdt));
    TRY(netdev_plan(c->arena, l, c->ns.within, &c->netdevs));
    TRY(device_rules_table(c->arena, l->resources, &c->devices));
    TRY(cgroups_path(c->arena, l->cgroups_path, c->opts->id, &c->cgroup));
    if (l->rootfs_propagation && *l->rootfs_propagation) {
        c->rootfs_propagation = mounts_propagation(l->rootfs_propagation);
        if (!c->rootfs_propagation)
            return err_new(ERR_INVALID, "linux.rootfsPropagation: unknown \"%s\"", l->rootfs_propagation);
    }
    return container_check_host(c);
}

struct err *container_check_host(const struct container *c)
{
    int own = c->ns.within & ~c->ns.ours;
    TRY(sysctl_check(&c->config->linux_->sysctl, own));
    if ((c->config->hostname || c->config->domainname) && !(own & CLONE_NEWUTS))
        return err_new(ERR_INVALID, "%s: needs a uts namespace of the container's own",
            c->config->hostname ? "hostname" : "domainname");
    return NULL;
}

static struct err *plan_terminal(struct container *c)
{
    const struct container_options *o = c->opts;
    if (!c->process.terminal && o->console_socket)
        return err_new(ERR_INVALID, "--console-socket: process.terminal is not true");
    if (c->process.terminal && !o->console_socket && (o->detach || o->wait_for_start))
        return err_new(ERR_INVALID, "cannot allocate tty if the runtime detaches without --console-socket");
    c->foreground_tty = c->process.terminal && !o->console_socket;
    return NULL;
}

static struct err *plan_preserve(struct container *c)
{
    int listen;
    TRY(descriptors_preserved(c->opts->preserve_fds, &c->preserve, &listen));
    if (listen) {
        process_setenv(&c->process, c->arena, "LISTEN_FDS", getenv("LISTEN_FDS"));
        process_setenv(&c->process, c->arena, "LISTEN_PID", "1");
    }
    return NULL;
}

static struct err *plan_rootfs(struct container *c)
{
    const struct oci_root *r = c->config->root;
    if (!r)
        return err_new(ERR_INVALID, "root: absent");
    const char *path = r->path[0] == '/' ? r->path : arena_printf(c->arena, "%s/%s", c->bundle, r->path);
    struct stat st;
    if (stat(path, &st) < 0)
        return err_sys(errno, "root.path: %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_new(ERR_INVALID, "root.path: %s: not a directory", path);
    c->rootfs = path;
    return NULL;
}

static struct err *plan_notify(struct container *c)
{
    const char *root;
    if (!notify_manager())
        return NULL;
    TRY(absolute(c->arena, c->opts->root, &root));
    c->config =
        notify_mount(c->arena, c->config, arena_printf(c->arena, "%s/%s/" NOTIFY_DIR, root, c->opts->id));
    notify_setenv(&c->process, c->arena);
    return NULL;
}

/* Without a cgroup of its own there is none to show. */
static void leave_out_cgroups(struct container *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->mounts.n; i++)
        if (c->mounts.v[i].kind != MOUNT_CGROUP)
            c->mounts.v[n++] = c->mounts.v[i];
    c->mounts.n = n;
    c->cgroup = NULL;
}

struct err *container_plan(struct arena *a, const struct container_options *o, struct container *ret)
{
    struct container c = {.arena = a,
        .opts = o,
        .root = -1,
        .dir = -1,
        .rootfs_tree = -1,
        .console = -1,
        .listen = -1,
        .hook_output = HOOKS_OUTPUT_NONE};
    TRY(absolute(a, o->bundle ? o->bundle : ".", &c.bundle));
    TRY(container_config(a, c.bundle, o->config, &c.config));
    TRY(check_version(c.config->oci_version));
    TRY(process_plan(a, c.config->process, &c.process));
    c.process.keep_groups = annotations_keep_groups(&c.config->annotations);
    process_warn_caps(&c.process);
    TRY(plan_linux(&c));
    TRY(plan_notify(&c));
    TRY(mounts_plan(a, c.config, c.bundle, &c.mounts));
    if (o->no_cgroups)
        leave_out_cgroups(&c);
    TRY(plan_terminal(&c));
    TRY(plan_preserve(&c));
    TRY(plan_rootfs(&c));
    *ret = c;
    return NULL;
}
