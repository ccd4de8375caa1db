/*
 * The node's routes of the cluster, marked as ours by their protocol number:
 *   - to the Pods of every other node that is on a network of ours: its podCIDR via its InternalIP;
 *   - to the Services: SERVICE_CIDR over lo, from the node's address, so that this host may ask for a cluster
 * IP even without a default route (destination NAT then gives the packet its true way);
 *   - the name server's cluster IP is local: our name server is bound to it.
 */
#ifndef WHERRY_PROXY_ROUTES_H
#define WHERRY_PROXY_ROUTES_H

#include "lib/netlink.h"
#include "proxy/model.h"

enum { ROUTES_PROTOCOL = 119 };

struct route {
    uint32_t dst, gateway, source; /* network byte order; 0: none */
    uint32_t interface;
    uint8_t prefix, type, table, scope; /* RTN_*, RT_TABLE_*, RT_SCOPE_* */
};
struct route_list { /* sorted, without duplicates */
    size_t n;
    struct route *v;
};
struct route_link { /* an address of this host */
    struct net_addr address;
    int interface;
};

struct routes_opts {
    const char *node_name, *node_ip, *service_cidr, *dns_ip;
};
/* Pure. Nodes that are on no network of ours are left out, and counted in *ret_far. */
void routes_plan(const struct model *m, const struct routes_opts *o, const struct route_link *links,
    size_t n_links, struct route_list *ret, size_t *ret_far);

/* Makes the host's routes of our protocol number what the plan says. */
struct err *routes_apply(const struct model *m, const struct routes_opts *o, size_t *ret_far)
    __attribute__((warn_unused_result));
/* Removes all of ours. */
struct err *routes_remove(void) __attribute__((warn_unused_result));

#endif
