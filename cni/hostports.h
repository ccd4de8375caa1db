/*
 * Ports of the host that lead to a container: table ip (or ip6) wherry_hostport, maps from (address,)
 * protocol and port to the container's address and port. Only what is sent to an address of this host is
 * looked at.
 */
#ifndef WHERRY_CNI_HOSTPORTS_H
#define WHERRY_CNI_HOSTPORTS_H

#include "cni/plugin.h"
#include "lib/netlink.h"

struct hostport {
    struct net_addr host_ip; /* family 0: any address of the host */
    unsigned char protocol;  /* IPPROTO_TCP, _UDP, _SCTP */
    uint16_t host_port, container_port;
};
struct hostports {
    size_t n;
    const struct hostport *v;
    struct net_addr ip; /* of the container, with the prefix of its network */
    bool snat;          /* masquerade what comes from its own network: else the answer takes another way */
    bool snat_all;      /* masquerade whoever comes */
};
/* CONFLICT names the port that another container holds. */
struct err *hostports_add(const char *owner, const struct hostports *p) __attribute__((warn_unused_result));
struct err *hostports_check(const char *owner, const struct hostports *p) __attribute__((warn_unused_result));
struct err *hostports_remove(const char *owner) __attribute__((warn_unused_result));
struct err *hostports_remove_invalid(const struct plugin_call *c) __attribute__((warn_unused_result));

/* Forgets UDP flows to these ports: they know where they went before. */
struct err *hostports_forget_flows(const struct hostports *p) __attribute__((warn_unused_result));

#endif
