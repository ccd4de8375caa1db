/* See dns_upstream.h. */
#include "proxy/dns_upstream.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include "proxy/dns_message.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORT = 53,
    ASKED_MAX = 256,  /* questions under way */
    ANSWER_MS = 2000, /* one server's time, for each of UDP and TCP */
};

struct asked {
    struct dns_upstream *up;
    dns_upstream_fn *fn;
    void *arg;
    bool whole;
    int fd;
    struct watch *watch;
    struct timer *timer;
    size_t server, tries; /* the one that is asked now; how many were */
    uint16_t id;
    size_t len;
    uint8_t frame[2 + DNS_UDP_MAX]; /* TCP's length, then the query */
    uint8_t *stream;                /* what came over TCP; NULL: UDP */
    size_t have;
    struct asked *next;
};
struct dns_upstream {
    uv_loop_t *loop;
    struct in_addr servers[DNS_UPSTREAMS];
    size_t n_servers, n_asked;
    struct asked *asked;
};

static uint8_t *query_of(struct asked *a)
{
    return a->frame + 2;
}

static void hang_up(struct asked *a)
{
    watch_free(take_ptr(a->watch));
    if (a->fd >= 0)
        close(take_fd(a->fd));
    free(take_ptr(a->stream));
    a->have = 0;
}

static void asked_free(struct asked *a)
{
    for (struct asked **at = &a->up->asked; *at; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            a->up->n_asked--;
            break;
        }
    hang_up(a);
    timer_free(a->timer);
    free(a);
}

static void finish(struct asked *a, uint8_t *m, size_t len)
{
    a->fn(a->arg, m, len);
    asked_free(a);
}

static bool is_answer(const struct asked *a, const uint8_t *m, size_t len)
{
    return len >= 12 && m[0] == a->id >> 8 && m[1] == (a->id & 0xff) && (m[2] & 0x80);
}

/* Connects and watches. UDP: says the query. */
static bool connect_to(struct asked *a, int type, watch_fn *fn, int events)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = a->up->servers[a->server]};
    hang_up(a);
    a->fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0 || (connect(a->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
        return false;
    a->watch = watch_new(a->up->loop, a->fd, fn, a);
    watch_set(a->watch, events);
    timer_start(a->timer, ANSWER_MS);
    return true;
}

static void ask_next(struct asked *a);

/* --- TCP (RFC 7766) */

static void on_stream(void *arg, int events)
{
    struct asked *a = arg;
    if (events & UV_WRITABLE) { /* connected; so few bytes fit into any socket's buffer at once */
        size_t n = a->len + 2;
        if (send(a->fd, a->frame, n, MSG_NOSIGNAL) != (ssize_t)n)
            ask_next(a);
        else
            watch_set(a->watch, UV_READABLE);
        return;
    }
    ssize_t n = recv(a->fd, a->stream + a->have, 2 + DNS_TCP_MAX - a->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        ask_next(a);
        return;
    }
    a->have += (size_t)n;
    size_t len = a->have < 2 ? SIZE_MAX : (size_t)a->stream[0] << 8 | a->stream[1];
    if (a->have < 2 || a->have - 2 < len)
        return;
    if (is_answer(a, a->stream + 2, len))
        finish(a, a->stream + 2, len);
    else
        ask_next(a);
}

static bool ask_whole(struct asked *a)
{
    if (!connect_to(a, SOCK_STREAM, on_stream, UV_WRITABLE))
        return false;
    a->stream = mem_array(2 + DNS_TCP_MAX, 1);
    return true;
}

/* --- UDP */

static void on_datagram(void *arg, int events)
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
    if (!is_answer(a, m, (size_t)n))
        return;
    if (!a->whole || !dns_is_truncated(m))
        finish(a, m, (size_t)n);
    else if (!ask_whole(a))
        ask_next(a);
}

static bool ask(struct asked *a)
{
    tls_random(&a->id, sizeof(a->id));
    query_of(a)[0] = (uint8_t)(a->id >> 8);
    query_of(a)[1] = (uint8_t)a->id;
    return connect_to(a, SOCK_DGRAM, on_datagram, UV_READABLE) &&
           send(a->fd, query_of(a), a->len, 0) == (ssize_t)a->len;
}

static void ask_next(struct asked *a)
{
    while (a->tries < a->up->n_servers) {
        a->server = a->tries++;
        if (ask(a))
            return;
    }
    finish(a, NULL, 0);
}

/* A server that is slow with the whole of its answer has had its time, too. */
static void on_silence(void *arg)
{
    ask_next(arg);
}

bool dns_upstream_ask(
    struct dns_upstream *u, const uint8_t *query, size_t len, bool whole, dns_upstream_fn *fn, void *arg)
{
    if (u->n_asked >= ASKED_MAX || len > DNS_UDP_MAX)
        return false;
    struct asked *a = mem_new(struct asked);
    *a =
        (struct asked){.up = u, .fn = fn, .arg = arg, .whole = whole, .fd = -1, .len = len, .next = u->asked};
    a->frame[0] = (uint8_t)(len >> 8);
    a->frame[1] = (uint8_t)len;
    memcpy(query_of(a), query, len);
    a->timer = timer_new(u->loop, on_silence, a);
    u->asked = a;
    u->n_asked++;
    ask_next(a);
    return true;
}

bool dns_upstream_is_empty(const struct dns_upstream *u)
{
    return u->n_servers == 0;
}

struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const struct str_list *addresses)
{
    struct dns_upstream *u = mem_new(struct dns_upstream);
    *u = (struct dns_upstream){.loop = loop};
    for (size_t i = 0; i < addresses->n && u->n_servers < DNS_UPSTREAMS; i++)
        if (inet_pton(AF_INET, addresses->v[i], &u->servers[u->n_servers]) == 1)
            u->n_servers++;
    return u;
}

void dns_upstream_free(struct dns_upstream *u)
{
    if (!u)
        return;
    while (u->asked)
        asked_free(u->asked);
    free(u);
}
