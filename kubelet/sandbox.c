/* Making and clearing of sandboxes, see sandbox.h. */
#include "kubelet/sandbox.h"
#include "kubelet/cgroups.h"
#include "kubelet/cni.h"
#include "kubelet/net_files.h"
#include "kubelet/sandbox_spec.h"
#include "kubelet/trash.h"
#include "kubelet/volumes.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/netlink.h"
#include "lib/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SANDBOX_READY_MS = 30000, SANDBOX_CLEAR_RETRY_MS = 5000 };

struct sandbox {
    struct worker *worker;
    char *dir; /* RUN/pods/UID */
    char *hostname;
    int64_t shim_pid, pause_pid;
    bool clearing, adopting, shut_down;
    int ready_fd;
    struct watch *ready_watch;
    struct timer *timer;
    struct shim_client *shim;
    struct cni_op *cni;
    void (*adopted)(struct worker *w, const struct shim_state *state, struct arena *a);
};

static void ready_stop(struct sandbox *s)
{
    watch_free(s->ready_watch);
    s->ready_watch = NULL;
    if (s->ready_fd >= 0)
        close(s->ready_fd);
    s->ready_fd = -1;
}

void sandbox_free(struct sandbox *s)
{
    if (!s)
        return;
    ready_stop(s);
    timer_free(s->timer);
    shim_client_free(s->shim);
    cni_cancel(s->cni);
    free(s->dir);
    free(s->hostname);
    free(s);
}

struct shim_client *sandbox_shim(const struct worker *w)
{
    return w->box && w->sandbox == SANDBOX_READY ? w->box->shim : NULL;
}

int64_t sandbox_shim_pid(const struct worker *w)
{
    return w->box ? w->box->shim_pid : 0;
}

int64_t sandbox_pause_pid(const struct worker *w)
{
    return w->box ? w->box->pause_pid : 0;
}

const char *sandbox_hostname(const struct worker *w)
{
    return w->box && w->box->hostname ? w->box->hostname : w->name;
}

static void failed(struct sandbox *s, struct err *e)
{
    struct worker *w = s->worker;
    ready_stop(s);
    timer_stop(s->timer);
    worker_sandbox_failed(w, e); /* which has it cleared */
}

/* --- events of the shim */

static void on_exited(void *arg, const char *id, int exit_code, int signal, bool oom, const char *finished_at)
{
    struct sandbox *s = arg;
    struct instance *i = worker_instance_by_cid(s->worker, id);
    int64_t at = 0;
    if (!i || !plan_is_live(i->state))
        return;
    if (!finished_at || !clock_parse(finished_at, &at))
        at = clock_now_ns();
    instance_exited(i, exit_code, signal, oom, at);
}

static void on_exec_exited(void *arg, const char *exec, int exit_code, int signal)
{
    struct sandbox *s = arg;
    exec_exited(s->worker, exec, exit_code, signal);
}

static void cleared(struct sandbox *s);

static void on_closed(void *arg)
{
    struct sandbox *s = arg;
    struct worker *w = s->worker;
    shim_client_free(s->shim);
    s->shim = NULL;
    if (s->clearing) {
        if (!s->cni)
            cleared(s);
        return;
    }
    if (w->sandbox == SANDBOX_READY) {
        s->shim_pid = 0;
        worker_sandbox_lost(w);
    } else if (!s->adopting) {
        failed(s, err_new(ERR_UNAVAILABLE, "the shim ended"));
    }
}

static const struct shim_client_events shim_events = {
    .exited = on_exited, .exec_exited = on_exec_exited, .closed = on_closed};

/* --- making */

/* RUN/pods/UID/ready is there while the sandbox has all it is to have. A kubelet that finds a shim without it
 * was killed in between: what is half made or half cleared is not gone on with. */
static char *ready_mark(const struct sandbox *s)
{
    return mem_printf("%s/ready", s->dir);
}

