#include "proxy/dns.h"

#include "lib/duplex.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORT = 53,
    BATCH = 64,       /* datagrams read in one turn */
    CLIENTS_MAX = 64, /* TCP connections */
    IDLE_MS = 10000,  /* of one */
    ASKED_MAX = 256,  /* questions under way to upstreams */
    ANSWER_MS = 2000, /* one upstream's time */
    RESOLV_MAX = 64 * 1024,
};

struct dns;
struct client { /* one TCP connection */
    struct dns *dns;
    struct duplex *duplex;
    struct timer *idle;
    unsigned waiting; /* questions of it that are under way */
    bool closed;
    struct client *next;
};
struct asked { /* one question at an upstream */
    struct dns *dns;
    int fd;
    struct watch *watch;
    struct timer *timer;
    size_t upstream, tries;
    uint16_t id, own_id;
    struct sockaddr_in from; /* who wants to know */
    struct client *client;   /* or over TCP; NULL: UDP */
    uint8_t query[DNS_UDP_MAX];
    size_t len;
    struct asked *next;
};
struct dns {
    uv_loop_t *loop;
    struct dns_zone zone;
    int udp, tcp;
    struct watch *udp_watch, *tcp_watch;
    struct in_addr upstreams[DNS_UPSTREAMS];
    size_t n_upstreams, n_asked, n_clients;
    struct asked *asked;
    struct client *clients;
};

/* --- answers
 * ------------------------------------------------------------------------------------------------------------
 */

static void client_drop(struct client *c)
{
    struct dns *d = c->dns;
    if (c->duplex)
        duplex_free(take_ptr(c->duplex));
    c->closed = true;
    if (c->waiting)
        return; /* its last question's end does it */
    for (struct client **at = &d->clients; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            d->n_clients--;
            break;
        }
    timer_free(c->idle);
    free(c);
}

/* An answer of up to DNS_TCP_MAX bytes to whoever asked. */
static void reply(struct dns *d, const struct sockaddr_in *to, struct client *c, const uint8_t *m, size_t len)
{
    if (!c) {
        (void)sendto(d->udp, m, len, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof(*to));
        return;
    }
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    if (c->closed)
        return;
    duplex_write(c->duplex, head, sizeof(head));
    duplex_write(c->duplex, m, len);
    timer_start(c->idle, IDLE_MS);
}

static void refuse(
    struct dns *d, const struct sockaddr_in *to, struct client *c, uint16_t id, enum dns_rcode rcode)
{
    uint8_t m[12];
    reply(d, to, c, m, dns_refusal(m, id, rcode));
}

/* With the question, so that the asker's resolver takes it for an answer and goes on at once. */
static void refuse_query(struct dns *d, const struct sockaddr_in *to, struct client *c, const uint8_t *m,
    size_t len, enum dns_rcode rcode)
{
    static uint8_t out[DNS_UDP_MAX];
    struct dns_query q;
    struct dns_writer w;
    if (dns_query_read(m, len, &q) != DNS_READ)
        return;
    dns_begin(&w, out, sizeof(out), m, &q);
    dns_end(&w, &q, rcode, false);
    reply(d, to, c, w.m, w.len);
}

/* --- other people's names
 * --------------------------------------------------------------------------------------------- */

/* Under the asker's id: the query was sent on under one of ours. */
static void give_up(struct asked *a)
{
    a->query[0] = (uint8_t)(a->id >> 8);
    a->query[1] = (uint8_t)a->id;
    refuse_query(a->dns, &a->from, a->client, a->query, a->len, DNS_SERVFAIL);
}

static void asked_free(struct asked *a)
{
    struct dns *d = a->dns;
    struct client *c = a->client;
    for (struct asked **at = &d->asked; *at; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            d->n_asked--;
            break;
        }
    watch_free(a->watch);
    timer_free(a->timer);
    if (a->fd >= 0)
        close(a->fd);
    free(a);
    if (c && --c->waiting == 0 && c->closed)
        client_drop(c);
}

static void ask_next(struct asked *a);

