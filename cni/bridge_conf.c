/* See bridge_conf.h. */
#include "cni/bridge_conf.h"
#include <stdio.h>
#include <string.h>

struct conf_text {
    const char *bridge, *masq_backend;
    struct opt_bool gateway, default_gateway, force_address, masq, hairpin, promisc, spoof, isolation,
        via_gateway, no_interface;
    struct opt_int mtu, vlan;
    struct str_list inside;
    const struct json *vlan_trunk;
    struct cni_dns *dns;
};
static FIELDS_DEFINE(conf_fields, conf_text, FIELD(conf_text, bridge, "bridge", FIELD_STR),
    FIELD(conf_text, masq_backend, "ipMasqBackend", FIELD_STR),
    FIELD(conf_text, gateway, "isGateway", FIELD_BOOL),
    FIELD(conf_text, default_gateway, "isDefaultGateway", FIELD_BOOL),
    FIELD(conf_text, force_address, "forceAddress", FIELD_BOOL), FIELD(conf_text, masq, "ipMasq", FIELD_BOOL),
    FIELD(conf_text, hairpin, "hairpinMode", FIELD_BOOL),
    FIELD(conf_text, promisc, "promiscMode", FIELD_BOOL), FIELD(conf_text, spoof, "macspoofchk", FIELD_BOOL),
    FIELD(conf_text, isolation, "portIsolation", FIELD_BOOL),
    FIELD(conf_text, via_gateway, "viaGateway", FIELD_BOOL),
    FIELD(conf_text, no_interface, "disableContainerInterface", FIELD_BOOL),
    {"mtu", FIELD_INT, offsetof(struct conf_text, mtu), .max = 65535},
    {"vlan", FIELD_INT, offsetof(struct conf_text, vlan), .max = 4094},
    FIELD(conf_text, inside, "nonMasqueradeCIDRs", FIELD_STRS),
    FIELD(conf_text, vlan_trunk, "vlanTrunk", FIELD_JSON),
    FIELD_OF(conf_text, dns, "dns", FIELD_STRUCT, &cni_dns_fields));

static struct err *refuse(const struct conf_text *t)
{
    if (opt_int_or(t->vlan, 0) || (t->vlan_trunk && t->vlan_trunk->n))
        return err_new(ERR_UNSUPPORTED, "vlan, vlanTrunk: VLANs are not supported");
    if (opt_bool_or(t->no_interface, false))
        return err_new(ERR_UNSUPPORTED, "disableContainerInterface: not supported");
    if (t->masq_backend && *t->masq_backend && strcmp(t->masq_backend, "nftables"))
        return err_new(ERR_UNSUPPORTED, "ipMasqBackend: %s: only nftables is there", t->masq_backend);
    if (opt_bool_or(t->hairpin, false) && opt_bool_or(t->promisc, false))
        return err_new(ERR_INVALID, "hairpinMode and promiscMode: only one of them can be on");
    if (t->bridge && (!*t->bridge || strlen(t->bridge) > 15 || strpbrk(t->bridge, "/: \t\n") ||
                         !strcmp(t->bridge, ".") || !strcmp(t->bridge, "..")))
        return err_new(ERR_INVALID, "bridge: %s: not a name of an interface", t->bridge);
    return NULL;
}

bool bridge_conf_parse_mac(const char *text, unsigned char mac[6])
{
    int end = 0;
    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
               &mac[5], &end) == 6 &&
           text[end] == 0 && !(mac[0] & 1);
}

