/*
 * mounts add, mounts remove: other mounts for a container that runs. What is bound is opened out here, in the
 * host's tree, as a detached copy; a child of ours enters the container's mount namespace with it, resolves
 * the destination as init would have (rootfs.h), and attaches it there. Nothing inside is named by a path of
 * ours but through the container's root.
 */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/clone.h"
#include "runtime/record.h"
#include "runtime/seal.h"
#include "runtime/sync.h"
#include "runtime/tree/rootfs_internal.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

struct order {
    bool adds;
    struct mount_list mounts;
    int init; /* pidfd */
    bool userns;
};

/* --- in the container's mount namespace */

static struct err *add(int root, struct mount_plan *m)
{
    return rootfs_mount(root, m, NULL, NULL);
}

/* umount2(2) takes a path only: that of our own descriptor, in a procfs that is the host's. */
static struct err *take_away(int root, int own_fds, const struct mount_plan *m)
{
    auto_close at = -1;
    struct statx st;
    char name[16];
    TRY(rootfs_open_target(root, m->destination, m->dest_nofollow, &at));
    if (statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
        return err_sys(errno, "statx");
    if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return err_new(ERR_NOT_FOUND, "%s: nothing is mounted there", m->destination);
    snprintf(name, sizeof(name), "%d", at);
    if (fchdir(own_fds) < 0 || umount2(name, MNT_DETACH) < 0)
        return err_sys(errno, "unmount %s", m->destination);
    return NULL;
}

static struct err *enter(const struct order *o, int *ret_root, int *ret_own_fds)
{
    *ret_own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_own_fds < 0)
        return err_sys(errno, "open /proc/self/fd");
    if (setns(o->init, CLONE_NEWNS | (o->userns ? CLONE_NEWUSER : 0)) < 0)
        return err_sys(errno, "join the mount namespace of the container");
    *ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret_root < 0 ? err_sys(errno, "open /") : NULL;
}

static struct err *carry_out(struct order *o)
{
    auto_close root = -1;
    auto_close own_fds = -1;
    TRY(enter(o, &root, &own_fds));
    for (size_t i = 0; i < o->mounts.n; i++)
        TRY_WRAP(o->adds ? add(root, &o->mounts.v[i]) : take_away(root, own_fds, &o->mounts.v[i]),
            "mounts[%zu]", i);
    return NULL;
}

static void child(struct order *o, int told) __attribute__((noreturn));
static void child(struct order *o, int told)
{
    seal_release();
    struct err *e = carry_out(o);
    if (e)
        err_free(sync_send_error(told, e));
    _exit(e ? 1 : 0);
}

static struct err *send_child(struct order *o)
{
    int told[2], end;
    struct sync_message m;
    TRY(sync_pair(told));
    pid_t pid = clone_raw(0, -1, NULL);
    if (pid == 0)
        child(o, told[1]);
    struct err *e = pid < 0 ? err_sys(errno, "clone") : NULL;
    close(told[1]);
    if (!e)
        e = sync_recv(told[0], &m, &end);
    close(told[0]);
    int status = 0;
    if (pid > 0)
        waitpid(pid, &status, 0);
    return e || !status ? e : err_new(ERR_SYSTEM, "the process that mounts died");
}

/* --- out here */

/* The section `mounts` of a config.json: alone, or in an object. */
static struct err *read_mounts(struct arena *a, const char *path, struct oci_config *ret)
{
    auto_free char *text = NULL;
    size_t len;
    const struct json *j;
    TRY(file_read(AT_FDCWD, path, FILE_MAX, &text, &len));
    TRY_WRAP(json_parse(a, text, len, NULL, &j), "%s", path);
    if (j->type != JSON_ARRAY)
        j = json_get(j, "mounts");
    if (!j)
        return err_new(ERR_INVALID, "%s: neither a list of mounts nor an object with one", path);
    j = json_with(a, json_with(a, NULL, "ociVersion", json_new_str(a, OCI_VERSION)), "mounts", j);
    return err_wrap(fields_decode(&oci_config_fields, a, j, ret), "%s", path);
}

/* Those that init needs the container's whole configuration for are not for later. */
static struct err *check(struct mount_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct mount_plan *m = &l->v[i];
        if (m->kind != MOUNT_BIND && m->kind != MOUNT_NEW)
            return err_new(
                ERR_UNSUPPORTED, "mounts[%zu]: type \"%s\": not in a running container", i, m->type);
        if (m->kind == MOUNT_BIND && !m->propagation) { /* what we open is a copy of the host's own mounts */
            m->propagation = MS_PRIVATE;
            m->rpropagation = true;
        }
    }
    return rootfs_open_sources(l, true, -1);
}

static struct err *plan(struct arena *a, const char *file, const struct record *r, struct order *o)
{
    struct oci_linux none = {0};
    struct oci_config c;
    TRY(read_mounts(a, file, &c));
    c.linux_ = &none;
    for (size_t i = 0; !o->adds && i < c.mounts.n; i++) /* only the destination counts */
        c.mounts.v[i] = (struct oci_mount){.destination = c.mounts.v[i].destination, .type = "tmpfs"};
    TRY(mounts_plan(a, &c, r->bundle, &o->mounts));
    return o->adds ? check(&o->mounts) : NULL;
}

static bool has_userns(const struct record *r)
{
    for (size_t i = 0; i < r->namespaces.n; i++)
        if (!strcmp(r->namespaces.v[i], "user"))
            return true;
    return false;
}

static struct err *change(const struct globals *g, const char *id, const char *file, bool adds)
{
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    TRY(record_find(g->root, id, a, &dir, &r));
    TRY(record_lock(dir));
    auto_close init = record_pidfd(&r);
    if (init < 0)
        return err_new(ERR_CONFLICT, "container not running");
    struct order o = {.adds = adds, .init = init, .userns = has_userns(&r)};
    TRY(plan(a, file, &r, &o));
    return send_child(&o);
}

struct err *verb_mounts(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct arg_spec spec = {.usage = "wherry-runtime mounts add|remove ID FILE",
        .about =
            "Mounts in a running container what FILE lists, as `mounts` of a config.json; or unmounts it.",
        .min = 3,
        .max = 3};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    bool adds = !strcmp(operands[0], "add");
    if (!adds && strcmp(operands[0], "remove"))
        return err_new(ERR_INVALID, "mounts: \"%s\": must be add or remove", operands[0]);
    *ret_status = 0;
    return err_wrap(change(g, operands[1], operands[2], adds), "mounts %s", operands[0]);
}