static void on_answer(void *arg, int events)
{
    (void)events;
    struct asked *a = arg;
    uint8_t m[DNS_TCP_MAX];
    ssize_t n = recv(a->fd, m, sizeof(m), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) { /* nobody listens there */
        ask_next(a);
        return;
    }
    bool ours = n >= 12 && m[0] == a->own_id >> 8 && m[1] == (a->own_id & 0xff) && (m[2] & 0x80);
    if (!ours)
        return;
    m[0] = (uint8_t)(a->id >> 8);
    m[1] = (uint8_t)a->id;
    bool cut = a->client && (m[2] & 0x02); /* over TCP the asker wants the whole */
    if (cut)
        give_up(a);
    else
        reply(a->dns, &a->from, a->client, m, (size_t)n);
    asked_free(a);
}

static void on_silence(void *arg)
{
    ask_next(arg);
}

/* A socket of its own per try: a random port and a random id, and only that upstream may answer. */
static bool ask(struct asked *a)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = a->dns->upstreams[a->upstream]};
    watch_free(take_ptr(a->watch));
    if (a->fd >= 0)
        close(a->fd);
    a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return false;
    tls_random(&a->own_id, sizeof(a->own_id));
    a->query[0] = (uint8_t)(a->own_id >> 8);
    a->query[1] = (uint8_t)a->own_id;
    if (send(a->fd, a->query, a->len, 0) != (ssize_t)a->len)
        return false;
    a->watch = watch_new(a->dns->loop, a->fd, on_answer, a);
    watch_set(a->watch, UV_READABLE);
    timer_start(a->timer, ANSWER_MS);
    return true;
}

static void ask_next(struct asked *a)
{
    while (a->tries++ < a->dns->n_upstreams) {
        bool sent = ask(a);
        a->upstream = (a->upstream + 1) % a->dns->n_upstreams;
        if (sent)
            return;
    }
    give_up(a);
    asked_free(a);
}

static void forward(struct dns *d, const struct sockaddr_in *from, struct client *c,
    const struct dns_query *q, const uint8_t *m, size_t len)
{
    if (d->n_upstreams == 0 || len > DNS_UDP_MAX) {
        refuse_query(d, from, c, m, len, DNS_REFUSED);
        return;
    }
    if (d->n_asked >= ASKED_MAX) {
        refuse_query(d, from, c, m, len, DNS_SERVFAIL);
        return;
    }
    struct asked *a = mem_new(struct asked);
    *a = (struct asked){.dns = d, .fd = -1, .id = q->id, .client = c, .len = len, .next = d->asked};
    if (from)
        a->from = *from;
    if (c)
        c->waiting++;
    memcpy(a->query, m, len);
    a->timer = timer_new(d->loop, on_silence, a);
    d->asked = a;
    d->n_asked++;
    ask_next(a);
}

/* --- one query
 * -----------------------------------------------------------------------------------------------------------
 */

static void take_query(
    struct dns *d, const struct sockaddr_in *from, struct client *c, const uint8_t *m, size_t len)
{
    static uint8_t out[DNS_TCP_MAX];
    struct dns_query q;
    struct dns_writer w;
    switch (dns_query_read(m, len, &q)) {
    case DNS_UNHEARD:
        return;
    case DNS_MALFORMED:
        refuse(d, from, c, q.id, DNS_FORMERR);
        return;
    case DNS_UNKNOWN:
        refuse(d, from, c, q.id, DNS_NOTIMP);
        return;
    case DNS_READ:
        break;
    }
    dns_begin(&w, out, c ? DNS_TCP_MAX : q.udp_size, m, &q);
    if (dns_zone_answer(&d->zone, &q, &w) == DNS_ANSWERED)
        reply(d, from, c, w.m, w.len);
    else
        forward(d, from, c, &q, m, len);
}

static void on_datagrams(void *arg, int events)
{
    (void)events;
    struct dns *d = arg;
    uint8_t m[DNS_UDP_MAX + 1];
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(d->udp, m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        if (n < 0)
            return;
        take_query(d, &from, NULL, m, (size_t)n);
    }
}

/* --- TCP
 * -------------------------------------------------------------------------------------------------------------------
 */