void bridge_conf_mac_text(const unsigned char mac[6], char text[18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void bridge_conf_mac(const struct net_addr *ip, unsigned char mac[6])
{
    mac[0] = 0x0a;
    mac[1] = 0x58;
    memcpy(mac + 2, ip->ip + (ip->family == AF_INET ? 0 : 12), 4);
}

/* The last one counts: CNI_ARGS, args.cni, runtimeConfig. */
static struct err *parse_mac(const struct plugin_call *c, struct bridge_conf *ret)
{
    const char *from[] = {str_map_get(&c->args, "MAC"),
        json_str(json_at(c->config, "args", "cni", "mac", NULL)),
        json_str(json_at(c->config, "runtimeConfig", "mac", NULL))};
    for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
        if (!from[i] || !*from[i])
            continue;
        if (!bridge_conf_parse_mac(from[i], ret->mac))
            return err_new(ERR_INVALID, "mac: %s: not the MAC address of an interface", from[i]);
        ret->has_mac = true;
    }
    return NULL;
}

/* The prefix only: bits beyond it are cleared. */
static void to_network(struct net_addr *a)
{
    for (unsigned bit = a->prefix; bit < (a->family == AF_INET ? 32U : 128U); bit++)
        a->ip[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

struct err *bridge_conf_parse(const struct plugin_call *c, struct bridge_conf *ret)
{
    struct conf_text t;
    TRY(fields_decode(&conf_fields, c->arena, c->config, &t));
    TRY(refuse(&t));
    *ret = (struct bridge_conf){.bridge = t.bridge ? t.bridge : "cni0",
        .default_gateway = opt_bool_or(t.default_gateway, false),
        .gateway = opt_bool_or(t.gateway, false) || opt_bool_or(t.default_gateway, false),
        .force_address = opt_bool_or(t.force_address, false),
        .masquerade = opt_bool_or(t.masq, false),
        .hairpin = opt_bool_or(t.hairpin, false) || opt_bool_or(t.via_gateway, false),
        .promiscuous = opt_bool_or(t.promisc, false),
        .mac_spoof_check = opt_bool_or(t.spoof, false),
        .via_gateway = opt_bool_or(t.via_gateway, false),
        .isolated = opt_bool_or(t.isolation, false),
        .mtu = (unsigned)opt_int_or(t.mtu, 0),
        .dns = t.dns};
    if (ret->via_gateway && !ret->gateway)
        return err_new(ERR_INVALID, "viaGateway: needs isGateway");
    ret->inside = arena_array(c->arena, t.inside.n, sizeof(*ret->inside));
    for (size_t i = 0; i < t.inside.n; i++) {
        TRY_WRAP(net_addr_parse(t.inside.v[i], &ret->inside[i]), "nonMasqueradeCIDRs[%zu]", i);
        to_network(&ret->inside[i]);
        ret->n_inside++;
    }
    return parse_mac(c, ret);
}

/* --- the IPAM's result --- */

static void first_address(const struct net_addr *ip, struct net_addr *ret)
{
    *ret = *ip;
    to_network(ret);
    for (size_t i = ip->family == AF_INET ? 4 : 16; i > 0 && ++ret->ip[i - 1] == 0; i--)
        ;
}

static struct err *read_ip(
    struct arena *a, const struct bridge_conf *conf, struct cni_ip *ip, struct bridge_ip *ret)
{
    char text[64];
    TRY_WRAP(net_addr_parse(ip->address, &ret->address), "address");
    if (ip->gateway && *ip->gateway)
        TRY_WRAP(net_addr_parse(ip->gateway, &ret->gateway), "gateway");
    else if (conf->gateway)
        first_address(&ret->address, &ret->gateway);
    if (!ret->gateway.family)
        return NULL;
    if (ret->gateway.family != ret->address.family)
        return err_new(ERR_INVALID, "gateway: %s: of another family than %s", ip->gateway, ip->address);
    ret->gateway.prefix = ret->address.prefix;
    net_addr_text(&ret->gateway, false, text);
    ip->gateway = arena_strdup(a, text);
    return NULL;
}

static const struct net_addr *gateway_of(const struct bridge_net *net, int family)
{
    for (size_t i = 0; i < net->n; i++)
        if (net->ips[i].address.family == family && net->ips[i].gateway.family)
            return &net->ips[i].gateway;
    return NULL;
}

static struct err *read_route(const struct bridge_net *net, const struct cni_route *r, struct wire_route *ret)
{
    *ret = (struct wire_route){.mtu = (unsigned)opt_int_or(r->mtu, 0),
        .advmss = (unsigned)opt_int_or(r->advmss, 0),
        .priority = (unsigned)opt_int_or(r->priority, 0),
        .table = (unsigned)opt_int_or(r->table, 0),
        .scope = (unsigned)opt_int_or(r->scope, 0)};
    if (!r->dst)
        return err_new(ERR_INVALID, "dst: missing");
    TRY_WRAP(net_addr_parse(r->dst, &ret->dst), "dst");
    to_network(&ret->dst);
    const struct net_addr *gw = gateway_of(net, ret->dst.family);
    if (r->gw && *r->gw)
        TRY_WRAP(net_addr_parse(r->gw, &ret->gw), "gw");
    else if (gw && ret->scope == 0)
        ret->gw = *gw;
    if (ret->gw.family && ret->gw.family != ret->dst.family)
        return err_new(ERR_INVALID, "gw: %s: of another family than %s", r->gw, r->dst);
    return NULL;
}

/* A default route of each family, unless the IPAM says the same; another one would make the option
 * ineffective. */
static struct err *add_defaults(struct arena *a, const struct bridge_net *net, struct cni_result *r)
{
    struct cni_route *v = arena_array(a, r->routes.n + net->n, sizeof(*v));
    for (size_t i = 0; i < r->routes.n; i++)
        v[i] = r->routes.v[i];
    r->routes.v = v;
    for (size_t i = 0; i < net->n; i++) {
        int family = net->ips[i].address.family;
        const char *dst = family == AF_INET ? "0.0.0.0/0" : "::/0", *gw = r->ips.v[i].gateway;
        for (size_t k = 0; k < r->routes.n; k++)
            if (!strcmp(v[k].dst ? v[k].dst : "", dst) && v[k].gw && gw && strcmp(v[k].gw, gw))
                return err_new(ERR_INVALID,
                    "isDefaultGateway: ineffective: the IPAM sets a default route via %s", v[k].gw);
        if (gateway_of(net, family) == &net->ips[i].gateway)
            v[r->routes.n++] = (struct cni_route){.dst = dst, .gw = gw};
    }
    return NULL;
}

struct err *bridge_conf_net(
    struct arena *a, const struct bridge_conf *conf, struct cni_result *r, struct bridge_net *ret)
{
    struct bridge_net net = {.ips = arena_array(a, r->ips.n, sizeof(*net.ips))};
    for (; net.n < r->ips.n; net.n++) {
        TRY_WRAP(read_ip(a, conf, &r->ips.v[net.n], &net.ips[net.n]), "ips[%zu]", net.n);
        net.has4 |= net.ips[net.n].address.family == AF_INET;
        net.has6 |= net.ips[net.n].address.family == AF_INET6;
    }
    if (conf->default_gateway)
        TRY(add_defaults(a, &net, r));
    net.routes = arena_array(a, r->routes.n, sizeof(*net.routes));
    for (; net.n_routes < r->routes.n; net.n_routes++)
        TRY_WRAP(read_route(&net, &r->routes.v[net.n_routes], &net.routes[net.n_routes]), "routes[%zu]",
            net.n_routes);
    *ret = net;
    return NULL;
}
