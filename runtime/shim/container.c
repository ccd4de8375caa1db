/* Containers: see container.h. Events come from children ending, timers and requests; each goes through
 * feed(), which asks the table in life.c what to do. */
#include "runtime/shim/container.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "runtime/shim/cgroups.h"
#include "runtime/shim/mount.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KILL_MS = 10 * 1000,   /* for an init to die of SIGKILL */
    CLEAN_MS = 120 * 1000, /* for its files to be removed */
};

static void feed(struct container *c, enum life_event event);

struct container *container_find(const struct shim *s, const char *id)
{
    struct container *c = s->containers;
    while (c && strcmp(c->id, id) != 0)
        c = c->next;
    return c;
}

void container_describe(const struct container *c, struct shim_container *out)
{
    *out = (struct shim_container){
        .id = c->id,
        .name = c->name,
        .status = life_status(c->state),
        .attempt = {true, c->attempt},
        .started_at = *c->started_at ? c->started_at : NULL,
        .finished_at = *c->finished_at ? c->finished_at : NULL,
    };
    if (c->init)
        out->pid = (struct opt_int){true, child_pid(c->init)};
    if (c->streams.log.dropped)
        out->log_dropped = (struct opt_int){true, (int64_t)c->streams.log.dropped};
    if (!*c->finished_at)
        return;
    out->exit_code = (struct opt_int){true, c->exit_code};
    out->signal = (struct opt_int){true, c->signal};
    out->oom_killed = (struct opt_bool){true, c->oom_killed};
}

/* ---- who waits ---- */

static void answer_start(struct container *c)
{
    struct reply *r = take_ptr(c->start);
    if (!r)
        return;
    struct json_out *o = reply_begin(r);
    json_out_int(o, "pid", child_pid(c->init));
    json_out_str(o, "startedAt", c->started_at);
    reply_send(r, NULL, 0);
}

/* The same error to everybody who waits: each gets one of its own. */
static struct err *error_again(const struct err *e)
{
    return err_new(err_kind(e), "%s", err_message(e));
}

static void answer_deletes(struct container *c, const struct err *e)
{
    struct reply *list = take_ptr(c->deletes);
    while (list) {
        struct reply *r = list;
        list = r->next;
        if (e)
            reply_err(r, error_again(e));
        else
            reply_ok(r);
    }
}

static void keep_error(struct container *c, struct err *e)
{
    if (c->error)
        err_free(e); /* the first one is the cause */
    else
        c->error = err_wrap(e, "container %s", c->name);
}

/* ---- jobs ---- */

/* The end of any job; the container's state says which one it was. */
static void on_job(void *arg, int status, bool timed_out)
{
    struct container *c = arg;
    c->job = NULL;
    struct err *e = runtime_result(c->job_log, status, timed_out);
    close(c->job_log);
    c->job_log = -1;
    if (e)
        keep_error(c, e);
    feed(c, e ? LIFE_JOB_FAILED : LIFE_JOB_OK);
}

static struct runtime_call call_for(struct container *c)
{
    return (struct runtime_call){
        .id = c->id,
        .log = c->job_log,
        .in = -1,
        .out = -1,
        .err = -1,
        .process = -1,
        .bundle = c->bundle,
        .pidfile = c->pidfile,
        .console = &c->console,
        .done = on_job,
        .arg = c,
    };
}

static void drop_job_log(struct container *c)
{
    if (c->job_log >= 0)
        close(c->job_log);
    c->job_log = -1;
}

/* ---- start ---- */

static struct err *run_with_pipes(struct container *c, bool with_stdin)
{
    struct streams_ends ends = {-1, -1, -1};
    struct err *e = streams_pipes(&c->streams, with_stdin, &ends);
    struct runtime_call call = call_for(c);
    call.in = ends.in;
    call.out = ends.out;
    call.err = ends.err;
    if (!e)
        e = runtime_run(c->shim, &call, &c->job);
    for (int i = 0; i < 3; i++)
        if ((&ends.in)[i] >= 0)
            close((&ends.in)[i]);
    return e;
}

static struct err *run_with_terminal(struct container *c)
{
    TRY(console_open(c->shim, &c->console));
    struct runtime_call call = call_for(c);
    return runtime_run(c->shim, &call, &c->job);
}

