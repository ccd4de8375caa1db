/* The shim's socket from the kubelet's side, see shim_client.h. */
#include "kubelet/shim_client.h"
#include "lib/mem.h"
#include "lib/unixmsg.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHIM_DEADLINE_MS = 30000, SHIM_START_DEADLINE_MS = 120000 };

struct shim_call {
    struct shim_client *client;
    struct shim_call *next;
    int64_t seq;
    shim_done_fn *done;
    void *arg;
    struct timer *deadline;
    /* until it is sent */
    struct buf text;
    int fds[UNIXMSG_FDS];
    size_t n_fds;
    bool sent;
};
struct shim_client {
    uv_loop_t *loop;
    int fd;
    int64_t seq;
    struct watch *watch;
    struct shim_call *calls; /* in the order they were made */
    struct deferred *fail;
    struct shim_client_events ev;
    void *arg;
    struct buf in;
    bool *freed; /* set when the client goes during a callback */
    bool broken;
};

static void call_free(struct shim_call *call)
{
    timer_free(call->deadline);
    buf_done(&call->text);
    for (size_t i = 0; i < call->n_fds; i++)
        close(call->fds[i]);
    free(call);
}

static void call_unlink(struct shim_call *call)
{
    for (struct shim_call **p = &call->client->calls; *p; p = &(*p)->next)
        if (*p == call) {
            *p = call->next;
            return;
        }
}

void shim_call_drop(struct shim_call *call)
{
    if (!call)
        return;
    call_unlink(call);
    call_free(call);
}

/* Answers, once, with nothing held that the callee could take away. */
static void call_answer(
    struct shim_call *call, const struct err *error, const struct json *results, int *fds, size_t n)
{
    shim_done_fn *done = call->done;
    void *arg = call->arg;
    shim_call_drop(call);
    if (done)
        done(arg, error, results, fds, n);
}

static void call_timed_out(void *arg)
{
    struct shim_call *call = arg;
    auto_err *e = err_new(ERR_TIMEOUT, "the shim did not answer in time");
    call_answer(call, e, NULL, NULL, 0);
}

static void client_broken(void *arg)
{
    struct shim_client *c = arg;
    bool freed = false;
    c->freed = &freed;
    auto_err *e = err_new(ERR_UNAVAILABLE, "the Pod's shim is gone");
    while (!freed && c->calls)
        call_answer(c->calls, e, NULL, NULL, 0);
    if (freed)
        return;
    c->freed = NULL;
    if (c->ev.closed)
        c->ev.closed(c->arg);
}

static void client_break(struct shim_client *c)
{
    if (c->broken)
        return;
    c->broken = true;
    watch_set(c->watch, 0);
    deferred_call(c->fail);
}

