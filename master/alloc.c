/*
 * Bitmaps of service addresses and node ports. Counts instead of bits would be wrong after a lost event;
 * nothing is lost here, since every durable change of a Service passes alloc_event().
 */
#include "master/alloc.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MS 10000
#define HELD_MAX 4096
#define PORTS (ALLOC_PORT_MAX - ALLOC_PORT_MIN + 1)

enum protocol { TCP, UDP, SCTP, N_PROTOCOLS };

struct held { /* staged, not durable yet */
    int64_t until;
    uint32_t ip; /* offset; 0: a port */
    uint16_t port;
    enum protocol protocol;
};

struct alloc {
    uint32_t base, size; /* first address of the range, how many */
    uint16_t *ips;       /* users of an address: a Service that is replaced may overlap with its successor */
    uint16_t ports[N_PROTOCOLS][PORTS];
    struct held *held;
    size_t n_held;
    char kubernetes_ip[16], dns_ip[16];
    struct registry_watch *watch;
};

static void ip_text(uint32_t ip, char text[16])
{
    struct in_addr a = {.s_addr = htonl(ip)};
    inet_ntop(AF_INET, &a, text, 16);
}

struct err *alloc_new(const char *service_cidr, struct alloc **ret)
{
    char ip[32], *end = NULL;
    struct in_addr a;
    const char *slash = strchr(service_cidr, '/');
    snprintf(ip, sizeof(ip), "%.*s", slash ? (int)(slash - service_cidr) : 0, service_cidr);
    unsigned long prefix = slash ? strtoul(slash + 1, &end, 10) : 0;
    if (!slash || !end || *end || end == slash + 1 || inet_pton(AF_INET, ip, &a) != 1 || prefix < 12 ||
        prefix > 28)
        return err_new(ERR_INVALID, "--service-cidr: \"%s\" is no IPv4 range of /12 to /28", service_cidr);
    struct alloc *m = mem_new(struct alloc);
    m->size = 1u << (32 - prefix);
    m->base = ntohl(a.s_addr) & ~(m->size - 1);
    m->ips = mem_array(m->size, sizeof(*m->ips));
    m->held = mem_array(HELD_MAX, sizeof(*m->held));
    ip_text(m->base + 1, m->kubernetes_ip);
    ip_text(m->base + 10, m->dns_ip);
    *ret = m;
    return NULL;
}

void alloc_free(struct alloc *a)
{
    if (!a)
        return;
    free(a->ips);
    free(a->held);
    free(a);
}

const char *alloc_kubernetes_ip(const struct alloc *a)
{
    return a->kubernetes_ip;
}

const char *alloc_dns_ip(const struct alloc *a)
{
    return a->dns_ip;
}

/* 0: not in the range (the range's own first address is never given away either). */
static uint32_t offset_of(const struct alloc *a, const char *ip)
{
    struct in_addr in;
    if (!ip || inet_pton(AF_INET, ip, &in) != 1)
        return 0;
    uint32_t offset = ntohl(in.s_addr) - a->base;
    return offset < a->size - 1 ? offset : 0;
}

static enum protocol protocol_of(const char *text)
{
    return text && !strcmp(text, "UDP") ? UDP : text && !strcmp(text, "SCTP") ? SCTP : TCP;
}

/* ---- What is stored ---- */

static void count(struct alloc *a, const struct object *o, int by)
{
    auto_arena *arena = arena_new();
    const struct json *spec = json_get(object_tree(arena, o), "spec");
    uint32_t offset = offset_of(a, json_str(json_get(spec, "clusterIP")));
    if (offset)
        a->ips[offset] = (uint16_t)(a->ips[offset] + by);
    json_each_item (p, json_get(spec, "ports")) {
        int64_t port = 0;
        uint16_t *users = a->ports[protocol_of(json_str(json_get(p, "protocol")))];
        if (json_int(json_get(p, "nodePort"), &port) && port >= ALLOC_PORT_MIN && port <= ALLOC_PORT_MAX)
            users[port - ALLOC_PORT_MIN] = (uint16_t)(users[port - ALLOC_PORT_MIN] + by);
    }
    int64_t health = 0;
    if (json_int(json_get(spec, "healthCheckNodePort"), &health) && health >= ALLOC_PORT_MIN &&
        health <= ALLOC_PORT_MAX)
        a->ports[TCP][health - ALLOC_PORT_MIN] = (uint16_t)(a->ports[TCP][health - ALLOC_PORT_MIN] + by);
}