static struct err *prepare_and_run(struct container *c, const struct shim_start *spec)
{
    if (spec->rootfs) {
        TRY(mount_make(spec->rootfs, c->rootfs));
        c->has_rootfs = true;
    }
    TRY(crilog_open(&c->streams.log, spec->log));
    TRY(runtime_log_new(&c->job_log));
    c->streams.stdin_once = opt_bool_or(spec->stdin_once, false);
    c->with_stdin = opt_bool_or(spec->stdin_open, false);
    bool terminal = opt_bool_or(spec->terminal, false);
    TRY(terminal ? run_with_terminal(c) : run_with_pipes(c, c->with_stdin));
    c->runtime_knows = true;
    return NULL;
}

static bool removable(const char *path)
{
    return !path || (path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "//"));
}

/* Its folders will be removed one day: better not those of somebody else. */
static struct err *check_rootfs(const struct shim_mount *m, const char *bundle)
{
    auto_free char *rootfs = mem_printf("%s/rootfs", bundle);
    if (m->target && strcmp(m->target, rootfs) != 0)
        return err_new(ERR_INVALID, "rootfs.target: \"%.200s\": must be %s", m->target, rootfs);
    if (!removable(m->upper) || !removable(m->work))
        return err_new(ERR_INVALID, "rootfs: upper, work: not plain absolute paths");
    return NULL;
}

static struct err *check_start(const struct shim *s, const struct shim_start *spec)
{
    if (strlen(spec->id) != SHIM_ID || strspn(spec->id, "0123456789abcdef") != SHIM_ID)
        return err_new(ERR_INVALID, "id: \"%.80s\": not %d hex digits", spec->id, SHIM_ID);
    auto_free char *bundle = mem_printf("%s/containers/%s", s->run_dir, spec->id);
    if (strcmp(bundle, spec->bundle) != 0)
        return err_new(ERR_INVALID, "bundle: \"%.200s\": must be %s", spec->bundle, bundle);
    if (spec->log && *spec->log && *spec->log != '/')
        return err_new(ERR_INVALID, "log: \"%.200s\": not absolute", spec->log);
    if (spec->rootfs)
        TRY(check_rootfs(spec->rootfs, bundle));
    if (container_find(s, spec->id))
        return err_new(ERR_EXISTS, "container %s exists", spec->id);
    if (s->n_containers >= SHIM_CONTAINERS_MAX)
        return err_new(ERR_LIMIT, "%d containers are there already", SHIM_CONTAINERS_MAX);
    return s->stopping ? err_new(ERR_CONFLICT, "the Pod is being shut down") : NULL;
}

static void on_late(struct poll_timer *t);

static struct container *container_new(struct shim *s, const struct shim_start *spec, struct reply *r)
{
    struct container *c = mem_new(struct container);
    *c = (struct container){
        .next = s->containers,
        .shim = s,
        .id = mem_strdup(spec->id),
        .name = mem_strdup(spec->name ? spec->name : spec->id),
        .attempt = opt_int_or(spec->attempt, 0),
        .bundle = mem_strdup(spec->bundle),
        .pidfile = mem_printf("%s/init.pid", spec->bundle),
        .job_log = -1,
        .console.fd = -1,
        .late.fire = on_late,
        .start = r,
    };
    c->rootfs = mem_printf("%s/rootfs", spec->bundle);
    c->upper = spec->rootfs ? mem_strdup(spec->rootfs->upper) : NULL;
    c->work = spec->rootfs ? mem_strdup(spec->rootfs->work) : NULL;
    streams_init(&c->streams, &s->poll);
    s->containers = c;
    s->n_containers++;
    s->state_changed = true;
    return c;
}

struct err *container_start(struct shim *s, const struct shim_start *spec, struct reply *r)
{
    TRY(check_start(s, spec));
    struct container *c = container_new(s, spec, r);
    struct err *e = prepare_and_run(c, spec);
    if (e) {
        drop_job_log(c);
        keep_error(c, e);
        feed(c, LIFE_JOB_FAILED);
    }
    return NULL;
}

/* ---- run and end ---- */

