/* See plan.h. */
#include "proxy/plan.h"
#include "proxy/backends.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AFFINITY_SECONDS = 10800, DNS_PORT = 53 };

/* --- elements --- */

static void put(uint8_t *at, uint8_t *len, const void *part, size_t n)
{
    memcpy(at + *len, part, n);
    *len += (uint8_t)((n + 3) & ~(size_t)3);
}

void plan_add(struct plan *p, const struct plan_elem *e)
{
    if ((p->n & (p->n - 1)) == 0) /* 0, 1, 2, 4, ...: the array doubles */
        p->v = mem_realloc(p->v, p->n ? p->n * 2 : 1, sizeof(*p->v));
    p->v[p->n++] = *e;
}

void plan_done(struct plan *p)
{
    free(p->v);
    *p = (struct plan){0};
}

int plan_compare(const struct plan_elem *a, const struct plan_elem *b)
{
    if (a->set != b->set)
        return a->set < b->set ? -1 : 1;
    if (a->key_len != b->key_len)
        return a->key_len < b->key_len ? -1 : 1;
    return memcmp(a->key, b->key, a->key_len);
}

static int compare(const void *a, const void *b)
{
    return plan_compare(a, b);
}

/* Of two elements with one key (a port given twice) the first stays. */
void plan_finish(struct plan *p)
{
    size_t kept = 0;
    if (p->n)
        qsort(p->v, p->n, sizeof(*p->v), compare);
    for (size_t i = 0; i < p->n; i++)
        if (!kept || plan_compare(&p->v[kept - 1], &p->v[i]))
            p->v[kept++] = p->v[i];
    p->n = kept;
}

/* --- one port --- */

struct front {
    uint32_t ip; /* 0: a node port */
    uint8_t protocol;
    uint16_t port; /* network byte order */
};

static struct plan_elem elem(enum plan_set set, const struct front *f)
{
    struct plan_elem e = {.set = set};
    put(e.key, &e.key_len, &f->ip, 4);
    put(e.key, &e.key_len, &f->protocol, 1);
    put(e.key, &e.key_len, &f->port, 2);
    return e;
}

static void put_endpoint(uint8_t *at, uint8_t *len, const struct backend *b)
{
    uint16_t port = htons(b->port);
    put(at, len, &b->ip, 4);
    put(at, len, &port, 2);
}

static void add_front(struct plan *p, const struct front *f, const struct backends *b, uint32_t affinity)
{
    struct plan_elem e = elem(PLAN_SERVICES, f);
    struct plan_verdict v = {(uint32_t)b->n, affinity ? 1 : 0, f->ip == 0};
    put(e.data, &e.data_len, &v, sizeof(v));
    plan_add(p, &e);
    for (uint32_t i = 0; i < b->n; i++) {
        e = elem(PLAN_ENDPOINTS, f);
        put(e.key, &e.key_len, &i, 4);
        put_endpoint(e.data, &e.data_len, &b->v[i]);
        plan_add(p, &e);
    }
    if (!affinity)
        return;
    e = elem(PLAN_LEARN, f);
    v = (struct plan_verdict){0, affinity, 0};
    put(e.data, &e.data_len, &v, sizeof(v));
    plan_add(p, &e);
}

/* An endpoint here may be its own client; one elsewhere must answer by way of us to who came from outside. */
static void add_places(struct plan *p, const struct backends *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct plan_elem e = {.set = b->v[i].local ? PLAN_HAIRPIN : PLAN_REMOTE};
        put(e.key, &e.key_len, &b->v[i].ip, 4);
        if (b->v[i].local)
            put(e.key, &e.key_len, &b->v[i].ip, 4);
        plan_add(p, &e);
    }
}

static struct backends local_part(const struct backends *b, struct backend *room)
{
    struct backends l = {0, room};
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].local)
            l.v[l.n++] = b->v[i];
    return l;
}

struct context {
    const struct service_spec *spec;
    uint32_t cluster_ip, affinity;
    bool internal_local, external_local;
};

