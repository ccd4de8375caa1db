/* Between netlink.c (the socket, links) and netlink_addr.c (addresses, routes). */
#ifndef WHERRY_NETLINK_INTERNAL_H
#define WHERRY_NETLINK_INTERNAL_H

#include "lib/netlink.h"
#include <libmnl/libmnl.h>

#define NETLINK_MESSAGE_MAX 4096

/* A message under construction. */
struct netlink_msg {
    _Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_MAX];
    struct nlmsghdr *h;
};

typedef void netlink_answer_fn(void *arg, const struct nlmsghdr *h);

void netlink_msg_init(struct netlink_msg *m, uint16_t type, uint16_t flags);
/* Sends it and hands every answer to fn (may be NULL) until the last. */
struct err *netlink_talk(struct netlink *nl, struct netlink_msg *m, netlink_answer_fn *fn, void *arg)
    __attribute__((warn_unused_result));
/* Asks for an acknowledgement only. */
struct err *netlink_do(struct netlink *nl, struct netlink_msg *m) __attribute__((warn_unused_result));

#endif