static void record_end(struct container *c, int status)
{
    c->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    c->exit_code = c->signal ? 128 + c->signal : WEXITSTATUS(status);
    clock_rfc3339_nano(clock_now_ns(), c->finished_at);
}

static void on_init_end(void *arg, int status, bool timed_out)
{
    (void)timed_out;
    struct container *c = arg;
    c->init = NULL;
    record_end(c, status);
    feed(c, LIFE_ENDED);
}

/* The runtime has ended well: takes over what it made. */
static struct err *adopt(struct container *c)
{
    pid_t pid;
    TRY(runtime_pid(c->pidfile, &pid));
    if (c->console.fd >= 0) {
        int master;
        TRY(console_take(&c->console, &master));
        console_close(c->shim, &c->console);
        TRY(streams_terminal(&c->streams, master, c->with_stdin));
    }
    TRY(streams_begin(&c->streams));
    TRY(child_adopt(&c->shim->children, pid, on_init_end, c, &c->init));
    clock_rfc3339_nano(clock_now_ns(), c->started_at);
    return NULL;
}

/* Its init is gone: what it left in its cgroup goes too (without a PID namespace of its own it may leave
 * something), its output is logged, everybody is told. */
static void record(struct container *c)
{
    poll_disarm(&c->shim->poll, &c->late);
    c->oom_killed = cgroups_oom_kills(c->shim, c->id) > 0;
    err_free(cgroups_signal(c->shim, c->id, SIGKILL)); /* no cgroup: nothing is left */
    streams_drain(&c->streams);
    struct shim_container told;
    container_describe(c, &told);
    told.status = life_status(LIFE_EXITED); /* also where its deletion goes on at once */
    fields_encode_members(&shim_container_fields, &told, event_begin(c->shim, "exit"));
    event_send(c->shim);
}

static void on_late(struct poll_timer *t)
{
    struct container *c = container_of(t, struct container, late);
    keep_error(c, err_new(ERR_TIMEOUT, "still alive %d s after SIGKILL", KILL_MS / 1000));
    feed(c, LIFE_LATE);
}

static void kill_now(struct container *c)
{
    child_signal(c->init, SIGKILL);
    err_free(cgroups_signal(c->shim, c->id, SIGKILL)); /* its init is what counts */
    poll_arm(&c->shim->poll, &c->late, KILL_MS);
}

struct err *container_usable(const struct container *c)
{
    return life_next(c->state, LIFE_USE).action == LIFE_ALLOW ? NULL : life_refusal(c->state);
}

struct err *container_kill(struct container *c, int sig, bool all)
{
    if (all && c->state == LIFE_EXITED)
        return cgroups_signal(c->shim, c->id, sig);
    TRY(container_usable(c));
    if (all)
        return cgroups_signal(c->shim, c->id, sig);
    int failed = child_signal(c->init, sig); /* ESRCH: its end is on its way to us */
    return failed && failed != -ESRCH ? err_sys(-failed, "kill") : NULL;
}

/* ---- delete ---- */

static struct err *remove_files(const struct container *c)
{
    if (!*c->started_at) /* a runtime that was killed half-way may have left an empty cgroup */
        TRY(cgroups_remove(c->shim, c->id));
    dup3(c->job_log, 3, O_CLOEXEC);
    close_range(4, ~0U, 0); /* a pipe's end must not live on here */
    if (c->has_rootfs)
        TRY(mount_remove(c->rootfs));
    if (c->upper)
        TRY(file_remove_tree(AT_FDCWD, c->upper));
    if (c->work)
        TRY(file_remove_tree(AT_FDCWD, c->work));
    return file_remove_tree(AT_FDCWD, c->bundle);
}

/* In a process of its own: an upper layer may be large. Says what failed like a runtime would. */
static int clean_work(void *arg)
{
    struct container *c = arg;
    struct err *e = remove_files(c);
    if (!e)
        return 0;
    auto_buf b = BUF_INIT(8192);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "level", "error");
    json_out_str(&o, "msg", err_message(e));
    json_out_end_object(&o);
    err_free(file_write_all(3, buf_str(&b), b.len));
    err_free(e);
    return 1;
}

static void job_did_not_start(struct container *c, struct err *e)
{
    drop_job_log(c);
    keep_error(c, e);
    feed(c, LIFE_JOB_FAILED);
}