static size_t on_stream(void *arg, const char *data, size_t len)
{
    struct client *c = arg;
    size_t used = 0;
    while (!c->closed && len - used >= 2) {
        const uint8_t *p = (const uint8_t *)data + used;
        size_t n = (size_t)p[0] << 8 | p[1];
        if (len - used < n + 2)
            break;
        used += n + 2;
        timer_start(c->idle, IDLE_MS);
        c->waiting++; /* it must not go while its query is looked at */
        take_query(c->dns, NULL, c, p + 2, n);
        if (--c->waiting == 0 && c->closed) {
            client_drop(c);
            return len;
        }
    }
    return used;
}

static void on_stream_closed(void *arg, const char *error)
{
    (void)error;
    client_drop(arg);
}

static void on_idle(void *arg)
{
    client_drop(arg);
}

static void on_connections(void *arg, int events)
{
    static const struct duplex_events stream_events = {on_stream, on_stream_closed, NULL};
    (void)events;
    struct dns *d = arg;
    int fd = accept4(d->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (d->n_clients >= CLIENTS_MAX) {
        close(fd);
        return;
    }
    struct client *c = mem_new(struct client);
    *c = (struct client){.dns = d, .next = d->clients};
    c->duplex = duplex_from_fd(d->loop, fd, fd);
    c->idle = timer_new(d->loop, on_idle, c);
    timer_start(c->idle, IDLE_MS);
    d->clients = c;
    d->n_clients++;
    duplex_start(c->duplex, &stream_events, c);
}

/* --- starting and stopping
 * ----------------------------------------------------------------------------------------- */

static struct err *listen_on(const char *address, int type, int *ret_fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int on = 1;
    auto_close fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
        return err_new(ERR_INVALID, "%s: not an IPv4 address", address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0)
        return err_sys(errno, "socket");
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return err_sys(errno, "name server: bind %s port %d", address, PORT);
    if (type == SOCK_STREAM && listen(fd, 64) < 0)
        return err_sys(errno, "name server: listen");
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *dns_new(uv_loop_t *loop, const struct dns_opts *o, struct dns **ret)
{
    struct dns *d = mem_new(struct dns);
    *d = (struct dns){.loop = loop, .zone = o->zone, .udp = -1, .tcp = -1};
    for (size_t i = 0; i < o->upstreams.n && d->n_upstreams < DNS_UPSTREAMS; i++)
        if (inet_pton(AF_INET, o->upstreams.v[i], &d->upstreams[d->n_upstreams]) == 1)
            d->n_upstreams++;
    struct err *e = listen_on(o->address, SOCK_DGRAM, &d->udp);
    if (!e)
        e = listen_on(o->address, SOCK_STREAM, &d->tcp);
    if (e) {
        dns_free(d);
        return e;
    }
    d->udp_watch = watch_new(loop, d->udp, on_datagrams, d);
    d->tcp_watch = watch_new(loop, d->tcp, on_connections, d);
    watch_set(d->udp_watch, UV_READABLE);
    watch_set(d->tcp_watch, UV_READABLE);
    *ret = d;
    return NULL;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    while (d->asked)
        asked_free(d->asked);
    while (d->clients) {
        d->clients->waiting = 0;
        client_drop(d->clients);
    }
    watch_free(d->udp_watch);
    watch_free(d->tcp_watch);
    if (d->udp >= 0)
        close(d->udp);
    if (d->tcp >= 0)
        close(d->tcp);
    free(d);
}

struct str_list dns_upstreams(struct arena *a, const char *resolv_conf, const char *except)
{
    struct str_list list = {0, arena_array(a, DNS_UPSTREAMS, sizeof(char *))};
    auto_free char *text = NULL;
    struct err *e = file_read(AT_FDCWD, resolv_conf, RESOLV_MAX, &text, NULL);
    char *rest = text;
    if (e) {
        err_free(e); /* a host without one asks nobody */
        return list;
    }
    for (char *line; (line = strsep(&rest, "\n")) && list.n < DNS_UPSTREAMS;) {
        struct in_addr ip;
        if (strncmp(line, "nameserver", 10) != 0)
            continue;
        line += 10 + strspn(line + 10, " \t");
        line[strcspn(line, " \t#;")] = 0;
        if (inet_pton(AF_INET, line, &ip) == 1 && strcmp(line, except) != 0)
            list.v[list.n++] = arena_strdup(a, line);
    }
    return list;
}
