/*
 * rtnetlink on libmnl: links, addresses, routes, neighbours, namespaces. Blocking calls on one socket; each
 * fails with the kernel's error (and its extended-ack text).
 */
#ifndef WHERRY_NETLINK_H
#define WHERRY_NETLINK_H

#include "lib/err.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct netlink;
/* In the network namespace of netns_fd, or of the caller (-1). The caller stays in its own. */
struct err *netlink_open(int netns_fd, struct netlink **ret) __attribute__((warn_unused_result));
void netlink_close(struct netlink *nl);

struct net_addr { /* an address with its prefix length; family 0: none */
    int family;
    unsigned char ip[16];
    unsigned prefix;
};
struct err *net_addr_parse(const char *text, struct net_addr *ret)
    __attribute__((warn_unused_result)); /* "10.1.2.3/24", "10.1.2.3" */
void net_addr_text(const struct net_addr *a, bool with_prefix, char text[64]);

struct net_link {
    int index, master;
    char name[16], kind[16];
    unsigned char mac[6];
    unsigned mtu;
    bool up;
};
/* ret->index 0 with success: no such link. */
struct err *netlink_link_get(struct netlink *nl, const char *name, struct net_link *ret)
    __attribute__((warn_unused_result));
struct err *netlink_link_each(struct netlink *nl, void (*fn)(void *arg, const struct net_link *l), void *arg)
    __attribute__((warn_unused_result));
struct err *netlink_bridge_add(struct netlink *nl, const char *name, unsigned mtu)
    __attribute__((warn_unused_result)); /* EXISTS */
/* One end here as `name` (master: index of its bridge or 0), the other as peer_name in peer_netns_fd with
 * peer_mac (NULL: any). */
struct err *netlink_veth_add(struct netlink *nl, const char *name, int master, unsigned mtu,
    const char *peer_name, int peer_netns_fd, const unsigned char *peer_mac)
    __attribute__((warn_unused_result));
struct err *netlink_link_delete(struct netlink *nl, int index) __attribute__((warn_unused_result));
struct err *netlink_link_up(struct netlink *nl, int index, bool up) __attribute__((warn_unused_result));
struct err *netlink_link_master(struct netlink *nl, int index, int master)
    __attribute__((warn_unused_result));
struct err *netlink_bridge_port(struct netlink *nl, int index, bool hairpin, bool isolated)
    __attribute__((warn_unused_result));
struct err *netlink_addr_add(struct netlink *nl, int index, const struct net_addr *a)
    __attribute__((warn_unused_result)); /* EXISTS */
struct err *netlink_addr_each(struct netlink *nl, int index /* 0: all */,
    void (*fn)(void *arg, int index, const struct net_addr *a), void *arg)
    __attribute__((warn_unused_result));
struct err *netlink_route_add(struct netlink *nl,
    const struct net_addr *dst /* NULL, family 0 or prefix 0: default */,
    const struct net_addr *gw /* NULL: on-link */, int index)
    __attribute__((warn_unused_result)); /* EXISTS */
struct err *netlink_route_delete(struct netlink *nl, const struct net_addr *dst, const struct net_addr *gw,
    int index) __attribute__((warn_unused_result));

#endif
