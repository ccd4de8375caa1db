/*
 * Source NAT of containers: table ip (or ip6) wherry_masq. What a container sends to a network that is not
 * among its `inside` ones gets the address of the host's interface that it leaves by.
 */
#ifndef WHERRY_CNI_MASQUERADE_H
#define WHERRY_CNI_MASQUERADE_H

#include "cni/plugin.h"
#include "lib/netlink.h"

struct masquerade {
    size_t n_ips, n_inside;
    const struct net_addr *ips;    /* of the container: the subnet of each counts as inside */
    const struct net_addr *inside; /* more networks that are not masqueraded to */
};
struct err *masquerade_add(const char *owner, const struct masquerade *m) __attribute__((warn_unused_result));
struct err *masquerade_check(const char *owner, const struct masquerade *m)
    __attribute__((warn_unused_result));
struct err *masquerade_remove(const char *owner) __attribute__((warn_unused_result));
struct err *masquerade_remove_invalid(const struct plugin_call *c) __attribute__((warn_unused_result));

#endif