static void finish(struct sandbox *s)
{
    auto_free char *mark = ready_mark(s);
    struct err *e = file_write_atomic(AT_FDCWD, mark, "", 0, 0600, FILE_NO_FSYNC);
    timer_stop(s->timer);
    if (e)
        failed(s, e);
    else
        worker_sandbox_ready(s->worker);
}

static void mounts_done(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct sandbox *s = arg;
    (void)results, (void)fds, (void)n;
    if (error)
        failed(s, err_new(err_kind(error), "memory volumes: %s", err_message(error)));
    else
        finish(s);
}

static void make_mounts(struct sandbox *s)
{
    auto_arena *a = arena_new();
    struct shim_mount *m;
    size_t n;
    volumes_mounts(s->worker, a, &m, &n);
    struct err *e = net_files_write(s->worker, s->worker->pod_ip ? s->worker->pod_ip : "");
    if (e)
        failed(s, e);
    else if (n)
        shim_mounts(s->shim, m, n, mounts_done, s);
    else
        finish(s);
}

static void cni_done(void *arg, const struct err *error, const char *ip)
{
    struct sandbox *s = arg;
    s->cni = NULL;
    if (error) {
        failed(s, err_new(err_kind(error), "failed to setup network for sandbox: %s", err_message(error)));
        return;
    }
    free(s->worker->pod_ip);
    s->worker->pod_ip = mem_strdup(ip);
    make_mounts(s);
}

/* The Pod's loopback: one message, not worth a plugin's process. */
static struct err *loopback_up(int64_t pid)
{
    struct netlink *nl;
    struct net_link lo;
    auto_free char *path = mem_printf("/proc/%lld/ns/net", (long long)pid);
    auto_close ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return err_sys(errno, "open %s", path);
    TRY(netlink_open(ns, &nl));
    struct err *e = netlink_link_get(nl, "lo", &lo);
    if (!e && lo.index)
        e = netlink_link_up(nl, lo.index, true);
    netlink_close(nl);
    return err_wrap(e, "loopback");
}

static void make_network(struct sandbox *s)
{
    struct worker *w = s->worker;
    timer_stop(s->timer); /* from here on each step has its own deadline */
    if (opt_bool_or(w->desired->pod->spec->host_network, false)) {
        free(w->pod_ip);
        w->pod_ip = mem_strdup(w->kubelet->o.node_ip);
        make_mounts(s);
        return;
    }
    struct err *e = loopback_up(s->shim_pid);
    if (e) {
        failed(s, e);
        return;
    }
    s->cni = cni_add(w, s->shim_pid, cni_done, s);
}

static void take_state(struct sandbox *s, struct arena *a, const struct json *results, struct shim_state *ret)
{
    struct err *e = fields_decode(&shim_state_fields, a, results, ret);
    if (e)
        *ret = (struct shim_state){0};
    log_err(LOG_WARN, s->worker->keys, err_wrap(e, "the shim's state"));
    s->shim_pid = opt_int_or(ret->pid, 0);
    s->pause_pid = opt_int_or(ret->pause_pid, 0);
}

static void subscribed(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct sandbox *s = arg;
    auto_arena *a = arena_new();
    struct shim_state state;
    (void)fds, (void)n;
    if (error) {
        failed(s, err_new(err_kind(error), "shim: %s", err_message(error)));
        return;
    }
    take_state(s, a, results, &state);
    make_network(s);
}

static void connect_shim(struct sandbox *s)
{
    auto_free char *socket = mem_printf("%s/shim.sock", s->dir);
    struct err *e = shim_client_open(s->worker->kubelet->loop, socket, &shim_events, s, &s->shim);
    if (e)
        failed(s, err_wrap(e, "shim"));
    else
        shim_subscribe(s->shim, subscribed, s);
}

