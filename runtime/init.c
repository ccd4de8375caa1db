/*
 * Init: what a cloned copy of the runtime does to become the container's process. Order is the program here.
 *
 * What arrives: the plan (struct container), by the fork; a socket to the runtime (sync.h). What leaves:
 * either the container's program, or a message with the error. Called by launch.c only.
 *
 * 1. Namespaces. The clone made the new ones; those given by path are entered (unless a helper did before the
 *    clone, which a user or pid namespace asks for). In a new user namespace, init has no identity until the
 *    runtime has written its maps; then it becomes root there.
 * 2. What belongs to a namespace and needs nothing else: names, the time offsets, for which a time namespace
 * is made here and then entered, since a clone would close it; interfaces that the runtime moves in; sysctls
 * (through a procfs of our own).
 * 3. Hooks that stand outside (prestart, createRuntime), while the runtime has init wait.
 * 4. The tree. First nothing more may propagate to the host. The rootfs is a copy of its mount tree, put on
 * top of
 *    "/"; all that follows is relative to its descriptor. Mounts in their order; the first that shows cgroups
 * or the network waits for them, which have been made meanwhile on another processor.
 * 5. The network namespace (netns.h), joined, and cgroups: init moves itself by writing to the files that
 * came over the socket (cgroups.h says why), and only then makes the cgroup namespace, whose root is where
 * its maker stands.
 * 6. Devices, the working directory, the terminal; hooks inside (createContainer); masked and read-only
 * paths; the rootfs itself read-only. Then pivot_root, and the host's mounts are gone.
 * 7. Every descriptor that is not the program's or the socket is closed: from here on nothing of the host can
 * be reached through this process, and it was never open to be looked into (PR_SET_DUMPABLE).
 * 8. The process: limits, scheduling, ids, capabilities, directory, and its file, looked up as the user that
 * it is. Whatever can fail by the user's fault has failed by now, in `create`.
 * 9. READY. Then wait: for `start` on a listening socket (created containers outlive the runtime), or for the
 *    runtime itself (run).
 * 10. Hooks (startContainer), the seccomp filter as late as it may be, execve. The socket closes at the exec,
 * which tells success; or carries the reason why not.
 *
 * /proc/self/exe: until the exec this process is the runtime's binary; seal.c tells why that harms nobody.
 */
#include "runtime/init.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/net/rtnetlink.h"
#include "runtime/process/console.h"
#include "runtime/process/descriptors.h"
#include "runtime/process/hooks.h"
#include "runtime/seal.h"
#include "runtime/sync.h"
#include "runtime/tree/devices.h"
#include "runtime/tree/procfs.h"
#include "runtime/tree/rootfs.h"
#include "runtime/tree/sysctl.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

struct init {
    struct container *c;
    const struct oci_linux *l;
    int sync;
    int root;   /* the rootfs; -1 once pivoted */
    int procfs; /* our own; -1 where nobody needs one any more */
    bool in_cgroups;
    pid_t outer_pid;  /* as the host counts */
    const char *path; /* of the program */
    int slave;
};

static void warn(void *arg, const char *name)
{
    struct init *in = arg;
    char text[200];
    snprintf(
        text, sizeof(text), "process.rlimits: %s cannot be raised so far without CAP_SYS_RESOURCE", name);
    err_free(sync_send(in->sync, SYNC_WARN, text, NULL, 0));
}

/* --- 1, 2: namespaces and what belongs to them */