static void clean(struct container *c)
{
    streams_close(&c->streams);
    console_close(c->shim, &c->console);
    struct err *e = runtime_log_new(&c->job_log);
    if (!e)
        e = child_fork(&c->shim->children, clean_work, c, CLEAN_MS, on_job, c, &c->job);
    if (e)
        job_did_not_start(c, e);
}

static void remove_from_runtime(struct container *c)
{
    if (!c->runtime_knows) {
        feed(c, LIFE_JOB_OK);
        return;
    }
    if (!*c->started_at) /* nobody knows what a runtime that failed has left running */
        err_free(cgroups_signal(c->shim, c->id, SIGKILL));
    struct err *e = runtime_log_new(&c->job_log);
    struct runtime_call call = call_for(c);
    if (!e)
        e = runtime_delete(c->shim, &call, &c->job);
    if (e)
        job_did_not_start(c, e);
}

static void fail(struct container *c)
{
    if (!*c->finished_at && c->state == LIFE_EXITED) {
        c->exit_code = 128; /* it never ran, and could not be removed either */
        clock_rfc3339_nano(clock_now_ns(), c->finished_at);
    }
    if (c->start)
        reply_err(take_ptr(c->start), error_again(c->error));
    answer_deletes(c, c->error);
    if (c->shim->stopping && !c->shim->failure)
        c->shim->failure = error_again(c->error);
    err_free(c->error);
    c->error = NULL;
    c->left_behind = true;
    shim_check_stopped(c->shim);
}

static void forget(struct container *c)
{
    struct shim *s = c->shim;
    struct container **at = &s->containers;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    s->n_containers--;
    if (c->start)
        reply_err(take_ptr(c->start),
            c->error ? error_again(c->error) : err_new(ERR_CONFLICT, "container %s: deleted", c->name));
    answer_deletes(c, NULL);
    err_free(c->error);
    free(c->id);
    free(c->name);
    free(c->bundle);
    free(c->rootfs);
    free(c->pidfile);
    free(c->upper);
    free(c->work);
    free(c);
    shim_check_stopped(s);
}

void container_delete(struct container *c, struct reply *r)
{
    if (r) {
        r->next = c->deletes;
        c->deletes = r;
    }
    c->left_behind = false;
    feed(c, LIFE_DELETE);
}

/* ---- the machine ---- */

static void begin(struct container *c)
{
    answer_start(c);
}

static void abort_start(struct container *c)
{
    keep_error(c, err_new(ERR_CONFLICT, "deleted while it was starting"));
    child_kill_group(c->job);
}

static void record_and_remove(struct container *c)
{
    record(c);
    remove_from_runtime(c);
}

static void nothing(struct container *c)
{
    (void)c;
}

static void impossible(struct container *c)
{
    log_error("", "container %s: an event that cannot be in state %s", c->id, life_status(c->state));
}

static void (*const actions[])(struct container *c) = {
    [LIFE_IMPOSSIBLE] = impossible,
    [LIFE_ALLOW] = nothing,
    [LIFE_REFUSE] = nothing,
    [LIFE_BEGIN] = begin,
    [LIFE_RECORD] = record,
    [LIFE_ABORT] = abort_start,
    [LIFE_KILL] = kill_now,
    [LIFE_ADOPT_AND_KILL] = kill_now,
    [LIFE_REMOVE] = remove_from_runtime,
    [LIFE_RECORD_AND_REMOVE] = record_and_remove,
    [LIFE_CLEAN] = clean,
    [LIFE_WAIT] = nothing,
    [LIFE_FAIL] = fail,
    [LIFE_FORGET] = forget,
};

/* c may be gone afterwards. */
static void feed(struct container *c, enum life_event event)
{
    bool starting = c->state == LIFE_STARTING || c->state == LIFE_ABORTING;
    if (starting && event == LIFE_JOB_OK) {
        struct err *e = adopt(c);
        if (e) {
            keep_error(c, e);
            event = LIFE_JOB_FAILED;
        }
    }
    struct life_step step = life_next(c->state, event);
    c->state = step.next;
    c->shim->state_changed = true;
    actions[step.action](c);
}
