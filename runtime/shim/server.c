/* Connections and messages: see server.h. */
#include "runtime/shim/server.h"
#include "lib/mem.h"
#include "lib/unixmsg.h"
#include "runtime/shim/ops.h"
#include "runtime/shim/shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
    struct conn *next;
    struct shim *shim;
    struct poll_source src;
    bool subscribed;
    bool broken; /* to be closed at the end of what is being done */
};

/* A request: its process object is the largest part. */
static const struct json_limits request_limits = {.bytes = UNIXMSG_MAX, .depth = 32, .nodes = 20000};

/* ---- out ---- */

static void conn_send(struct conn *c, const int *fds, size_t n_fds)
{
    const struct buf *b = &c->shim->server.buf;
    struct err *e = buf_check(b, "message");
    if (!e)
        e = unixmsg_send(c->src.fd, buf_str(b), b->len, fds, n_fds);
    c->broken |= e != NULL;
    err_free(e);
}

static void message_end(struct server *sv)
{
    json_out_end_object(&sv->out);
}

static struct json_out *message_begin(struct server *sv)
{
    sv->buf = BUF_INIT(UNIXMSG_MAX);
    sv->out = (struct json_out){.buf = &sv->buf};
    json_out_object(&sv->out, NULL);
    return &sv->out;
}

static void conn_close(struct conn *c)
{
    struct shim *s = c->shim;
    for (struct reply *r = s->server.replies; r; r = r->all_next)
        if (r->conn == c)
            r->conn = NULL;
    struct conn **at = &s->server.conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    s->server.n_conns--;
    poll_close(&s->poll, &c->src);
    free(c);
}

struct json_out *event_begin(struct shim *s, const char *event)
{
    struct json_out *o = message_begin(&s->server);
    json_out_str(o, "event", event);
    return o;
}

void event_send(struct shim *s)
{
    struct server *sv = &s->server;
    message_end(sv);
    for (struct conn *c = sv->conns; c; c = c->next)
        if (c->subscribed && !c->broken)
            conn_send(c, NULL, 0);
    buf_done(&sv->buf);
    for (struct conn *c = sv->conns; c; c = c->next)
        if (c->broken)
            shutdown(c->src.fd, SHUT_RDWR); /* on_request() finds its end, and closes it */
}

static void reply_free(struct reply *r)
{
    struct server *sv = &r->shim->server;
    struct reply **at = &sv->replies;
    while (*at != r)
        at = &(*at)->all_next;
    *at = r->all_next;
    sv->n_replies--;
    free(r);
}

struct json_out *reply_begin(struct reply *r)
{
    struct json_out *o = message_begin(&r->shim->server);
    json_out_int(o, "seq", r->seq);
    return o;
}

void reply_send(struct reply *r, const int *fds, size_t n_fds)
{
    struct server *sv = &r->shim->server;
    message_end(sv);
    if (r->conn && !r->conn->broken) {
        conn_send(r->conn, fds, n_fds);
        if (r->conn->broken)
            shutdown(r->conn->src.fd, SHUT_RDWR);
    }
    buf_done(&sv->buf);
    reply_free(r);
}

void reply_ok(struct reply *r)
{
    if (!r)
        return;
    reply_begin(r);
    reply_send(r, NULL, 0);
}

void reply_err(struct reply *r, struct err *e)
{
    if (r) {
        struct json_out *o = reply_begin(r);
        json_out_object(o, "error");
        json_out_str(o, "kind", err_kind_name(err_kind(e)));
        json_out_str(o, "message", err_message(e));
        json_out_end_object(o);
        reply_send(r, NULL, 0);
    }
    err_free(e);
}

void reply_subscribe(struct reply *r)
{
    if (r->conn)
        r->conn->subscribed = true;
}

/* ---- in ---- */

static struct reply *reply_new(struct conn *c, int64_t seq)
{
    struct reply *r = mem_new(struct reply);
    struct server *sv = &c->shim->server;
    *r = (struct reply){.all_next = sv->replies, .shim = c->shim, .conn = c, .seq = seq};
    sv->replies = r;
    sv->n_replies++;
    return r;
}

static void handle(struct conn *c, const struct buf *text, struct ops_fds *fds)
{
    auto_arena *a = arena_new();
    const struct json *request = NULL;
    int64_t seq = 0;
    struct err *e = json_parse(a, buf_str(text), text->len, &request_limits, &request);
    if (!e && !json_int(json_get(request, "seq"), &seq))
        e = err_new(ERR_INVALID, "seq: not an integer");
    if (!e && c->shim->server.n_replies >= SERVER_REPLIES_MAX)
        e = err_new(ERR_LIMIT, "%d requests are waiting already", SERVER_REPLIES_MAX);
    struct reply *r = reply_new(c, seq);
    if (e)
        reply_err(r, e);
    else
        ops_dispatch(c->shim, a, request, fds, r);
}

static void on_request(struct poll_source *src, uint32_t events)
{
    (void)events;
    struct conn *c = container_of(src, struct conn, src);
    auto_buf text = BUF_INIT(UNIXMSG_MAX);
    struct ops_fds fds = {0};
    struct err *e = unixmsg_recv(src->fd, &text, fds.fd, &fds.n);
    if (e && err_kind(e) == ERR_UNAVAILABLE) {
        err_free(e);
        return;
    }
    if (e && err_kind(e) == ERR_LIMIT) {
        reply_err(reply_new(c, 0), e);
        return;
    }
    bool over = e || text.len == 0;
    err_free(e);
    if (over) {
        conn_close(c);
        return;
    }
    handle(c, &text, &fds);
    for (size_t i = 0; i < fds.n; i++)
        if (fds.fd[i] >= 0)
            close(fds.fd[i]);
}

/* Out of descriptors a connection that waits would wake us for ever: it is taken with the one kept for this,
 * and closed. */
static void turn_away(struct server *sv)
{
    if (errno != EMFILE && errno != ENFILE)
        return;
    close(sv->spare);
    int fd = accept4(sv->listening.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    sv->spare = open("/dev/null", O_PATH | O_CLOEXEC);
}

/* Only the shim's own user; its socket's folder says the same, this says it once more. */
static bool peer_may(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static void on_connection(struct poll_source *src, uint32_t events)
{
    (void)events;
    struct shim *s = container_of(src, struct shim, server.listening);
    struct server *sv = &s->server;
    auto_close fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        turn_away(sv);
    if (fd < 0 || sv->n_conns >= SERVER_CONNS_MAX || !peer_may(fd))
        return;
    struct conn *c = mem_new(struct conn);
    *c = (struct conn){.next = sv->conns, .shim = s, .src = {.fd = fd, .ready = on_request}};
    auto_err *e = poll_add(&s->poll, &c->src, EPOLLIN);
    if (e) {
        free(c);
        return;
    }
    (void)take_fd(fd);
    sv->conns = c;
    sv->n_conns++;
}

struct err *server_init(struct shim *s)
{
    struct server *sv = &s->server;
    auto_free char *path = mem_printf("%s/shim.sock", s->run_dir);
    sv->listening = (struct poll_source){.fd = -1, .ready = on_connection};
    TRY(unixmsg_listen(path, &sv->listening.fd));
    sv->spare = open("/dev/null", O_PATH | O_CLOEXEC);
    return poll_add(&s->poll, &sv->listening, EPOLLIN);
}

void server_done(struct shim *s)
{
    struct server *sv = &s->server;
    if (sv->listening.fd >= 0)
        unlinkat(s->run_fd, "shim.sock", 0);
    poll_close(&s->poll, &sv->listening);
    while (sv->conns)
        conn_close(sv->conns);
}