static struct err *become_root(struct init *in)
{
    struct sync_message m;
    TRY(sync_send(in->sync, SYNC_MAPS, NULL, NULL, 0));
    TRY(sync_expect(in->sync, SYNC_DONE, &m));
    TRY(process_enter_userns(&in->c->process));
    if (!in->c->process.keep_groups && syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
        return err_sys(errno, "setgroups");
    return NULL;
}

static struct err *write_offset(int proc, const char *clock, const struct oci_time_offset *o)
{
    char line[96];
    if (!o)
        return NULL;
    snprintf(line, sizeof(line), "%s %lld %lld", clock, (long long)opt_int_or(o->secs, 0),
        (long long)opt_int_or(o->nanosecs, 0));
    return err_wrap(procfs_put(proc, "timens_offsets", line), "linux.timeOffsets.%s", clock);
}

static struct err *enter_time(struct init *in)
{
    if (!(in->c->ns.make & CLONE_NEWTIME))
        return NULL;
    if (unshare(CLONE_NEWTIME) < 0)
        return err_sys(errno, "make a time namespace");
    auto_close proc = -1;
    TRY_WRAP(procfs_process(0, &proc), "enter the time namespace");
    const struct oci_time_offsets *o = in->l->time_offsets;
    if (o) {
        TRY(write_offset(proc, "monotonic", o->monotonic));
        TRY(write_offset(proc, "boottime", o->boottime));
    }
    auto_close ns = openat(proc, "ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
        return err_sys(errno, "enter the time namespace");
    return NULL;
}

static struct err *set_names(const struct oci_config *c)
{
    if (c->hostname && sethostname(c->hostname, strlen(c->hostname)) < 0)
        return err_sys(errno, "hostname: \"%s\"", c->hostname);
    if (c->domainname && setdomainname(c->domainname, strlen(c->domainname)) < 0)
        return err_sys(errno, "domainname: \"%s\"", c->domainname);
    return NULL;
}

static struct err *enter_namespaces(struct init *in, bool joined)
{
    if (!joined)
        TRY(namespaces_join(&in->c->ns, in->c->ns.within));
    if (in->c->ns.make & CLONE_NEWUSER)
        TRY(become_root(in));
    else if (in->c->userns)
        TRY(process_enter_userns(&in->c->process));
    /* ids change what may be looked into: said again */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(errno, "PR_SET_DUMPABLE");
    TRY(process_keyring(in->c->opts->id, in->c->opts->no_new_keyring));
    TRY(set_names(in->c->config));
    return enter_time(in);
}

/* --- 5: cgroups */

static struct err *enter_cgroups(struct init *in)
{
    struct sync_message m;
    if (in->in_cgroups)
        return NULL;
    TRY(sync_expect(in->sync, SYNC_CGROUPS, &m));
    in->outer_pid = atoi(m.text);
    if (in->c->netns_comes) {
        auto_close netns = m.n_fds ? m.fds[--m.n_fds] : -1;
        if (setns(netns, CLONE_NEWNET) < 0)
            return err_sys(errno, "join the new network namespace");
    }
    TRY(cgroups_enter(m.fds, m.n_fds));
    in->in_cgroups = true;
    if (in->c->ns.make & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
        return err_sys(errno, "make a cgroup namespace");
    return NULL;
}

/* The runtime moves them, which has the right to both ends; where to, only we can show it. */
static struct err *await_interfaces(struct init *in)
{
    struct sync_message m;
    if (!in->c->netdevs.n)
        return NULL;
    auto_close socket = -1;
    TRY(enter_cgroups(
        in)); /* the runtime says one thing at a time; and the network namespace comes with it */
    TRY(rtnl_socket(&socket));
    TRY(sync_send(in->sync, SYNC_NETDEV, NULL, &socket, 1));
    return sync_expect(in->sync, SYNC_DONE, &m);
}

static struct err *write_sysctls(struct init *in)
{
    bool confined = lsm_wanted(&in->c->process.lsm);
    if (!in->l->sysctl.n && !confined)
        return NULL;
    auto_close procfs = -1;
    TRY(enter_cgroups(in)); /* and the network namespace, whose sysctls they may be */
    TRY(procfs_private(&procfs));
    if (confined)
        in->procfs = fcntl(procfs, F_DUPFD_CLOEXEC, 3);
    return sysctl_write(&in->l->sysctl, procfs);
}

/* --- 3, 6, 10: hooks */

static struct err *outer_hooks(struct init *in)
{
    const struct oci_hooks *h = in->c->config->hooks;
    if (!h || (!h->prestart.n && !h->create_runtime.n))
        return NULL;
    struct sync_message m;
    TRY(enter_cgroups(in)); /* the hooks find a process that stands where it will stay */
    TRY(sync_send(in->sync, SYNC_HOOKS, NULL, NULL, 0));
    return sync_expect(in->sync, SYNC_DONE, &m);
}

static struct err *inner_hooks(struct init *in, const char *name, const struct oci_hook_list *l,
    const struct hooks_output *to, const struct process_plan *inside)
{
    struct oci_state s = {.oci_version = OCI_VERSION,
        .id = in->c->opts->id,
        .status = inside ? "created" : "creating",
        .pid = {true, in->outer_pid},
        .bundle = in->c->bundle,
        .annotations = in->c->config->annotations};
    return hooks_run_inside(name, l, &s, to, inside);
}

/* --- 4, 6: the tree */

/* A mount of cgroups, or of a file system that is seen through a network namespace: sysfs, those of the net.
 */
static bool waits_for_runtime(const struct mount_plan *m)
{
    static const char *const local[] = {"proc", "tmpfs", "devpts", "mqueue"};
    for (size_t i = 0; m->kind == MOUNT_NEW && i < ARRAY_SIZE(local); i++)
        if (!strcmp(m->type, local[i]))
            return false;
    return m->kind != MOUNT_BIND;
}

static struct err *make_tree(struct init *in)
{
    struct container *c = in->c;
    TRY(rootfs_detach_propagation(c->rootfs_propagation));
    if (c->rootfs_tree < 0)
        TRY_WRAP(rootfs_tree(c->rootfs, true, &c->rootfs_tree), "root.path");
    in->root = c->rootfs_tree;
    /* chroot wants it on top of everything, and at its path a mount that is shared would reach the host */
    bool on_top = c->opts->no_pivot || c->rootfs_propagation & MS_SHARED;
    if (c->rootfs_propagation & MS_SHARED) /* pivot_root(2) puts no old root into one that is */
        TRY(rootfs_setattr(in->root, 0, 0, MS_PRIVATE, false));
    TRY(rootfs_attach(in->root, on_top ? NULL : c->rootfs));
    for (size_t i = 0; i < c->mounts.n; i++) {
        if (waits_for_runtime(&c->mounts.v[i]))
            TRY(enter_cgroups(in));
        TRY_WRAP(rootfs_mount(in->root, &c->mounts.v[i], c->hierarchies, c->cgroup), "mounts[%zu]", i);
    }
    return enter_cgroups(in);
}

static struct err *make_cwd(const struct init *in)
{
    if (!strcmp(in->c->process.cwd, "/"))
        return NULL;
    auto_close dir = -1;
    /* what cannot be made here shows when it is entered, as the user */
    err_free(file_mkdirs_in_root(in->root, in->c->process.cwd, 0755, &dir));
    return NULL;
}

static struct err *make_console(struct init *in)
{
    if (!in->c->process.terminal)
        return NULL;
    TRY_WRAP(console_make(in->root, in->c->console, &in->c->process, &in->slave), "process.terminal");
    return devices_console(in->root, in->slave);
}

static struct err *finish_tree(struct init *in)
{
    struct container *c = in->c;
    TRY(devices_make(in->root, in->l, &c->mounts, c->userns));
    TRY(make_cwd(in));
    TRY(make_console(in));
    if (c->config->hooks)
        TRY(inner_hooks(in, "createContainer", &c->config->hooks->create_container, &c->hook_output, NULL));
    TRY(rootfs_readonly_paths(in->root, &in->l->readonly_paths));
    TRY(rootfs_mask(in->root, &in->l->masked_paths));
    if (opt_bool_or(c->config->root->readonly, false))
        TRY(rootfs_readonly(in->root));
    bool shared = c->rootfs_propagation & MS_SHARED;
    TRY(rootfs_pivot(in->root, c->opts->no_pivot, shared));
    if (c->rootfs_propagation && mount(NULL, "/", NULL, c->rootfs_propagation, NULL) < 0)
        return err_sys(errno, "linux.rootfsPropagation");
    return NULL;
}

/* --- 7: descriptors */

static struct err *close_descriptors(struct init *in)
{
    int *keep[] = {&in->sync, &in->c->listen, &in->procfs};
    in->root = in->slave = -1;
    return descriptors_close(in->c->preserve, keep, ARRAY_SIZE(keep));
}

/* --- 8: the process */

/* Hooks of createContainer have run, unconfined, as they are the host's; those of startContainer are not. */
static struct err *confine(struct init *in)
{
    auto_close procfs = take_fd(in->procfs);
    return lsm_apply(&in->c->process.lsm, procfs);
}

static struct err *become_process(struct init *in)
{
    struct process_plan *p = &in->c->process;
    TRY(scheduling_set_cpus(&(struct scheduling_cpus){0}));
    TRY(scheduling_apply(&p->scheduling));
    TRY(process_rlimits(p, warn, in));
    process_home(p, in->c->arena);
    TRY(confine(in));
    umask(022);
    TRY(process_identity(p));
    TRY(process_chdir(p));
    return err_wrap(process_find(p, in->c->arena, &in->path), "unable to start container process");
}

/* --- 9, 10: the start */

/* A connection that ends without a word was somebody looking whether we still wait. */
static struct err *await_start(struct init *in)
{
    struct sync_message m;
    if (in->c->listen < 0)
        return sync_expect(in->sync, SYNC_GO, &m);
    close(in->sync);
    in->sync = -1;
    for (;;) {
        int fd = accept4(in->c->listen, NULL, NULL, SOCK_CLOEXEC), end = 1;
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return err_sys(errno, "accept the start");
        if (fd < 0)
            continue;
        struct err *e = sync_recv(fd, &m, &end);
        if (e)
            err_free(sync_send_error(fd, e));
        err_free(e);
        if (!e && !end && m.kind == SYNC_GO) {
            in->sync = fd;
            close(in->c->listen);
            return NULL;
        }
        close(fd);
    }
}

static struct err *run_program(struct init *in)
{
    if (in->c->config->hooks)
        TRY(inner_hooks(in, "startContainer", &in->c->config->hooks->start_container, NULL, &in->c->process));
    TRY(process_install_filter(&in->c->process, in->sync));
    return err_wrap(process_exec(&in->c->process, in->path), "unable to start container process");
}

static struct err *steps(struct init *in, bool joined)
{
    umask(0);
    if (setsid() < 0)
        return err_sys(errno, "setsid");
    TRY(enter_namespaces(in, joined));
    TRY(await_interfaces(in));
    TRY(write_sysctls(in)); /* of interfaces, too */
    TRY(outer_hooks(in));
    TRY(make_tree(in));
    TRY(finish_tree(in));
    TRY(close_descriptors(in));
    TRY(become_process(in));
    TRY(sync_send(in->sync, SYNC_READY, NULL, NULL, 0));
    TRY(await_start(in));
    return run_program(in);
}

void init_main(struct container *c, int sync, bool joined)
{
    struct init in = {.c = c, .l = c->config->linux_, .sync = sync, .root = -1, .slave = -1, .procfs = -1};
    seal_release();
    struct err *e = steps(&in, joined);
    if (in.sync >= 0)
        err_free(sync_send_error(in.sync, e));
    _exit(1);
}
