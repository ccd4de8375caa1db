/*
 * See launch.h. Around the clone everything is done beside init, not before it: cgroups are made and limits
 * written while init mounts; init waits for them only where it needs them. Before the clone stands what a
 * crash must not lose (the record names the cgroup) and what init must be born with (its cgroup2, the
 * filter).
 */
#include "runtime/launch.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/delegation.h"
#include "runtime/clone.h"
#include "runtime/handover.h"
#include "runtime/net/netns.h"
#include "runtime/process/filter.h"
#include "runtime/process/hooks.h"
#include "runtime/process/listener.h"
#include "runtime/process/oom_score.h"
#include "runtime/report.h"
#include "runtime/seal.h"
#include "runtime/sync.h"
#include "runtime/tree/rootfs.h"
#include "runtime/user/rootless.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the record */

static void fill_record(struct launch *l)
{
    struct container *c = &l->c;
    struct record *r = &l->record;
    char now[CLOCK_TEXT];
    clock_rfc3339_nano(clock_now_ns(), now);
    *r = (struct record){.id = c->opts->id,
        .bundle = c->bundle,
        .rootfs = c->rootfs,
        .created = arena_strdup(c->arena, now),
        .cgroup = c->cgroup,
        .config = c->opts->config,
        .process = c->config->process,
        .memory_policy = c->config->linux_->memory_policy,
        .personality = c->config->linux_->personality,
        .intel_rdt = c->config->linux_->intel_rdt,
        .annotations = c->config->annotations,
        .hooks = c->config->hooks};
    r->namespaces.v = arena_array(c->arena, 8, sizeof(*r->namespaces.v));
    for (const struct ns_kind *k = ns_kinds; k->name; k++)
        if (c->ns.within & k->flag)
            r->namespaces.v[r->namespaces.n++] = k->name;
}

static struct err *listen_for_start(struct container *c)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    auto_close fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" RECORD_SOCKET, c->dir);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
        return err_sys(errno, RECORD_SOCKET);
    c->listen = take_fd(fd);
    return NULL;
}

/* --- before the clone */

static struct err *prepare_console(struct launch *l)
{
    struct container *c = &l->c;
    if (c->opts->console_socket)
        return handover_connect("--console-socket", c->opts->console_socket, &c->console);
    if (!c->foreground_tty)
        return NULL;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(errno, "socketpair");
    l->console = pair[0];
    c->console = pair[1];
    return NULL;
}

static struct err *prepare_filter(struct launch *l)
{
    struct container *c = &l->c;
    const struct json *profile = c->config->linux_->seccomp;
    if (!profile)
        return NULL;
    TRY(filter_get(c->root, c->arena, profile, &c->process.filter));
    if (!filter_notifies(&c->process.filter))
        return NULL;
    l->record.listener = json_str(json_get(profile, "listenerPath"));
    l->record.listener_metadata = json_str(json_get(profile, "listenerMetadata"));
    return listener_check(l->record.listener);
}

/* run listens for the container's word at once; for a created one `start` does. */
static struct err *prepare_notify(struct launch *l)
{
    l->notify.manager = notify_manager();
    if (!l->notify.manager)
        return NULL;
    TRY(notify_make(l->c.dir));
    return l->c.opts->wait_for_start ? NULL : notify_listen(&l->notify, l->c.dir);
}

static struct err *prepare_rdt(struct launch *l)
{
    if (!l->c.rdt.wanted)
        return NULL;
    TRY(rdt_open(&l->resctrl));
    return rdt_make(l->resctrl, &l->c.rdt);
}

/* Inside there may be no right to them, in a user namespace. */
static struct err *prepare_hooks(struct launch *l)
{
    const struct oci_hooks *h = l->c.config->hooks;
    if (!h || !h->create_container.n)
        return NULL;
    return hooks_open_output(&l->c.config->annotations, &l->c.hook_output);
}

