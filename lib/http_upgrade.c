/*
 * Connections that stop being HTTP. MHD's own upgrade behind TLS copies through a socket pair, four bytes at
 * a time in some versions, and does not notice when the client leaves; so for MHD the request just stays
 * unanswered: its connection is suspended, which takes it out of MHD's sight, and we say 101 and go on with
 * the socket (and its TLS session) ourselves. Closing the duplex resumes it, and MHD hears that it is to end.
 */
#include "lib/duplex_internal.h"
#include "lib/http_internal.h"
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 16384

struct http_upgraded {
    struct http_request *request;
    struct deferred *soon; /* until it has begun */
    struct buf head;
    int fd;
    gnutls_session_t session; /* NULL: plain */
    struct duplex *duplex;
    void (*up)(void *arg, struct duplex *d);
    void *arg;
};

/* --- TLS as a duplex --- */

static ssize_t result(ssize_t n)
{
    if (n >= 0)
        return n;
    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
        return -EAGAIN;
    if (n == GNUTLS_E_PREMATURE_TERMINATION) /* many clients leave without a word */
        return 0;
    return gnutls_error_is_fatal((int)n) ? -ECONNRESET : -EAGAIN;
}

static ssize_t tls_read(void *impl, void *data, size_t n)
{
    struct http_upgraded *u = impl;
    return result(gnutls_record_recv(u->session, data, n));
}

static ssize_t tls_write(void *impl, const void *data, size_t n)
{
    struct http_upgraded *u = impl;
    return result(gnutls_record_send(u->session, data, n));
}

static void tls_shutdown(void *impl)
{
    struct http_upgraded *u = impl;
    gnutls_bye(u->session, GNUTLS_SHUT_WR);
}

static void upgraded_close(void *impl)
{
    struct http_upgraded *u = impl;
    u->request->upgrade = NULL;
    u->request->over = true;
    http_resume(u->request);
    free(u);
}

static const struct duplex_ops PLAIN = {.close = upgraded_close};
static const struct duplex_ops TLS = {tls_read, tls_write, tls_shutdown, upgraded_close};

/* --- life --- */

static void give_up(struct http_upgraded *u)
{
    deferred_free(u->soon);
    buf_done(&u->head);
    u->up(u->arg, NULL);
    free(u);
}

static void begin(void *arg)
{
    struct http_upgraded *u = arg;
    static const int ON = 1, OFF = 0;
    if (!u->request) {
        give_up(u);
        return;
    }
    struct MHD_Connection *con = u->request->con;
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(con, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    u->fd = MHD_get_connection_info(con, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    u->session = tls ? (gnutls_session_t)tls->tls_session : NULL;
    setsockopt(u->fd, IPPROTO_TCP, TCP_CORK, &OFF, sizeof OFF);
    setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &ON, sizeof ON);
    u->duplex = duplex_from_ops(u->request->loop, u->fd, u->session ? &TLS : &PLAIN, u);
    deferred_free(take_ptr(u->soon));
    duplex_write(u->duplex, buf_str(&u->head), u->head.len);
    buf_done(&u->head);
    u->up(u->arg, u->duplex);
}

void http_upgrade_kill(struct http_upgraded *u)
{
    if (u->duplex)
        duplex_abort(u->duplex, "the server ends");
    else
        u->request = NULL; /* begin() will say so */
}

void http_upgrade(struct http_request *r, const char *protocol, const struct http_header *headers,
    void (*up)(void *arg, struct duplex *d), void *arg)
{
    struct http_upgraded *u = mem_new(struct http_upgraded);
    *u = (struct http_upgraded){.up = up, .arg = arg, .head = BUF_INIT(HEAD_MAX)};
    buf_addf(
        &u->head, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", protocol);
    for (; headers && headers->name; headers++)
        buf_addf(&u->head, "%s: %s\r\n", headers->name, headers->value);
    buf_adds(&u->head, "\r\n");
    u->soon = deferred_new(r->loop, begin, u); /* once the connection is suspended */
    deferred_call(u->soon);
    r->answered = true;
    if (r->gone) {
        http_request_free(r);
        return;
    }
    u->request = r;
    r->upgrade = u;
}
