/* See backends.h. */
#include "proxy/backends.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

uint8_t backends_protocol(const char *name)
{
    if (!name || !strcmp(name, "TCP"))
        return IPPROTO_TCP;
    return !strcmp(name, "UDP") ? IPPROTO_UDP : !strcmp(name, "SCTP") ? IPPROTO_SCTP : 0;
}

void backends_done(struct backends *b)
{
    free(b->v);
    *b = (struct backends){0};
}

enum state { NOT_READY, SERVING, READY };

static enum state state_of(const struct endpoint *e)
{
    const struct endpoint_conditions *c = e->conditions;
    bool ready = !c || opt_bool_or(c->ready, true);
    if (ready)
        return READY;
    return opt_bool_or(c->terminating, false) && opt_bool_or(c->serving, false) ? SERVING : NOT_READY;
}

static const struct endpoint_port *find_port(const struct endpoint_slice *s, const struct service_port *port)
{
    const char *want = port->name ? port->name : "";
    for (size_t i = 0; i < s->ports.n; i++) {
        const struct endpoint_port *p = &s->ports.v[i];
        if (!strcmp(p->name ? p->name : "", want) &&
            backends_protocol(p->protocol) == backends_protocol(port->protocol) && opt_int_or(p->port, 0))
            return p;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const struct backend *x = a, *y = b;
    uint32_t xi = ntohl(x->ip), yi = ntohl(y->ip);
    return xi != yi ? (xi < yi ? -1 : 1) : (x->port > y->port) - (x->port < y->port);
}

static void add_slice(const struct endpoint_slice *s, uint16_t port, enum state wanted, const char *node_name,
    struct backends *b)
{
    for (size_t i = 0; i < s->endpoints.n; i++) {
        const struct endpoint *e = &s->endpoints.v[i];
        struct in_addr ip;
        if (state_of(e) != wanted || e->addresses.n == 0 || inet_pton(AF_INET, e->addresses.v[0], &ip) != 1)
            continue;
        b->v = mem_realloc(b->v, b->n + 1, sizeof(*b->v));
        b->v[b->n++] = (struct backend){.ip = ip.s_addr,
            .port = port,
            .local = e->node_name && node_name && !strcmp(e->node_name, node_name),
            .endpoint = e};
    }
}

static void add_all(const struct service_port *port, const struct endpoint_slice *const *slices, size_t n,
    const char *node_name, enum state wanted, struct backends *b)
{
    for (size_t i = 0; i < n; i++) {
        if (slices[i]->address_type && strcmp(slices[i]->address_type, "IPv4"))
            continue;
        const struct endpoint_port *p = port ? find_port(slices[i], port) : NULL;
        if (p || !port)
            add_slice(slices[i], p ? (uint16_t)p->port.v : 0, wanted, node_name, b);
    }
}

static void sort(struct backends *b)
{
    size_t kept = 0;
    if (b->n)
        qsort(b->v, b->n, sizeof(*b->v), compare);
    for (size_t i = 0; i < b->n; i++)
        if (!kept || compare(&b->v[kept - 1], &b->v[i]))
            b->v[kept++] = b->v[i];
    b->n = kept;
}

void backends_of(const struct service_port *port, const struct endpoint_slice *const *slices, size_t n,
    const char *node_name, struct backends *ret)
{
    *ret = (struct backends){0};
    add_all(port, slices, n, node_name, READY, ret);
    if (!ret->n)
        add_all(port, slices, n, node_name, SERVING, ret);
    sort(ret);
}