static struct err *prepare(struct launch *l)
{
    struct container *c = &l->c;
    if (c->cgroup && cgroups_was_frozen(c->cgroup)) /* said before a record makes it ours to remove */
        return err_new(ERR_CONFLICT, "container's cgroup unexpectedly frozen: %s", c->cgroup);
    fill_record(l);
    TRY(record_save(c->dir, &l->record));
    TRY(prepare_filter(l));
    if (c->opts->wait_for_start)
        TRY(listen_for_start(c));
    TRY(prepare_console(l));
    TRY(prepare_hooks(l));
    TRY(prepare_rdt(l));
    TRY(namespaces_open(&c->ns));
    TRY(container_check_host(c));
    bool open = c->userns && !rootless_user(); /* a user cannot yet: init does, once it is root somewhere */
    if (open)
        TRY_WRAP(rootfs_tree(c->rootfs, true, &c->rootfs_tree), "root.path");
    TRY(prepare_notify(l));
    TRY(rootfs_open_sources(&c->mounts, open, namespaces_fd(&c->ns, CLONE_NEWUSER)));
    c->hierarchies = &l->cgroups;
    if (!c->cgroup)
        return NULL;
    TRY(cgroups_open(&l->cgroups));
    struct cgroups_hierarchy *h = cgroups_unified(&l->cgroups);
    return h ? rootless_tolerate(cgroups_make(h, c->cgroup)) : NULL;
}

/* --- beside init */

/* To an init that is gone already nothing can be said; why, it has said, and is heard next. */
static struct err *say(struct launch *l, enum sync_kind kind, const char *text, const int *fds, int n)
{
    struct err *e = sync_send(l->sync, kind, text, fds, n);
    if (e && err_errno(e) == EPIPE) {
        err_free(e);
        return NULL;
    }
    return e;
}

/* Where they are not ours to set, devices are not ours to make either. */
static struct err *make_device_rules(struct launch *l)
{
    struct cgroups_hierarchy *h = cgroups_find(&l->cgroups, "devices");
    if (h && h->dir < 0 && rootless())
        return NULL;
    return rootless_tolerate(cgroups_devices(&l->cgroups, l->c.arena, &l->c.devices, false));
}

struct err *launch_cgroups(struct launch *l)
{
    struct container *c = &l->c;
    struct cgroups *g = &l->cgroups;
    const struct oci_resources *r = c->config->linux_->resources;
    struct resource_writes writes;
    if (!c->cgroup)
        return NULL;
    for (int i = 0; i < g->n; i++)
        if (g->at[i].dir < 0)
            TRY(rootless_tolerate(cgroups_make(&g->at[i], c->cgroup)));
    const struct resources_host host = {.is_v2 = cgroups_is_v2,
        .arg = g,
        .pids_zero_is_unset = strverscmp(c->config->oci_version, "1.3") < 0};
    TRY(resources_plan(c->arena, r, &host, &writes));
    TRY(cgroups_limit(g, &writes));
    TRY(make_device_rules(l));
    uid_t owner = g->pure_v2 ? delegation_owner(c) : 0;
    return owner ? delegation_apply(g->at[0].dir, owner) : NULL;
}

static struct err *hand_over_cgroups(struct launch *l)
{
    int fds[CGROUPS_MAX + 1], n;
    char pid[16];
    TRY(launch_cgroups(l));
    TRY(cgroups_tasks(&l->cgroups, NULL, fds, &n));
    if (l->c.netns_comes)
        TRY(netns_end(&l->netns_maker, &fds[n++]));
    snprintf(pid, sizeof(pid), "%d", (int)l->pid);
    struct err *e = say(l, SYNC_CGROUPS, pid, fds, n);
    while (n > 0)
        close(fds[--n]);
    return e;
}

struct err *launch_record(struct launch *l)
{
    l->record.pid = (struct opt_int){true, l->pid};
    l->record.start_time = (struct opt_int){true, (int64_t)record_start_time(l->pid)};
    TRY(record_save(l->c.dir, &l->record));
    if (l->c.process.filter.n)
        TRY(record_save_filter(l->c.dir, &l->c.process.filter));
    if (!l->c.opts->pid_file)
        return NULL;
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", (int)l->pid);
    return err_wrap(
        file_write_atomic(AT_FDCWD, l->c.opts->pid_file, text, (size_t)n, 0644, FILE_NO_FSYNC), "--pid-file");
}

