/*
 * The HTTP server's frame: listening socket, libmicrohttpd's epoll descriptor inside our loop, and a
 * request's way through it: target (on_target), headers, body, handler, answer, end (on_completed). A request
 * that the handler does not answer at once is suspended; http_answer() resumes it.
 */
#include "lib/http_server.h"
#include "lib/file.h"
#include "lib/http_internal.h"
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEM_MAX (256 * 1024)
#define DROP_MAX (16 * 1024 * 1024) /* of a body that is too large anyway */
#define TOO_LARGE "the request's body is too large\n"
#define CONNECTION_MEMORY (48 * 1024) /* ceiling of a request's headers, and the write buffer */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"

/* --- a request's way --- */

void http_suspend(struct http_request *r)
{
    r->suspended = true;
    MHD_suspend_connection(r->con);
}

void http_resume(struct http_request *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    MHD_resume_connection(r->con);
    deferred_call(r->server->soon);
}

static void *on_target(void *cls, const char *uri, struct MHD_Connection *con)
{
    (void)con;
    return http_request_new(cls, uri);
}

static void *connection_of(struct MHD_Connection *con)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(con, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

static enum MHD_Result queue_text(struct MHD_Connection *con, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    http_add_headers(response, "text/plain", NULL);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result ret = MHD_queue_response(con, status, response);
    MHD_destroy_response(response);
    return ret;
}

/* Headers are there. A body beyond the ceiling that the client still holds back (Expect) or that is huge is
 * refused unread; another is read and dropped, since a client that is cut off while it sends sees a reset and
 * not our answer. */
static enum MHD_Result begin(struct http_request *r, struct MHD_Connection *con, const char *method)
{
    r->con = con;
    r->method = mem_strdup(method);
    r->peer = connection_of(con);
    if (!http_request_parse(r))
        return queue_text(con, 400, "the request's target is not valid percent-encoding\n");
    const char *text = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    unsigned long long length = text ? strtoull(text, NULL, 10) : 0;
    if (length <= r->server->max_body)
        return MHD_YES;
    r->body.over = true;
    bool held_back = http_header(r, MHD_HTTP_HEADER_EXPECT) != NULL;
    return held_back || length - r->server->max_body > DROP_MAX ? queue_text(con, 413, TOO_LARGE) : MHD_YES;
}

/* A chunked body goes on and on. MHD answers only whole requests: so by hand, and the connection ends. */
static void refuse_rest(struct http_request *r)
{
    static const char TEXT[] =
        "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(r->con, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(r->con, MHD_CONNECTION_INFO_CONNECTION_FD);
    ssize_t n = 0; /* one try: whoever sends without reading gets no answer */
    if (tls && tls->tls_session)
        n = gnutls_record_send((gnutls_session_t)tls->tls_session, TEXT, sizeof TEXT - 1);
    else if (fd)
        n = send(fd->connect_fd, TEXT, sizeof TEXT - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n;
}

static enum MHD_Result take_body(struct http_request *r, const char *data, size_t *n)
{
    buf_add(&r->body, data, *n);
    if (r->body.over)
        r->dropped += *n;
    *n = 0;
    if (r->dropped <= DROP_MAX)
        return MHD_YES;
    refuse_rest(r);
    return MHD_NO;
}

static enum MHD_Result queue_answer(struct http_request *r)
{
    struct MHD_Response *response = take_ptr(r->response);
    enum MHD_Result ret = MHD_queue_response(r->con, r->status, response);
    MHD_destroy_response(response);
    return ret;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *con, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_n, void **state)
{
    struct http_server *s = cls;
    struct http_request *r = *state;
    (void)url;
    (void)version;
    if (!r->con)
        return begin(r, con, method);
    if (r->over)
        return MHD_NO;
    if (*upload_n)
        return take_body(r, upload, upload_n);
    if (r->body.over)
        return queue_text(con, 413, TOO_LARGE);
    if (!r->handed) {
        r->handed = true;
        s->handler(s->arg, r);
    }
    if (r->response)
        return queue_answer(r);
    http_suspend(r);
    return MHD_YES;
}

static void on_completed(
    void *cls, struct MHD_Connection *con, void **state, enum MHD_RequestTerminationCode why)
{
    struct http_server *s = cls;
    struct http_request *r = *state;
    (void)con;
    (void)why;
    if (!r)
        return;
    *state = NULL;
    if (r->prev)
        r->prev->next = r->next;
    else
        s->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->gone = true;
    r->con = NULL;
    r->peer = NULL;
    if (r->stream)
        http_stream_completed(take_ptr(r->stream));
    if (r->upgrade)
        http_upgrade_kill(take_ptr(r->upgrade));
    if (!r->handed || r->answered)
        http_request_free(r); /* else http_answer() does */
}

void http_answer(struct http_request *r, unsigned status, struct MHD_Response *response)
{
    r->answered = true;
    if (r->gone) {
        MHD_destroy_response(response);
        http_request_free(r);
        return;
    }
    r->status = status;
    r->response = response;
    http_resume(r);
}

void http_add_headers(
    struct MHD_Response *response, const char *content_type, const struct http_header *headers)
{
    if (content_type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    for (; headers && headers->name; headers++)
        MHD_add_response_header(response, headers->name, headers->value);
}

static void respond(struct http_request *r, unsigned status, const char *content_type, void *body, size_t len,
    enum MHD_ResponseMemoryMode mode, const struct http_header *headers)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, body, mode);
    http_add_headers(response, content_type, headers);
    http_answer(r, status, response);
}

void http_respond(struct http_request *r, unsigned status, const char *content_type, const void *body,
    size_t len, const struct http_header *headers)
{
    respond(r, status, content_type, (void *)(len ? body : ""), len, MHD_RESPMEM_MUST_COPY, headers);
}

void http_respond_take(struct http_request *r, unsigned status, const char *content_type, char *body,
    size_t len, const struct http_header *headers)
{
    respond(r, status, content_type, body ? body : mem_zalloc(1), len, MHD_RESPMEM_MUST_FREE, headers);
}

/* --- connections --- */

/* A peer that vanished without a word is noticed in about 20 s, even where nothing is sent. */
static void keep_alive(int fd)
{
    static const int ON = 1, IDLE = 10, INTERVAL = 3, COUNT = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &ON, sizeof ON);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &IDLE, sizeof IDLE);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &INTERVAL, sizeof INTERVAL);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &COUNT, sizeof COUNT);
}