/* One way in: cluster IP or node port. Without any endpoint it is rejected, without one here (where the
 * policy asks for it) dropped: elsewhere it works. */
static void add_way(struct plan *p, const struct front *f, const struct backends *all,
    const struct backends *local, bool only_local, uint32_t affinity)
{
    const struct backends *use = only_local ? local : all;
    if (use->n) {
        add_front(p, f, use, affinity);
        return;
    }
    struct plan_elem e = elem(all->n ? PLAN_DROPS : PLAN_REJECTS, f);
    if (all->n || !f->ip)
        plan_add(p, &e);
}

static void add_port(struct plan *p, const struct context *c, const struct service_port *port,
    const struct endpoint_slice *const *slices, size_t n_slices, const char *node_name)
{
    struct front f = {c->cluster_ip, backends_protocol(port->protocol), htons((uint16_t)port->port.v)};
    if (!f.protocol || !port->port.set)
        return;
    struct backends all;
    backends_of(port, slices, n_slices, node_name, &all);
    auto_free struct backend *room = mem_array(all.n + 1, sizeof(*room));
    struct backends local = local_part(&all, room);
    add_way(p, &f, &all, &local, c->internal_local, c->affinity);
    int64_t node_port = opt_int_or(port->node_port, 0);
    if (node_port) {
        struct front n = {0, f.protocol, htons((uint16_t)node_port)};
        add_way(p, &n, &all, &local, c->external_local, c->affinity);
    }
    add_places(p, &all);
    backends_done(&all);
}

static bool is(const char *value, const char *wanted)
{
    return value && !strcmp(value, wanted);
}

static uint32_t affinity_of(const struct service_spec *s)
{
    if (!is(s->session_affinity, "ClientIP"))
        return 0;
    const struct service_affinity_config *c = s->session_affinity_config;
    return (uint32_t)(c && c->client_ip ? opt_int_or(c->client_ip->timeout_seconds, AFFINITY_SECONDS)
                                        : AFFINITY_SECONDS);
}

void plan_service(const struct service *service, const struct endpoint_slice *const *slices, size_t n_slices,
    const char *node_name, struct plan *ret)
{
    struct in_addr ip;
    const struct service_spec *s = service ? service->spec : NULL;
    *ret = (struct plan){0};
    if (!s || is(s->type, "ExternalName") || !s->cluster_ip || inet_pton(AF_INET, s->cluster_ip, &ip) != 1 ||
        !ip.s_addr)
        return;
    struct context c = {s, ip.s_addr, affinity_of(s), is(s->internal_traffic_policy, "Local"),
        is(s->external_traffic_policy, "Local")};
    struct plan_elem e = {.set = PLAN_CLUSTER_IPS};
    put(e.key, &e.key_len, &ip.s_addr, 4);
    plan_add(ret, &e);
    for (size_t i = 0; i < s->ports.n; i++)
        add_port(ret, &c, &s->ports.v[i], slices, n_slices, node_name);
    plan_finish(ret);
}

/* --- the node --- */

static void add_net(struct plan *p, const char *cidr)
{
    char text[32];
    struct in_addr ip;
    const char *slash = cidr ? strchr(cidr, '/') : NULL;
    if (!slash || (size_t)(slash - cidr) >= sizeof(text))
        return;
    snprintf(text, sizeof(text), "%.*s", (int)(slash - cidr), cidr);
    unsigned prefix = (unsigned)atoi(slash + 1);
    if (inet_pton(AF_INET, text, &ip) != 1 || prefix < 1 || prefix > 32)
        return;
    uint32_t host = prefix == 32 ? 0 : 0xffffffffU >> prefix;
    uint32_t first = ip.s_addr & ~htonl(host), last = first | htonl(host), any = 0, all = 0xffffffff;
    struct plan_elem e = {.set = PLAN_LOCAL_NETS};
    put(e.key, &e.key_len, &first, 4);
    put(e.key, &e.key_len, &any, 4);
    put(e.key, &e.key_len, &last, 4);
    put(e.key, &e.key_len, &all, 4);
    plan_add(p, &e);
}

