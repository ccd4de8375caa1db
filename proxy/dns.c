#include "proxy/dns.h"

#include "lib/duplex.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/mem.h"
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
struct pending { /* a query that waits for an upstream's answer */
    struct dns *dns;
    struct sockaddr_in from; /* who wants to know */
    struct client *client;   /* or over TCP; NULL: UDP */
    char *alias;             /* the answer is what this name has; NULL: as it comes */
    struct pending *next, **at;
    size_t len;
    uint8_t query[DNS_UDP_MAX];
};
struct dns {
    uv_loop_t *loop;
    struct dns_zone zone;
    int udp, tcp;
    struct watch *udp_watch, *tcp_watch;
    struct dns_upstream *upstream;
    struct pending *pending;
    struct client *clients;
    size_t n_clients;
};

/* --- answers */

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

/* --- other people's names */

static void pending_free(struct pending *p)
{
    struct client *c = p->client;
    *p->at = p->next;
    if (p->next)
        p->next->at = p->at;
    free(p->alias);
    free(p);
    if (c && --c->waiting == 0 && c->closed)
        client_drop(c);
}

/* m, an answer of the zone's or of an upstream's to the target's question, behind the alias. NULL: there is
 * none. */
static void answer_alias(struct dns *d, const struct sockaddr_in *to, struct client *c, const uint8_t *query,
    size_t query_len, const char *target, const uint8_t *m, size_t len)
{
    static uint8_t out[DNS_TCP_MAX];
    struct dns_query q;
    struct dns_writer w;
    dns_query_read(query, query_len, &q); /* it was read before */
    dns_begin(&w, out, c ? DNS_TCP_MAX : q.udp_size, query, &q);
    dns_add_name(&w, DNS_ANSWER, q.name, DNS_CNAME, DNS_TTL, target);
    enum dns_rcode rcode = m ? dns_copy_answers(&w, m, len) : DNS_SERVFAIL;
    dns_end(&w, &q, rcode, true);
    reply(d, to, c, w.m, w.len);
}

static void on_answer(void *arg, uint8_t *m, size_t len)
{
    struct pending *p = arg;
    if (p->alias) {
        answer_alias(p->dns, &p->from, p->client, p->query, p->len, p->alias, m, len);
    } else if (m) {
        m[0] = p->query[0];
        m[1] = p->query[1];
        reply(p->dns, &p->from, p->client, m, len);
    } else {
        refuse_query(p->dns, &p->from, p->client, p->query, p->len, DNS_SERVFAIL);
    }
    pending_free(p);
}

/* A query that came is sent on as it is; of an alias it is the target's question that is asked. */
static void forward(struct dns *d, const struct sockaddr_in *from, struct client *c, const uint8_t *m,
    size_t len, const char *alias, const uint8_t *question, size_t question_len)
{
    struct pending *p = mem_new(struct pending);
    *p = (struct pending){.dns = d, .client = c, .len = len, .next = d->pending, .at = &d->pending};
    if (p->next)
        p->next->at = &p->next;
    d->pending = p;
    if (from)
        p->from = *from;
    if (c)
        c->waiting++;
    if (alias)
        p->alias = mem_strdup(alias);
    memcpy(p->query, m, len);
    if (!dns_upstream_ask(d->upstream, question, question_len, c || alias, on_answer, p))
        on_answer(p, NULL, 0);
}

/* The target may be a name of the cluster again; that one's own alias ends the chain. */
static void follow(struct dns *d, const struct sockaddr_in *from, struct client *c, const uint8_t *m,
    size_t len, const struct dns_query *q, const char *target)
{
    static uint8_t out[DNS_TCP_MAX];
    uint8_t question[DNS_UDP_PLAIN];
    const char *further;
    struct dns_query tq;
    struct dns_writer w;
    size_t n = dns_question(question, target, (enum dns_type)q->type);
    if (!n || dns_query_read(question, n, &tq) != DNS_READ) {
        answer_alias(d, from, c, m, len, target, NULL, 0);
        return;
    }
    dns_begin(&w, out, sizeof(out), question, &tq);
    enum dns_verdict v = dns_zone_answer(&d->zone, &tq, &w, &further);
    if (v == DNS_FOREIGN && !dns_upstream_is_empty(d->upstream)) {
        forward(d, from, c, m, len, target, question, n);
        return;
    }
    if (v != DNS_ANSWERED)
        dns_end(&w, &tq, DNS_NOERROR, true);
    answer_alias(d, from, c, m, len, target, w.m, w.len);
}

/* --- one query */

static void take_query(
    struct dns *d, const struct sockaddr_in *from, struct client *c, const uint8_t *m, size_t len)
{
    static uint8_t out[DNS_TCP_MAX];
    const char *target;
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
    enum dns_verdict v = dns_zone_answer(&d->zone, &q, &w, &target);
    if (v == DNS_ANSWERED)
        reply(d, from, c, w.m, w.len);
    else if (len > DNS_UDP_MAX || (v == DNS_FOREIGN && dns_upstream_is_empty(d->upstream)))
        refuse_query(d, from, c, m, len, DNS_REFUSED);
    else if (v == DNS_ALIASED)
        follow(d, from, c, m, len, &q, target);
    else
        forward(d, from, c, m, len, NULL, m, len);
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

/* --- TCP */

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

/* --- starting and stopping */

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
    d->upstream = dns_upstream_new(loop, &o->upstreams);
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
    dns_upstream_free(d->upstream);
    while (d->pending)
        pending_free(d->pending);
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