static void on_connection(
    void *cls, struct MHD_Connection *con, void **context, enum MHD_ConnectionNotificationCode code)
{
    (void)cls;
    struct http_connection *c = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(con, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (fd)
            keep_alive(fd->connect_fd); /* a unix socket refuses, and needs none */
        *context = mem_new(struct http_connection);
    } else if (c) {
        arena_free(c->peer_arena);
        free(c);
        *context = NULL;
    }
}

/* --- MHD in the loop --- */

static void destroy(struct http_server *s);

static void run(struct http_server *s)
{
    s->depth++;
    MHD_run(s->daemon);
    s->depth--;
    if (s->free_asked && !s->depth)
        destroy(s);
}

static void on_readable(void *arg, int events)
{
    (void)events;
    run(arg);
}

static void run_now(void *arg)
{
    run(arg);
}

static void on_prepare(uv_prepare_t *uv)
{
    struct http_server *s = uv->data;
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
        timer_start(s->timer, ms);
    else
        timer_stop(s->timer);
}

static void prepare_closed(uv_handle_t *h)
{
    free(h->data);
}

static void destroy(struct http_server *s)
{
    for (struct http_request *r = s->requests, *next; r; r = next) {
        next = r->next;
        if (r->stream)
            http_stream_kill(r->stream);
        if (r->upgrade)
            http_upgrade_kill(r->upgrade);
        http_resume(r); /* MHD stops only what is not suspended */
    }
    watch_free(s->watch);
    timer_free(s->timer);
    MHD_stop_daemon(s->daemon);
    deferred_free(s->soon);
    uv_close((uv_handle_t *)&s->prepare, prepare_closed);
}

