/*
 * loopback: brings up lo of a container. As the first of a chain its result is lo with its addresses, else
 * the previous one.
 */
#include "cni/plugin.h"
#include "lib/netlink.h"
#include <string.h>

struct found {
    struct arena *arena;
    struct cni_result *r;
    struct err *e;
};

static void add_address(void *arg, int index, const struct net_addr *a)
{
    struct found *f = arg;
    (void)index;
    char text[64];
    net_addr_text(a, true, text);
    bool loopback = a->family == AF_INET ? a->ip[0] == 127 : !strncmp(text, "::1/", 4);
    if (!loopback && !f->e)
        f->e = err_new(ERR_CONFLICT, "lo has the address %s", text);
    for (size_t i = 0; i < f->r->ips.n; i++) /* one of each family */
        if (!strchr(f->r->ips.v[i].address, ':') == (a->family == AF_INET))
            return;
    if (f->r->ips.n < 2)
        f->r->ips.v[f->r->ips.n++] =
            (struct cni_ip){.interface = {true, 0}, .address = arena_strdup(f->arena, text)};
}

static struct err *open_lo(const struct plugin_call *c, struct netlink **ret, struct net_link *lo)
{
    auto_close netns = -1;
    TRY(plugin_open_netns(c, &netns));
    TRY(netlink_open(netns, ret));
    struct err *e = netlink_link_get(*ret, "lo", lo);
    if (!e && !lo->index)
        e = err_new(ERR_NOT_FOUND, "no interface lo");
    if (e)
        netlink_close(*ret);
    return e;
}

static struct err *add(struct plugin_call *c, struct cni_result *ret)
{
    struct netlink *nl;
    struct net_link lo;
    struct cni_result r = {0};
    r.interfaces.n = 1;
    r.interfaces.v = arena_new_obj(c->arena, struct cni_interface);
    r.interfaces.v[0] = (struct cni_interface){.name = "lo", .mac = "00:00:00:00:00:00", .sandbox = c->netns};
    r.ips.v = arena_array(c->arena, 2, sizeof(*r.ips.v));
    struct found f = {c->arena, &r, NULL};
    TRY(open_lo(c, &nl, &lo));
    struct err *e = lo.up ? NULL : netlink_link_up(nl, lo.index, true);
    if (!e)
        e = netlink_addr_each(nl, lo.index, add_address, &f);
    netlink_close(nl);
    if (e || f.e) {
        err_free(e ? f.e : NULL);
        return e ? e : f.e;
    }
    *ret = c->prev ? *c->prev : r;
    return NULL;
}

static struct err *del(struct plugin_call *c)
{
    struct netlink *nl;
    struct net_link lo;
    if (!*c->netns)
        return NULL;
    struct err *e = open_lo(c, &nl, &lo);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL; /* the namespace is gone, and lo with it */
    }
    TRY(e);
    e = netlink_link_up(nl, lo.index, false);
    netlink_close(nl);
    return e;
}

static struct err *check(struct plugin_call *c)
{
    struct netlink *nl;
    struct net_link lo;
    TRY(open_lo(c, &nl, &lo));
    netlink_close(nl);
    return lo.up ? NULL : err_new(ERR_CONFLICT, "lo is down");
}

int main(void)
{
    static const struct plugin p = {.name = "loopback", .add = add, .del = del, .check = check};
    return plugin_main(&p);
}