struct err *launch_outer_hooks(struct launch *l)
{
    const struct oci_hooks *h = l->c.config->hooks;
    if (!h)
        return NULL;
    struct oci_state s = record_state(&l->record, RECORD_CREATING);
    s.pid = (struct opt_int){true, l->pid};
    TRY(hooks_run("prestart", &h->prestart, &s));
    return hooks_run("createRuntime", &h->create_runtime, &s);
}

/* A namespace that is joined may belong to another user namespace than init's: there its socket has no
 * rights. */
static struct err *move_interfaces(struct launch *l, const struct sync_message *m)
{
    struct netdev_target to = {.pid = l->pid, .netns = namespaces_fd(&l->c.ns, CLONE_NEWNET), .socket = -1};
    auto_close socket = m->n_fds ? m->fds[0] : -1;
    auto_close joined = -1;
    if (to.netns >= 0)
        TRY(netdev_socket_in(to.netns, &joined));
    to.socket = joined >= 0 ? joined : socket;
    return netdev_move(&l->c.netdevs, &to);
}

/* init died without a word: how? */
static struct err *silent_end(struct launch *l)
{
    int status;
    kill(l->pid, SIGKILL);
    if (waitpid(l->pid, &status, 0) != l->pid)
        return err_new(ERR_SYSTEM, "init is gone");
    l->pid = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        return err_new(ERR_SYSTEM, "init was killed by signal %d", WTERMSIG(status));
    return err_new(
        ERR_SYSTEM, "init ended without a word; was it killed, by a memory limit too small to start?");
}

static struct err *serve(struct launch *l, const struct sync_message *m)
{
    switch ((enum sync_kind)m->kind) {
    case SYNC_WARN:
        report_warning("%s", m->text);
        return NULL;
    case SYNC_MAPS:
        TRY(rootless_write_maps(l->c.arena, l->c.config->linux_, l->pid));
        rootless_open_to_user(false);
        return say(l, SYNC_DONE, NULL, NULL, 0);
    case SYNC_NETDEV:
        TRY(move_interfaces(l, m));
        return say(l, SYNC_DONE, NULL, NULL, 0);
    case SYNC_HOOKS:
        TRY(launch_outer_hooks(l));
        return say(l, SYNC_DONE, NULL, NULL, 0);
    default:
        return err_new(ERR_BUG, "init said '%c'", m->kind);
    }
}

static struct err *await_ready(struct launch *l)
{
    for (struct sync_message m;;) {
        int end;
        TRY(sync_recv(l->sync, &m, &end));
        if (end)
            return silent_end(l);
        if (m.kind == SYNC_READY)
            return NULL;
        TRY(serve(l, &m));
    }
}

/* In a user namespace nothing goes on before the maps, and their writing needs nothing of the rest. */
static struct err *await_maps(struct launch *l)
{
    struct sync_message m;
    if (!(l->c.ns.make & CLONE_NEWUSER))
        return NULL;
    TRY(sync_expect(l->sync, SYNC_MAPS, &m));
    return serve(l, &m);
}

static struct err *raise_init(struct launch *l)
{
    struct cgroups_hierarchy *h = cgroups_unified(&l->cgroups);
    rootless_open_to_user(l->c.ns.make & CLONE_NEWUSER);
    TRY(clone_init(&l->c, h ? h->dir : -1, &l->pid, &l->pidfd, &l->sync));
    TRY(await_maps(l));
    TRY(hand_over_cgroups(l));
    TRY(launch_record(l));
    if (l->resctrl >= 0)
        TRY(rdt_enter(l->resctrl, &l->c.rdt, l->pid));
    TRY(oom_score_set(l->pid, l->c.config->process->oom_score_adj));
    TRY(handover_pidfd(l->c.opts->pidfd_socket, "standard", l->pidfd));
    report_debug("container %s: init is process %d, in cgroup %s", l->record.id, (int)l->pid,
        l->c.cgroup ? l->c.cgroup : "of the caller");
    seal_release(); /* init has work for a while */
    TRY(await_ready(l));
    report_debug("container %s: init is ready to start", l->record.id);
    return NULL;
}