/* Sends what waits, in order; what does not fit now goes when the socket is writable again. */
static void client_flush(struct shim_client *c)
{
    bool waiting = false;
    for (struct shim_call *call = c->calls; call && !c->broken; call = call->next) {
        if (call->sent)
            continue;
        struct err *e = unixmsg_send(c->fd, buf_str(&call->text), call->text.len, call->fds, call->n_fds);
        if (e && err_kind(e) == ERR_UNAVAILABLE && (err_errno(e) == 0 || err_errno(e) == 11)) {
            waiting = true;
            err_free(e);
            break;
        }
        if (e) {
            err_free(e);
            client_break(c);
            return;
        }
        call->sent = true;
        for (size_t i = 0; i < call->n_fds; i++)
            close(call->fds[i]);
        call->n_fds = 0;
        buf_done(&call->text);
    }
    if (!c->broken)
        watch_set(c->watch, waiting ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static enum err_kind kind_of(const char *name)
{
    for (int k = ERR_INVALID; name && k <= ERR_BUG; k++)
        if (strcmp(err_kind_name(k), name) == 0)
            return k;
    return ERR_SYSTEM;
}

static void client_answer(struct shim_client *c, int64_t seq, const struct json *j, int *fds, size_t n)
{
    struct shim_call *call = c->calls;
    while (call && call->seq != seq)
        call = call->next;
    if (!call)
        return;
    auto_err *error = NULL;
    const struct json *e = json_get(j, "error");
    if (e && e->type != JSON_NULL) {
        const char *message = json_str(json_get(e, "message"));
        error = err_new(kind_of(json_str(json_get(e, "kind"))), "%s", message ? message : "unknown error");
    }
    call_answer(call, error, error ? NULL : j, fds, n);
}

static void client_event(struct shim_client *c, const char *event, const struct json *j)
{
    int64_t code = 0, signal = 0;
    json_int(json_get(j, "exitCode"), &code);
    json_int(json_get(j, "signal"), &signal);
    if (strcmp(event, "exit") == 0 && json_str(json_get(j, "id")))
        c->ev.exited(c->arg, json_str(json_get(j, "id")), (int)code, (int)signal,
            json_bool(json_get(j, "oomKilled"), false), json_str(json_get(j, "finishedAt")));
    else if (strcmp(event, "execExit") == 0 && json_str(json_get(j, "exec")) && c->ev.exec_exited)
        c->ev.exec_exited(c->arg, json_str(json_get(j, "exec")), (int)code, (int)signal);
    else if (strcmp(event, "oom") == 0 && c->ev.oom)
        c->ev.oom(c->arg, json_str(json_get(j, "id")));
}

static void client_message(struct shim_client *c, int *fds, size_t n)
{
    auto_arena *a = arena_new();
    const struct json *j;
    struct err *e = json_parse(a, buf_str(&c->in), c->in.len, NULL, &j);
    if (e) {
        err_free(e);
        client_break(c); /* a shim that talks nonsense is no shim */
        return;
    }
    int64_t seq;
    const char *event = json_str(json_get(j, "event"));
    if (event)
        client_event(c, event, j);
    else if (json_int(json_get(j, "seq"), &seq))
        client_answer(c, seq, j, fds, n);
}

static void client_readable(void *arg, int events)
{
    struct shim_client *c = arg;
    bool freed = false;
    c->freed = &freed;
    if (events & UV_WRITABLE)
        client_flush(c);
    for (int budget = 64; budget-- > 0 && !freed && !c->broken;) {
        int fds[UNIXMSG_FDS];
        size_t n = 0;
        struct err *e = unixmsg_recv(c->fd, &c->in, fds, &n);
        if (e) {
            bool again = err_kind(e) == ERR_UNAVAILABLE;
            err_free(e);
            if (!again)
                client_break(c);
            break;
        }
        if (c->in.len == 0) {
            client_break(c);
            break;
        }
        client_message(c, fds, n);
        for (size_t i = 0; i < n; i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
    if (!freed)
        c->freed = NULL;
}

struct err *shim_client_open(uv_loop_t *loop, const char *socket, const struct shim_client_events *ev,
    void *arg, struct shim_client **ret)
{
    int fd;
    TRY(unixmsg_connect(socket, &fd));
    struct shim_client *c = mem_new(struct shim_client);
    *c = (struct shim_client){.loop = loop, .fd = fd, .ev = *ev, .arg = arg, .in = BUF_INIT(UNIXMSG_MAX)};
    c->watch = watch_new(loop, fd, client_readable, c);
    watch_set(c->watch, UV_READABLE);
    c->fail = deferred_new(loop, client_broken, c);
    *ret = c;
    return NULL;
}

void shim_client_free(struct shim_client *c)
{
    if (!c)
        return;
    if (c->freed)
        *c->freed = true;
    while (c->calls)
        shim_call_drop(c->calls);
    watch_free(c->watch);
    deferred_free(c->fail);
    close(c->fd);
    buf_done(&c->in);
    free(c);
}

struct shim_call *shim_call(struct shim_client *c, const char *op, const char *body, const int *fds,
    size_t n_fds, uint64_t deadline_ms, shim_done_fn *done, void *arg)
{
    struct shim_call *call = mem_new(struct shim_call);
    *call = (struct shim_call){
        .client = c, .seq = ++c->seq, .done = done, .arg = arg, .text = BUF_INIT(UNIXMSG_MAX)};
    buf_addf(
        &call->text, "{\"op\":\"%s\",\"seq\":%lld%s%s}", op, (long long)call->seq, *body ? "," : "", body);
    for (size_t i = 0; i < n_fds; i++) {
        int fd = dup(fds[i]);
        if (fd >= 0)
            call->fds[call->n_fds++] = fd;
    }
    struct shim_call **p = &c->calls;
    while (*p)
        p = &(*p)->next;
    *p = call;
    call->deadline = timer_new(c->loop, call_timed_out, call);
    timer_start(call->deadline, deadline_ms);
    if (c->broken)
        deferred_call(c->fail);
    else
        client_flush(c);
    return call;
}

/* --- the requests */

struct request {
    struct buf b;
    struct json_out out;
};

static void request_begin(struct request *r)
{
    r->b = BUF_INIT(UNIXMSG_MAX);
    r->out = (struct json_out){.buf = &r->b};
}

static struct shim_call *request_send(struct request *r, struct shim_client *c, const char *op,
    const int *fds, size_t n_fds, uint64_t deadline, shim_done_fn *done, void *arg)
{
    struct shim_call *call = shim_call(c, op, buf_str(&r->b), fds, n_fds, deadline, done, arg);
    buf_done(&r->b);
    return call;
}

struct shim_call *shim_subscribe(struct shim_client *c, shim_done_fn *done, void *arg)
{
    return shim_call(c, "subscribe", "", NULL, 0, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_mounts(
    struct shim_client *c, const struct shim_mount *m, size_t n, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_array(&r.out, "mounts");
    for (size_t i = 0; i < n; i++)
        fields_encode(&shim_mount_fields, &m[i], &r.out, NULL);
    json_out_end_array(&r.out);
    return request_send(&r, c, "mount", NULL, 0, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_start(struct shim_client *c, const struct shim_start *s, shim_done_fn *done, void *arg)
{
    struct buf b = BUF_INIT(UNIXMSG_MAX);
    struct json_out out = {.buf = &b};
    fields_encode(&shim_start_fields, s, &out, NULL);
    /* The members only: the braces are shim_call()'s. */
    if (b.len >= 2)
        b.data[b.len - 1] = '\0';
    struct shim_call *call =
        shim_call(c, "start", b.len >= 2 ? b.data + 1 : "", NULL, 0, SHIM_START_DEADLINE_MS, done, arg);
    buf_done(&b);
    return call;
}

struct shim_call *shim_kill(
    struct shim_client *c, const char *id, const char *signal, bool all, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_str(&r.out, "id", id);
    json_out_str(&r.out, "signal", signal);
    json_out_bool(&r.out, "all", all);
    return request_send(&r, c, "kill", NULL, 0, SHIM_DEADLINE_MS, done, arg);
}

static struct shim_call *with_id(
    struct shim_client *c, const char *op, const char *id, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_str(&r.out, "id", id);
    return request_send(&r, c, op, NULL, 0, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_delete(struct shim_client *c, const char *id, shim_done_fn *done, void *arg)
{
    return with_id(c, "delete", id, done, arg);
}

struct shim_call *shim_reopen(struct shim_client *c, const char *id, shim_done_fn *done, void *arg)
{
    return with_id(c, "reopen", id, done, arg);
}

struct shim_call *shim_exec(struct shim_client *c, const char *id, const char *exec,
    const struct oci_process *p, bool terminal, const int *fds, size_t n_fds, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_str(&r.out, "id", id);
    json_out_str(&r.out, "exec", exec);
    fields_encode(&oci_process_fields, p, &r.out, "process");
    json_out_bool(&r.out, "terminal", terminal);
    return request_send(&r, c, "exec", fds, n_fds, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_attach(struct shim_client *c, const char *id, const struct shim_streams *streams,
    const int *fds, size_t n_fds, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_str(&r.out, "id", id);
    json_out_bool(&r.out, "stdin", streams->in);
    json_out_bool(&r.out, "stdout", streams->out);
    json_out_bool(&r.out, "stderr", streams->err);
    return request_send(&r, c, "attach", fds, n_fds, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_resize(
    struct shim_client *c, const char *id, unsigned width, unsigned height, shim_done_fn *done, void *arg)
{
    struct request r;
    request_begin(&r);
    json_out_str(&r.out, "id", id);
    json_out_int(&r.out, "width", width);
    json_out_int(&r.out, "height", height);
    return request_send(&r, c, "resize", NULL, 0, SHIM_DEADLINE_MS, done, arg);
}

struct shim_call *shim_shutdown(struct shim_client *c, shim_done_fn *done, void *arg)
{
    return shim_call(c, "shutdown", "", NULL, 0, SHIM_DEADLINE_MS, done, arg);
}