static void on_change(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    if (now)
        count(arg, now, 1);
    if (before)
        count(arg, before, -1);
}

static bool count_existing(void *arg, const struct object *o)
{
    count(arg, o, 1);
    return true;
}

void alloc_follow(struct alloc *a, struct registry *r)
{
    registry_each(r, KIND_SERVICE, NULL, count_existing, a);
    a->watch = registry_watch(r, KIND_SERVICE, on_change, a); /* ends with the registry */
}

/* ---- What is held ---- */

static void forget_old(struct alloc *a)
{
    int64_t now = clock_mono_ms();
    size_t kept = 0;
    for (size_t i = 0; i < a->n_held; i++)
        if (a->held[i].until > now)
            a->held[kept++] = a->held[i];
    a->n_held = kept;
}

static void hold(struct alloc *a, struct held h)
{
    forget_old(a);
    h.until = clock_mono_ms() + HOLD_MS;
    if (a->n_held == HELD_MAX) /* the oldest is durable by now, or never will be */
        memmove(a->held, a->held + 1, --a->n_held * sizeof(*a->held));
    a->held[a->n_held++] = h;
}

static bool is_held(const struct alloc *a, uint32_t ip, int64_t port, enum protocol protocol)
{
    int64_t now = clock_mono_ms();
    for (size_t i = 0; i < a->n_held; i++) {
        const struct held *h = &a->held[i];
        if (h->until > now && h->ip == ip && h->port == port && h->protocol == protocol)
            return true;
    }
    return false;
}

void alloc_hold_ip(struct alloc *a, const char *ip)
{
    hold(a, (struct held){.ip = offset_of(a, ip)});
}

void alloc_hold_port(struct alloc *a, int64_t port, const char *protocol)
{
    hold(a, (struct held){.port = (uint16_t)port, .protocol = protocol_of(protocol)});
}

bool alloc_ip_in_range(const struct alloc *a, const char *ip)
{
    return offset_of(a, ip) != 0;
}

bool alloc_ip_free(const struct alloc *a, const char *ip)
{
    uint32_t offset = offset_of(a, ip);
    return offset && !a->ips[offset] && !is_held(a, offset, 0, TCP);
}

bool alloc_port_free(const struct alloc *a, int64_t port, const char *protocol)
{
    if (port < ALLOC_PORT_MIN || port > ALLOC_PORT_MAX)
        return false;
    enum protocol p = protocol_of(protocol);
    return !a->ports[p][port - ALLOC_PORT_MIN] && !is_held(a, 0, port, p);
}

/* Addresses are drawn at random from behind the first 256 (16 in a small range), which are left to those who
 * ask for one by name; only when nothing is left there, from the beginning. */
bool alloc_choose_ip(struct alloc *a, char ip[16])
{
    uint32_t reserved = a->size > 4096 ? 256 : 16, start;
    tls_random(&start, sizeof(start));
    for (int pass = 0; pass < 2; pass++) {
        uint32_t from = pass ? 1 : reserved, to = pass ? reserved : a->size - 1, n = to - from;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t offset = from + (start + i) % n;
            if (!a->ips[offset] && !is_held(a, offset, 0, TCP)) {
                ip_text(a->base + offset, ip);
                return true;
            }
        }
    }
    return false;
}

bool alloc_choose_port(struct alloc *a, const char *protocol, int64_t *ret)
{
    uint32_t start;
    tls_random(&start, sizeof(start));
    for (uint32_t i = 0; i < PORTS; i++) {
        int64_t port = ALLOC_PORT_MIN + (start % PORTS + i) % PORTS;
        if (alloc_port_free(a, port, protocol)) {
            *ret = port;
            return true;
        }
    }
    return false;
}