/* The first error is the one to tell. Whoever prepared something in a hook hears that it is over. */
static struct err *fail(struct launch *l, struct err *e)
{
    struct oci_state s = record_state(&l->record, RECORD_STOPPED);
    bool born = l->record.pid.set;
    err_free(launch_destroy(l));
    if (born)
        hooks_poststop(l->c.config->hooks, &s);
    return e;
}

static struct err *plan(const struct container_options *o, struct arena *a, struct launch *l)
{
    *l = (struct launch){.pidfd = -1, .sync = -1, .console = -1, .notify.sock = -1, .resctrl = -1};
    TRY(record_check_id(o->id));
    TRY(container_plan(a, o, &l->c));
    l->c.arena = a;
    return NULL;
}

static struct err *make_record(const struct globals *g, struct launch *l)
{
    struct err *e = record_root(g->root, true, &l->c.root);
    if (!e)
        e = record_new(l->c.root, l->c.opts->id, &l->c.dir);
    if (e) {
        netns_abandon(l->netns_maker);
        return e;
    }
    e = prepare(l);
    return e ? fail(l, e) : NULL;
}

struct err *launch_prepare(
    const struct globals *g, const struct container_options *o, struct arena *a, struct launch *l)
{
    TRY(plan(o, a, l));
    return make_record(g, l);
}

struct err *launch_create(
    const struct globals *g, const struct container_options *o, struct arena *a, struct launch *l)
{
    TRY(plan(o, a, l));
    /* in a user namespace init makes its own, which then belongs to that one */
    l->c.netns_comes = l->c.ns.make & CLONE_NEWNET && !l->c.userns;
    if (l->c.netns_comes)
        TRY(netns_begin(&l->netns_maker));
    TRY(make_record(g, l));
    struct err *e = raise_init(l);
    return e ? fail(l, e) : NULL;
}

struct err *launch_start(struct launch *l)
{
    struct listener_peer p = {&l->record, RECORD_CREATED, l->pid, l->pidfd, l->sync};
    struct err *e = sync_send(l->sync, SYNC_GO, NULL, NULL, 0);
    if (!e)
        e = listener_await_exec(&p);
    if (!e && l->c.config->hooks) {
        struct oci_state s = record_state(&l->record, RECORD_RUNNING);
        e = hooks_run("poststart", &l->c.config->hooks->poststart, &s);
    }
    return e ? fail(l, e) : NULL;
}

struct err *launch_destroy(struct launch *l)
{
    struct container *c = &l->c;
    if (l->pid > 0) {
        kill(l->pid, SIGKILL);
        waitpid(l->pid, NULL, 0);
    }
    netns_abandon(l->netns_maker);
    struct err *e = NULL;
    if (l->cgroups.n) {
        if (!(c->ns.make & CLONE_NEWPID)) { /* else the kernel has killed them with init */
            cgroups_lookup(&l->cgroups, c->cgroup);
            e = cgroups_kill(&l->cgroups, c->cgroup);
        }
        if (!e)
            e = cgroups_remove(&l->cgroups, c->cgroup);
    }
    if (!e && l->resctrl >= 0)
        e = rdt_remove(l->resctrl, &c->rdt);
    if (c->opts->pid_file && !l->ended)
        unlink(c->opts->pid_file);
    return e ? e : record_remove(c->root, c->opts->id);
}

struct err *launch_finish(struct launch *l)
{
    if (l->c.opts->keep)
        return NULL;
    l->pid = 0;
    l->ended = true;
    TRY(launch_destroy(l));
    struct oci_state s = record_state(&l->record, RECORD_STOPPED);
    hooks_poststop(l->c.config->hooks, &s);
    return NULL;
}