void plan_node(const char *pod_cidr, const char *dns_ip, struct plan *ret)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    struct in_addr ip;
    *ret = (struct plan){0};
    add_net(ret, pod_cidr);
    if (dns_ip && inet_pton(AF_INET, dns_ip, &ip) == 1) {
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
            struct front f = {ip.s_addr, protocols[i], htons(DNS_PORT)};
            struct plan_elem e = elem(PLAN_DNS, &f);
            plan_add(ret, &e);
        }
    }
    plan_finish(ret);
}

/* --- chains --- */

void plan_chain_name(const struct plan_verdict *v, char ret[PLAN_CHAIN_MAX])
{
    const char *node = v->node ? "node_" : "";
    if (!v->endpoints)
        snprintf(ret, PLAN_CHAIN_MAX, "learn_%us", v->affinity_seconds);
    else
        snprintf(ret, PLAN_CHAIN_MAX, "%s%s_%u", node, v->affinity_seconds ? "sticky" : "pick", v->endpoints);
}

bool plan_chain_parse(const char *name, struct plan_verdict *ret)
{
    struct plan_verdict v = {0};
    char again[PLAN_CHAIN_MAX];
    v.node = !strncmp(name, "node_", 5);
    const char *s = name + (v.node ? 5 : 0);
    if (sscanf(s, "sticky_%u", &v.endpoints) == 1)
        v.affinity_seconds = 1;
    else if (sscanf(s, "learn_%us", &v.affinity_seconds) != 1 && sscanf(s, "pick_%u", &v.endpoints) != 1)
        return false;
    plan_chain_name(&v, again);
    *ret = v;
    return !strcmp(again, name);
}

/* --- affinity --- */

bool plan_has_endpoint(const struct plan *p, const uint8_t way[12], const uint8_t endpoint[8])
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].set == PLAN_ENDPOINTS && !memcmp(p->v[i].key, way, 12) &&
            !memcmp(p->v[i].data, endpoint, 8))
            return true;
    return false;
}

bool plan_has_affinity(const struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].set == PLAN_LEARN)
            return true;
    return false;
}

/* --- flows --- */

static bool is_udp_endpoint(const struct plan_elem *e)
{
    return e->set == PLAN_ENDPOINTS && e->key[4] == IPPROTO_UDP;
}

/* The elements of one front lie together: same address, protocol and port. */
static bool same_front(const struct plan_elem *a, const struct plan_elem *b)
{
    return a->set == b->set && !memcmp(a->key, b->key, 12);
}

static bool has_endpoint(const struct plan *p, const struct plan_elem *e, bool any)
{
    for (size_t i = 0; i < p->n; i++)
        if (same_front(&p->v[i], e) && (any || !memcmp(p->v[i].data, e->data, e->data_len)))
            return true;
    return false;
}

static struct plan_flow flow_of(const struct plan_elem *e, bool with_endpoint)
{
    struct plan_flow f = {0};
    memcpy(&f.ip, e->key, 4);
    memcpy(&f.port, e->key + 8, 2);
    if (with_endpoint) {
        memcpy(&f.endpoint_ip, e->data, 4);
        memcpy(&f.endpoint_port, e->data + 4, 2);
    }
    return f;
}

void plan_stale_flows(const struct plan *before, const struct plan *after, plan_flow_fn *fn, void *arg)
{
    for (size_t i = 0; i < before->n; i++) {
        const struct plan_elem *e = &before->v[i];
        if (is_udp_endpoint(e) && !has_endpoint(after, e, false)) {
            struct plan_flow f = flow_of(e, true);
            fn(arg, &f);
        }
    }
    for (size_t i = 0; i < after->n; i++) {
        const struct plan_elem *e = &after->v[i];
        if (is_udp_endpoint(e) && (i == 0 || !same_front(e, &after->v[i - 1])) &&
            !has_endpoint(before, e, true)) {
            struct plan_flow f = flow_of(e, false);
            fn(arg, &f);
        }
    }
}