static void on_ready(void *arg, int events)
{
    struct sandbox *s = arg;
    char text[4096];
    ssize_t n = read(s->ready_fd, text, sizeof(text) - 1);
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ready_stop(s);
    text[n > 0 ? n : 0] = '\0';
    if (n == 1 && text[0] == '\n') {
        connect_shim(s);
        return;
    }
    text[strcspn(text, "\n")] = '\0';
    failed(s, err_new(ERR_SYSTEM, "%s", *text ? text : "the shim ended before it was ready"));
}

static void timed_out(void *arg)
{
    struct sandbox *s = arg;
    if (s->clearing)
        sandbox_clear(s->worker);
    else
        failed(s, err_new(ERR_TIMEOUT, "the sandbox was not ready within %d s", SANDBOX_READY_MS / 1000));
}

static struct err *spawn_shim(struct sandbox *s)
{
    struct kubelet *k = s->worker->kubelet;
    auto_free char *log = mem_printf("%s/shim.log", s->dir);
    const char *argv[] = {k->path.shim, "--run-dir", s->dir, "--runtime", k->path.runtime, "--runtime-root",
        k->path.runtime_root, NULL};
    int pipe_fds[2];
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(errno, "pipe");
    auto_close log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct err *e = spawn_daemon(argv, NULL, log_fd, pipe_fds[1], &pid);
    close(pipe_fds[1]);
    if (e) {
        close(pipe_fds[0]);
        return e;
    }
    s->shim_pid = pid;
    s->ready_fd = pipe_fds[0];
    s->ready_watch = watch_new(k->loop, s->ready_fd, on_ready, s);
    watch_set(s->ready_watch, UV_READABLE);
    return NULL;
}

static struct sandbox *sandbox_new(struct worker *w)
{
    struct sandbox *s = mem_new(struct sandbox);
    *s = (struct sandbox){.worker = w, .ready_fd = -1};
    s->dir = mem_printf("%s/%s", w->kubelet->path.run_pods, w->uid);
    s->timer = timer_new(w->kubelet->loop, timed_out, s);
    return s;
}

static struct err *make_begin(struct sandbox *s)
{
    auto_arena *a = arena_new();
    struct net_names names;
    const char *host_dir = arena_printf(a, "%s/%s", s->worker->kubelet->path.pods, s->worker->uid);
    const struct pod_spec *spec = s->worker->desired->pod->spec;
    if (spec->host_users.set && !spec->host_users.v)
        return err_new(
            ERR_UNSUPPORTED, "can't set `spec.hostUsers: false`, runtime does not support user namespaces");
    TRY(file_mkdirs(AT_FDCWD, s->dir, 0700, NULL));
    TRY(file_mkdirs(AT_FDCWD, host_dir, 0750, NULL));
    TRY(sandbox_spec_names(a, s->worker, &names));
    s->hostname = mem_strdup(names.hostname);
    TRY(sandbox_spec_write(s->worker, s->dir, &names));
    TRY(cgroups_pod_make(s->worker));
    return spawn_shim(s);
}

void sandbox_make(struct worker *w)
{
    sandbox_free(w->box);
    struct sandbox *s = sandbox_new(w);
    w->box = s;
    w->sandbox = SANDBOX_MAKING;
    timer_start(s->timer, SANDBOX_READY_MS);
    struct err *e = make_begin(s);
    if (e)
        failed(s, e);
}

/* --- taking over */

static void adopt_done(struct sandbox *s, const struct shim_state *state, struct arena *a)
{
    struct worker *w = s->worker;
    s->adopting = false;
    w->sandbox = state ? SANDBOX_READY : SANDBOX_LOST;
    if (!s->shim)
        s->shim_pid = 0;
    if (state && !w->pod_ip) /* the status with it was not recorded any more */
        w->pod_ip = opt_bool_or(w->desired->pod->spec->host_network, false)
                        ? mem_strdup(w->kubelet->o.node_ip)
                        : cni_kept_ip(w->kubelet, w->uid);
    s->adopted(w, state, a);
}

