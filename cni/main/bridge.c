/*
 * bridge: connects a container to a bridge of the host with a veth pair; addresses come from the IPAM plugin
 * that the configuration names. The options are in cni/bridge_conf.h.
 *
 * ADD: IPAM first (the container's MAC follows from its address), then the bridge and its address, the pair
 * (made directly in the container's namespace), sysctls before anything is up, address and routes, nftables.
 * Whatever fails, what was done is undone.
 */
#include "cni/bridge_conf.h"
#include "cni/ipam.h"
#include "cni/masquerade.h"
#include "cni/netns.h"
#include "cni/owner.h"
#include "cni/spoofcheck.h"
#include "cni/wire.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <linux/if.h>

struct bridging {
    struct plugin_call *call;
    struct bridge_conf conf;
    struct bridge_net net; /* n 0: a container without addresses (no IPAM) */
    char owner[OWNER_MAX], veth[16];
    int netns;
    struct netlink *host, *inside;
    struct wire *host_wire, *inside_wire;
    struct net_link bridge, port, container;
    bool created; /* the bridge is new */
};

static void bridging_done(struct bridging *b)
{
    netlink_close(b->host);
    netlink_close(b->inside);
    wire_close(b->host_wire);
    wire_close(b->inside_wire);
    fd_cleanup(&b->netns);
}
#define auto_bridging __attribute__((cleanup(bridging_done))) struct bridging

static struct err *begin(struct plugin_call *c, struct bridging *b)
{
    b->call = c;
    TRY(bridge_conf_parse(c, &b->conf));
    owner_of_call(c, b->owner);
    owner_veth(c->network, c->container_id, c->ifname, b->veth);
    return NULL;
}

static struct err *open_sockets(struct bridging *b)
{
    TRY(netlink_open(-1, &b->host));
    TRY(netlink_open(b->netns, &b->inside));
    TRY(wire_open(-1, &b->host_wire));
    return wire_open(b->netns, &b->inside_wire);
}

/* --- the bridge --- */

/* Its MAC follows from its address, so that a bridge that is made again is the same to its neighbours. */
static void bridge_mac(const struct bridging *b, unsigned char mac[6])
{
    if (b->net.n && b->net.ips[0].gateway.family && b->conf.gateway) {
        bridge_conf_mac(&b->net.ips[0].gateway, mac);
        return;
    }
    if (getrandom(mac, 6, 0) != 6)
        memset(mac, 0, 6); /* cannot happen for so few bytes */
    mac[0] = (unsigned char)((mac[0] | 2) & ~1);
}

static struct err *create_bridge(struct bridging *b)
{
    unsigned char mac[6];
    bridge_mac(b, mac);
    wire_bridge(b->host_wire, b->conf.bridge, mac, b->conf.mtu);
    struct err *e = wire_send(b->host_wire);
    if (e && err_kind(e) == ERR_EXISTS) { /* another container's ADD was quicker */
        err_free(e);
        e = NULL;
    }
    b->created = true;
    return err_wrap(e, "bridge %s", b->conf.bridge);
}

static struct err *ensure_bridge(struct bridging *b)
{
    TRY(netlink_link_get(b->host, b->conf.bridge, &b->bridge));
    if (!b->bridge.index) {
        TRY(create_bridge(b));
        TRY(netlink_link_get(b->host, b->conf.bridge, &b->bridge));
    }
    if (!b->bridge.index || strcmp(b->bridge.kind, "bridge"))
        return err_new(
            ERR_CONFLICT, "bridge %s: there is an interface of that name that is no bridge", b->conf.bridge);
    unsigned flags = (b->bridge.up ? 0 : IFF_UP) | (b->conf.promiscuous ? IFF_PROMISC : 0);
    if (flags)
        wire_flags(b->host_wire, b->bridge.index, flags);
    return wire_send(b->host_wire);
}

/* What a container sends must not configure the host: no router advertisements, and no IPv6 where the network
 * has none. */
