/*
 * The wire between a bridge and a container: rtnetlink messages that are collected and sent together, since a
 * Pod waits for each round trip. What lib/netlink.h has for single questions is used beside it.
 */
#ifndef WHERRY_CNI_WIRE_H
#define WHERRY_CNI_WIRE_H

#include "lib/err.h"
#include "lib/netlink.h"

struct wire; /* a socket in one network namespace and the messages for it */
struct err *wire_open(int netns_fd /* -1: our own */, struct wire **ret) __attribute__((warn_unused_result));
void wire_close(struct wire *w); /* NULL is fine */
/* Sends what was collected; each message is answered. The error is the first message's that failed. */
struct err *wire_send(struct wire *w) __attribute__((warn_unused_result));

/* A bridge with this MAC, which it then keeps whatever ports come and go, up. */
void wire_bridge(struct wire *w, const char *name, const unsigned char mac[6], unsigned mtu);
struct wire_veth {
    const char *name, *peer_name;
    int peer_netns_fd;
    const unsigned char *peer_mac; /* NULL: any */
    int master;                    /* 0: none */
    unsigned mtu;                  /* 0: the default */
};
/* Both ends, down; ours is a port of master. */
void wire_veth(struct wire *w, const struct wire_veth *v);
void wire_port(struct wire *w, int index, bool hairpin, bool isolated);
/* IFF_* flags to set. */
void wire_flags(struct wire *w, int index, unsigned flags);
void wire_mac(struct wire *w, int index, const unsigned char mac[6]);
/* on_link false: the subnet is not reached directly. Usable at once (no duplicate address detection). */
void wire_addr(struct wire *w, int index, const struct net_addr *a, bool on_link);
void wire_addr_delete(struct wire *w, int index, const struct net_addr *a);
struct wire_route {
    struct net_addr dst;                          /* prefix 0: default */
    struct net_addr gw;                           /* family 0: on-link */
    unsigned mtu, advmss, priority, table, scope; /* 0: the kernel's */
};
/* One to the same destination that is there already stays as it is. */
void wire_route(struct wire *w, int index, const struct wire_route *r);
/* Is there a route to dst by this interface (through gw, where it has one)? Asks at once. */
struct err *wire_has_route(struct wire *w, int index, const struct wire_route *r, bool *ret)
    __attribute__((warn_unused_result));

#endif
