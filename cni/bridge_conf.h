/* The configuration of the bridge plugin, read and checked; no system call. */
#ifndef WHERRY_CNI_BRIDGE_CONF_H
#define WHERRY_CNI_BRIDGE_CONF_H

#include "cni/plugin.h"
#include "cni/wire.h"

struct bridge_conf {
    const char *bridge; /* "cni0" */
    bool gateway, default_gateway, force_address, masquerade, hairpin, promiscuous, mac_spoof_check;
    bool isolated; /* portIsolation: ports of the bridge do not reach each other */
    /* viaGateway (ours): what containers send to each other goes through the host's routing, where Services
     * are translated back, with br_netfilter or without. Ports are not isolated: where br_netfilter is on, a
     * translated packet goes on from port to port in the bridge, and back to its own port (hairpin). */
    bool via_gateway;
    unsigned mtu;
    bool has_mac;
    unsigned char mac[6]; /* asked for */
    size_t n_inside;      /* nonMasqueradeCIDRs (ours): networks beside its own that ipMasq leaves alone */
    struct net_addr *inside;
    struct cni_dns *dns;
};
struct err *bridge_conf_parse(const struct plugin_call *c, struct bridge_conf *ret)
    __attribute__((warn_unused_result));

/* What of the IPAM's result is to be wired: parsed, with gateways and routes filled in. */
struct bridge_ip {
    struct net_addr address, gateway; /* gateway: with the address's prefix; family 0: none */
};
struct bridge_net {
    size_t n;
    struct bridge_ip *ips;
    size_t n_routes;
    struct wire_route *routes;
    bool has4, has6;
};
/* Adds gateways that are implied (isGateway: the first address of the subnet; isDefaultGateway: a default
 * route) to r too. */
struct err *bridge_conf_net(struct arena *a, const struct bridge_conf *conf, struct cni_result *r,
    struct bridge_net *ret) __attribute__((warn_unused_result));

/* 0a:58 and the IPv4 address: an address that comes back in another container has the MAC that its neighbours
 * remember. */
void bridge_conf_mac(const struct net_addr *ip, unsigned char mac[6]);
bool bridge_conf_parse_mac(const char *text, unsigned char mac[6]);
void bridge_conf_mac_text(const unsigned char mac[6], char text[18]);

#endif