void http_server_free(struct http_server *s)
{
    if (!s || s->free_asked)
        return;
    s->free_asked = true;
    if (!s->depth)
        destroy(s);
}

/* --- start --- */

struct pem {
    char *cert, *key, *ca;
};

static void pem_done(struct pem *p)
{
    if (p->key)
        gnutls_memset(p->key, 0, strlen(p->key));
    free(p->cert);
    free(p->key);
    free(p->ca);
}

static struct err *pem_read(const struct http_server_opts *o, struct pem *p)
{
    if (!o->tls_cert_file)
        return NULL;
    TRY_WRAP(file_read(AT_FDCWD, o->tls_cert_file, PEM_MAX, &p->cert, NULL), "TLS certificate");
    TRY_WRAP(file_read(AT_FDCWD, o->tls_key_file, PEM_MAX, &p->key, NULL), "TLS key");
    if (o->client_ca_file)
        TRY_WRAP(file_read(AT_FDCWD, o->client_ca_file, PEM_MAX, &p->ca, NULL), "clients' CA");
    return NULL;
}

struct last_words {
    char text[256];
};

static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
    struct http_server *s = cls;
    struct last_words *w = s->arg; /* only while it starts: see daemon_start() */
    if (!s->daemon && w)
        vsnprintf(w->text, sizeof w->text, fmt, ap);
}

static struct err *daemon_start(
    struct http_server *s, const struct http_server_opts *o, int fd, const struct pem *pem)
{
    struct last_words words = {0};
    struct MHD_OptionItem tls[5] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    if (pem->cert) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key};
        tls[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, PRIORITIES};
        tls[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
        if (pem->ca)
            tls[3] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, pem->ca};
        tls[4] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    s->arg = &words;
    struct MHD_Daemon *daemon = MHD_start_daemon(flags, s->port, NULL, NULL, on_request, s,
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_CONNECTION_LIMIT, o->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        o->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
    s->arg = o->arg;
    words.text[strcspn(words.text, "\n")] = 0;
    if (!daemon)
        return err_new(ERR_SYSTEM, "HTTP server: %s", words.text[0] ? words.text : "does not start");
    s->daemon = daemon;
    return NULL;
}

static struct err *server_start(struct http_server *s, const struct http_server_opts *o)
{
    struct pem pem __attribute__((cleanup(pem_done))) = {0};
    TRY(pem_read(o, &pem));
    auto_close fd = -1;
    if (o->listen_fd <= 0)
        TRY(http_listen(o->address, o->port, &fd));
    int use = o->listen_fd > 0 ? o->listen_fd : fd;
    s->port = http_listen_port(use);
    s->client_certificates = pem.ca != NULL;
    TRY(daemon_start(s, o, use, &pem));
    fd = -1; /* MHD's now */
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->watch = watch_new(s->loop, i->epoll_fd, on_readable, s);
    watch_set(s->watch, UV_READABLE);
    s->timer = timer_new(s->loop, run_now, s);
    s->soon = deferred_new(s->loop, run_now, s);
    uv_prepare_init(s->loop, &s->prepare);
    s->prepare.data = s;
    uv_prepare_start(&s->prepare, on_prepare);
    return NULL;
}

struct err *http_server_new(uv_loop_t *loop, const struct http_server_opts *o, struct http_server **ret)
{
    struct http_server *s = mem_new(struct http_server);
    *s = (struct http_server){.loop = loop, .handler = o->handler, .arg = o->arg, .max_body = o->max_body};
    struct err *e = server_start(s, o);
    if (e) {
        free(s);
        return e;
    }
    *ret = s;
    return NULL;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}