static void adopt_subscribed(
    void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct sandbox *s = arg;
    auto_arena *a = arena_new();
    auto_free char *mark = ready_mark(s);
    struct shim_state state;
    (void)fds, (void)n;
    if (error) {
        shim_client_free(s->shim);
        s->shim = NULL;
        adopt_done(s, NULL, a);
        return;
    }
    take_state(s, a, results, &state);
    adopt_done(s, file_exists(AT_FDCWD, mark) ? &state : NULL, a);
}

void sandbox_adopt(
    struct worker *w, void (*done)(struct worker *w, const struct shim_state *state, struct arena *a))
{
    struct sandbox *s = sandbox_new(w);
    auto_free char *socket = mem_printf("%s/shim.sock", s->dir);
    auto_arena *a = arena_new();
    struct net_names names;
    s->adopted = done;
    s->adopting = true;
    w->box = s;
    w->sandbox = SANDBOX_MAKING;
    struct err *e = sandbox_spec_names(a, w, &names);
    if (!e)
        s->hostname = mem_strdup(names.hostname);
    err_free(e);
    e = shim_client_open(w->kubelet->loop, socket, &shim_events, s, &s->shim);
    if (e) {
        err_free(e);
        adopt_done(s, NULL, a);
        return;
    }
    shim_subscribe(s->shim, adopt_subscribed, s);
}

/* --- clearing */

static void clear_retry(struct sandbox *s, struct err *e)
{
    log_err(LOG_WARN, s->worker->keys, err_wrap(e, "clearing the sandbox"));
    timer_start(s->timer, SANDBOX_CLEAR_RETRY_MS);
}

static void cleared(struct sandbox *s)
{
    static const char *const files[] = {"shim.sock", "shim.json", "sandbox.json", "containers", "shm"};
    struct worker *w = s->worker;
    struct err *e = cgroups_pod_clear(w);
    if (e) {
        clear_retry(s, e);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        auto_free char *path = mem_printf("%s/%s", s->dir, files[i]);
        log_err(LOG_WARN, w->keys, file_remove_tree(AT_FDCWD, path));
    }
    sandbox_free(s);
    w->box = NULL;
    w->sandbox = SANDBOX_NONE;
    worker_sandbox_cleared(w);
}

static void shut_down(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct sandbox *s = arg;
    (void)results, (void)fds, (void)n;
    if (error && err_kind(error) == ERR_TIMEOUT && s->shim_pid > 0)
        kill((pid_t)s->shim_pid, SIGKILL); /* ours: it answered on its socket before */
    s->shut_down = true;
    shim_client_free(s->shim);
    s->shim = NULL;
    cleared(s);
}

static void del_done(void *arg, const struct err *error, const char *ip)
{
    struct sandbox *s = arg;
    (void)ip;
    s->cni = NULL;
    if (error)
        log_warn(s->worker->keys, "CNI DEL: %s", err_message(error)); /* kept; tried again with the orphans */
    if (s->shim)
        shim_shutdown(s->shim, shut_down, s);
    else
        cleared(s);
}

/* A shim that was spawned but never answered is not let live: it is in no cgroup of ours. */
static void end_unready_shim(struct sandbox *s)
{
    if (s->ready_fd >= 0 && s->shim_pid > 0)
        kill((pid_t)s->shim_pid, SIGKILL);
    ready_stop(s);
}

void sandbox_clear(struct worker *w)
{
    struct sandbox *s = w->box;
    if (!s) {
        s = w->box = sandbox_new(w);
    }
    bool again = s->clearing && s->shut_down;
    s->clearing = true;
    w->sandbox = SANDBOX_CLEARING;
    auto_free char *mark = ready_mark(s);
    unlink(mark);
    timer_stop(s->timer);
    end_unready_shim(s);
    cni_cancel(s->cni);
    s->cni = NULL;
    if (again)
        cleared(s);
    else
        s->cni = cni_del(w->kubelet, w->uid, s->shim ? s->shim_pid : 0, del_done, s);
}