static struct err *bridge_sysctls(struct bridging *b)
{
    char ra[64], v6[64];
    snprintf(ra, sizeof(ra), "ipv6/conf/%s/accept_ra", b->conf.bridge);
    snprintf(v6, sizeof(v6), "ipv6/conf/%s/disable_ipv6", b->conf.bridge);
    const struct netns_sysctl list[] = {
        {ra, "0", 1}, {b->net.has6 || b->created ? v6 : NULL, b->net.has6 ? "0" : "1", 1}, {0}};
    TRY(netns_sysctls(-1, list));
    if (!b->conf.gateway)
        return NULL;
    const struct netns_sysctl forward4[] = {{"ipv4/ip_forward", "1", 0}, {0}};
    const struct netns_sysctl forward6[] = {{"ipv6/conf/all/forwarding", "1", 0}, {0}};
    if (b->net.has4)
        TRY(netns_sysctls(-1, forward4));
    return b->net.has6 ? netns_sysctls(-1, forward6) : NULL;
}

struct held_addr {
    const struct net_addr *want;
    bool there, other;
    struct net_addr which; /* the other one */
};

static bool same_prefix(const struct net_addr *a, const struct net_addr *b, unsigned prefix)
{
    for (unsigned bit = 0; bit < prefix; bit++)
        if ((a->ip[bit / 8] ^ b->ip[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

static void compare_addr(void *arg, int index, const struct net_addr *a)
{
    struct held_addr *h = arg;
    (void)index;
    if (a->family != h->want->family)
        return;
    unsigned shorter = a->prefix < h->want->prefix ? a->prefix : h->want->prefix;
    if (a->prefix == h->want->prefix && !memcmp(a->ip, h->want->ip, a->family == AF_INET ? 4 : 16))
        h->there = true;
    else if (a->family == AF_INET || same_prefix(a, h->want, shorter)) {
        h->other = true;
        h->which = *a;
    }
}

static struct err *ensure_gateway(struct bridging *b, const struct net_addr *gw)
{
    struct held_addr h = {.want = gw};
    char text[64];
    TRY(netlink_addr_each(b->host, b->bridge.index, compare_addr, &h));
    if (h.there)
        return NULL;
    if (h.other && !b->conf.force_address) {
        net_addr_text(&h.which, true, text);
        return err_new(ERR_CONFLICT, "bridge %s has the address %s already (forceAddress replaces it)",
            b->conf.bridge, text);
    }
    if (h.other)
        wire_addr_delete(b->host_wire, b->bridge.index, &h.which);
    wire_addr(b->host_wire, b->bridge.index, gw, true);
    wire_mac(b->host_wire, b->bridge.index, b->bridge.mac); /* from now on it does not follow its ports */
    struct err *e = wire_send(b->host_wire);
    if (e && err_kind(e) == ERR_EXISTS) {
        err_free(e);
        return NULL;
    }
    net_addr_text(gw, true, text);
    return err_wrap(e, "bridge %s: address %s", b->conf.bridge, text);
}

static struct err *set_up_bridge(struct bridging *b)
{
    TRY(ensure_bridge(b));
    TRY(bridge_sysctls(b));
    for (size_t i = 0; i < b->net.n && b->conf.gateway; i++)
        if (b->net.ips[i].gateway.family)
            TRY(ensure_gateway(b, &b->net.ips[i].gateway));
    return NULL;
}

/* --- the pair --- */

static struct err *create_pair(struct bridging *b)
{
    unsigned char mac[6];
    bool has_mac = b->conf.has_mac;
    memcpy(mac, b->conf.mac, 6);
    if (!has_mac && b->net.has4) {
        size_t i = 0;
        while (b->net.ips[i].address.family != AF_INET)
            i++;
        bridge_conf_mac(&b->net.ips[i].address, mac);
        has_mac = true;
    }
    struct net_link there;
    struct wire_veth v = {
        b->veth, b->call->ifname, b->netns, has_mac ? mac : NULL, b->bridge.index, b->conf.mtu};
    wire_veth(b->host_wire, &v);
    struct err *e = wire_send(b->host_wire);
    if (e && err_kind(e) == ERR_EXISTS) { /* of an earlier namespace of this container: the kernel is slow */
        err_free(e);
        TRY(netlink_link_get(b->host, b->veth, &there));
        if (there.index)
            TRY(netlink_link_delete(b->host, there.index));
        wire_veth(b->host_wire, &v);
        e = wire_send(b->host_wire);
    }
    TRY_WRAP(e, "interface %s", b->call->ifname);
    TRY(netlink_link_get(b->host, b->veth, &b->port));
    return netlink_link_get(b->inside, b->call->ifname, &b->container);
}

static struct err *set_up_port(struct bridging *b)
{
    char v6[64], ra[64];
    snprintf(v6, sizeof(v6), "ipv6/conf/%s/disable_ipv6", b->veth);
    snprintf(ra, sizeof(ra), "ipv6/conf/%s/accept_ra", b->veth);
    const struct netns_sysctl list[] = {{ra, "0", 1}, {v6, "1", 1}, {0}};
    TRY(netns_sysctls(-1, list));
    wire_port(b->host_wire, b->port.index, b->conf.hairpin, b->conf.isolated);
    wire_flags(b->host_wire, b->port.index, IFF_UP);
    return err_wrap(wire_send(b->host_wire), "interface %s", b->veth);
}

static struct err *container_sysctls(struct bridging *b)
{
    char notify[64], redirects[64], v6[64], ra[64], all[] = "ipv4/conf/all/accept_redirects";
    const char *ifname = b->call->ifname;
    snprintf(notify, sizeof(notify), "ipv4/conf/%s/arp_notify", ifname);
    snprintf(redirects, sizeof(redirects), "ipv4/conf/%s/accept_redirects", ifname);
    snprintf(v6, sizeof(v6), "ipv6/conf/%s/disable_ipv6", ifname);
    snprintf(ra, sizeof(ra), "ipv6/conf/%s/accept_ra", ifname);
    /* A redirect would send neighbours to each other past the gateway. */
    const struct netns_sysctl routed[] = {{notify, "1", 1}, {ra, "0", 1}, {v6, b->net.has6 ? "0" : "1", 1},
        {all, "0", 1}, {redirects, "0", 1}, {0}};
    const struct netns_sysctl flat[] = {
        {notify, "1", 1}, {ra, "0", 1}, {v6, b->net.has6 ? "0" : "1", 1}, {0}};
    return netns_sysctls(b->netns, b->conf.via_gateway ? routed : flat);
}

static void add_gateway_routes(struct bridging *b, const struct bridge_ip *ip)
{
    struct wire_route to_gateway = {.dst = ip->gateway}, to_subnet = {.dst = ip->address, .gw = ip->gateway};
    to_gateway.dst.prefix = ip->gateway.family == AF_INET ? 32 : 128;
    for (unsigned bit = to_subnet.dst.prefix; bit < to_gateway.dst.prefix; bit++)
        to_subnet.dst.ip[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
    to_subnet.gw.prefix = 0;
    wire_route(b->inside_wire, b->container.index, &to_gateway);
    wire_route(b->inside_wire, b->container.index, &to_subnet);
}

/* The address comes before the interface is up: the kernel then announces it (arp_notify). */
static struct err *set_up_container(struct bridging *b)
{
    struct wire *w = b->inside_wire;
    bool routed = b->conf.via_gateway;
    TRY(container_sysctls(b));
    for (size_t i = 0; i < b->net.n; i++)
        wire_addr(w, b->container.index, &b->net.ips[i].address, !(routed && b->net.ips[i].gateway.family));
    wire_flags(w, b->container.index, IFF_UP);
    TRY_WRAP(wire_send(w), "interface %s", b->call->ifname);
    for (size_t i = 0; i < b->net.n; i++)
        if (routed && b->net.ips[i].gateway.family)
            add_gateway_routes(b, &b->net.ips[i]);
    for (size_t i = 0; i < b->net.n_routes; i++) {
        wire_route(w, b->container.index, &b->net.routes[i]);
        if (i % 16 == 15)
            TRY(wire_send(w));
    }
    return err_wrap(wire_send(w), "routes of %s", b->call->ifname);
}

/* --- nftables --- */

static void masquerade_of(const struct bridging *b, struct masquerade *m)
{
    struct net_addr *ips = arena_array(b->call->arena, b->net.n, sizeof(*ips));
    for (size_t i = 0; i < b->net.n; i++)
        ips[i] = b->net.ips[i].address;
    *m = (struct masquerade){b->net.n, b->conf.n_inside, ips, b->conf.inside};
}

static struct err *add_rules(struct bridging *b)
{
    struct masquerade m;
    masquerade_of(b, &m);
    if (b->conf.masquerade && m.n_ips)
        TRY(masquerade_add(b->owner, &m));
    return b->conf.mac_spoof_check ? spoofcheck_add(b->owner, b->veth, b->container.mac) : NULL;
}

static struct err *remove_rules(const struct bridging *b)
{
    if (b->conf.masquerade)
        TRY(masquerade_remove(b->owner));
    return b->conf.mac_spoof_check ? spoofcheck_remove(b->owner) : NULL;
}

/* --- ADD --- */

static const char *mac_of(struct bridging *b, const struct net_link *l)
{
    char text[18];
    bridge_conf_mac_text(l->mac, text);
    return arena_strdup(b->call->arena, text);
}

static void make_result(struct bridging *b, struct cni_result *r)
{
    r->interfaces.n = 3;
    r->interfaces.v = arena_array(b->call->arena, 3, sizeof(*r->interfaces.v));
    r->interfaces.v[0] = (struct cni_interface){.name = b->conf.bridge, .mac = mac_of(b, &b->bridge)};
    r->interfaces.v[1] =
        (struct cni_interface){.name = arena_strdup(b->call->arena, b->veth), .mac = mac_of(b, &b->port)};
    r->interfaces.v[2] = (struct cni_interface){
        .name = b->call->ifname, .mac = mac_of(b, &b->container), .sandbox = b->call->netns};
    for (size_t i = 0; i < r->ips.n; i++)
        r->ips.v[i].interface = (struct opt_int){true, 2};
    if (b->conf.dns)
        r->dns = b->conf.dns;
}

static struct err *wire_up(struct bridging *b, struct cni_result *r)
{
    TRY_WRAP(bridge_conf_net(b->call->arena, &b->conf, r, &b->net), "ipam's result");
    TRY(set_up_bridge(b));
    TRY(create_pair(b));
    TRY(set_up_port(b));
    TRY(set_up_container(b));
    TRY(add_rules(b));
    make_result(b, r);
    return NULL;
}

static void undo(struct bridging *b)
{
    auto_err *rules = remove_rules(b);
    if (b->port.index) {
        auto_err *link = netlink_link_delete(b->host, b->port.index);
    }
    if (ipam_is_set(b->call)) {
        auto_err *ipam = ipam_run(b->call, "DEL", NULL);
    }
}

static struct err *add(struct plugin_call *c, struct cni_result *ret)
{
    auto_bridging b = {.netns = -1};
    TRY(begin(c, &b));
    TRY(plugin_open_netns(c, &b.netns));
    TRY(open_sockets(&b));
    /* Before anything is done: undoing must not take an address away from a container that lives. */
    TRY(netlink_link_get(b.inside, c->ifname, &b.container));
    if (b.container.index)
        return err_new(ERR_EXISTS, "interface %s is there already in %s", c->ifname, c->netns);
    if (ipam_is_set(c))
        TRY(ipam_run(c, "ADD", ret));
    struct err *e = wire_up(&b, ret);
    if (e)
        undo(&b);
    return e;
}

/* --- DEL --- */

/* By its name in the container, or by ours on the host. Not there is what was wanted. */
static struct err *delete_pair(struct bridging *b)
{
    struct net_link l = {0};
    if (*b->call->netns) {
        struct err *e = plugin_open_netns(b->call, &b->netns);
        bool gone = e && err_kind(e) == ERR_NOT_FOUND;
        if (e && !gone)
            return e;
        err_free(e);
        if (!gone) {
            TRY(netlink_open(b->netns, &b->inside));
            TRY(netlink_link_get(b->inside, b->call->ifname, &l));
        }
    }
    struct netlink *nl = b->inside;
    if (!l.index) {
        TRY(netlink_open(-1, &b->host));
        TRY(netlink_link_get(b->host, b->veth, &l));
        nl = b->host;
    }
    struct err *e = l.index ? netlink_link_delete(nl, l.index) : NULL;
    if (e && err_errno(e) == ENODEV) {
        err_free(e);
        return NULL;
    }
    return e;
}

static struct err *del(struct plugin_call *c)
{
    auto_bridging b = {.netns = -1};
    TRY(begin(c, &b));
    TRY(delete_pair(&b));
    TRY(remove_rules(&b));
    return ipam_is_set(c) ? ipam_run(c, "DEL", NULL) : NULL;
}

/* --- CHECK --- */

static struct err *find_interfaces(struct bridging *b)
{
    const struct cni_result *r = b->call->prev;
    const struct cni_interface *inside = NULL, *port = NULL;
    for (size_t i = 0; i < r->interfaces.n; i++) {
        const struct cni_interface *f = &r->interfaces.v[i];
        if (f->sandbox && *f->sandbox && f->name && !strcmp(f->name, b->call->ifname))
            inside = f;
        else if (!(f->sandbox && *f->sandbox) && f->name && strcmp(f->name, b->conf.bridge))
            port = f;
    }
    if (!inside || !port)
        return err_new(ERR_INVALID, "prevResult.interfaces: without %s and its host's end", b->call->ifname);
    if (strcmp(inside->sandbox, b->call->netns))
        return err_new(ERR_INVALID, "prevResult.interfaces: %s is in %s, not in %s", inside->name,
            inside->sandbox, b->call->netns);
    TRY(netlink_link_get(b->host, b->conf.bridge, &b->bridge));
    TRY(netlink_link_get(b->host, port->name, &b->port));
    TRY(netlink_link_get(b->inside, inside->name, &b->container));
    if (!b->bridge.index || strcmp(b->bridge.kind, "bridge"))
        return err_new(ERR_NOT_FOUND, "bridge %s: not there", b->conf.bridge);
    if (!b->port.index || b->port.master != b->bridge.index)
        return err_new(ERR_NOT_FOUND, "interface %s: no port of %s", port->name, b->conf.bridge);
    if (!b->container.index)
        return err_new(ERR_NOT_FOUND, "interface %s: not there", inside->name);
    if (!b->container.up || !b->port.up)
        return err_new(ERR_CONFLICT, "interface %s: down", b->container.up ? port->name : inside->name);
    if (inside->mac && strcasecmp(inside->mac, mac_of(b, &b->container)))
        return err_new(ERR_CONFLICT, "interface %s: MAC %s is not %s", inside->name, mac_of(b, &b->container),
            inside->mac);
    return NULL;
}

static struct err *check_addresses(struct bridging *b)
{
    for (size_t i = 0; i < b->net.n; i++) {
        struct held_addr h = {.want = &b->net.ips[i].address};
        TRY(netlink_addr_each(b->inside, b->container.index, compare_addr, &h));
        if (!h.there)
            return err_new(ERR_CONFLICT, "interface %s: has not got the address %s", b->call->ifname,
                b->call->prev->ips.v[i].address);
    }
    for (size_t i = 0; i < b->net.n_routes; i++) {
        bool there;
        TRY(wire_has_route(b->inside_wire, b->container.index, &b->net.routes[i], &there));
        if (!there)
            return err_new(ERR_CONFLICT, "interface %s: has not got the route to %s", b->call->ifname,
                b->call->prev->routes.v[i].dst);
    }
    return NULL;
}

static struct err *check(struct plugin_call *c)
{
    auto_bridging b = {.netns = -1};
    TRY(begin(c, &b));
    if (ipam_is_set(c))
        TRY(ipam_run(c, "CHECK", NULL));
    TRY(plugin_open_netns(c, &b.netns));
    TRY(open_sockets(&b));
    TRY(find_interfaces(&b));
    struct bridge_conf plain = {.bridge = b.conf.bridge}; /* the result as it is: nothing is filled in */
    struct cni_result prev = *c->prev;
    TRY_WRAP(bridge_conf_net(c->arena, &plain, &prev, &b.net), "prevResult");
    TRY(check_addresses(&b));
    struct masquerade m;
    masquerade_of(&b, &m);
    if (b.conf.masquerade && m.n_ips)
        TRY(masquerade_check(b.owner, &m));
    return b.conf.mac_spoof_check ? spoofcheck_check(b.owner, b.port.name, b.container.mac) : NULL;
}

/* --- GC, STATUS --- */

static struct err *gc(struct plugin_call *c)
{
    TRY(masquerade_remove_invalid(c));
    TRY(spoofcheck_remove_invalid(c));
    return ipam_is_set(c) ? ipam_run(c, "GC", NULL) : NULL;
}

static struct err *status(struct plugin_call *c)
{
    struct bridge_conf conf;
    TRY(bridge_conf_parse(c, &conf));
    return ipam_is_set(c) ? ipam_run(c, "STATUS", NULL) : NULL;
}

int main(void)
{
    static const char *const args[] = {"MAC", "IP", NULL};
    static const struct plugin p = {
        .name = "bridge", .args = args, .add = add, .del = del, .check = check, .gc = gc, .status = status};
    return plugin_main(&p);
}
