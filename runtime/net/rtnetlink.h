/*
 * The little of rtnetlink(7) that moving an interface needs, on a bare socket: lib/netlink.h leans on libmnl,
 * which a static program cannot have, and a socket that was made in a container's network namespace works in
 * that one whoever holds it.
 */
#ifndef WHERRY_RUNTIME_RTNETLINK_H
#define WHERRY_RUNTIME_RTNETLINK_H

#include "lib/err.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>

#define RTNL_MAX 1024 /* bytes of a request of ours */

struct rtnl_request {
    struct nlmsghdr h;
    char body[RTNL_MAX - sizeof(struct nlmsghdr)];
} __attribute__((aligned(NLMSG_ALIGNTO)));

/* A socket in the network namespace of the caller. */
struct err *rtnl_socket(int *ret_fd) __attribute__((warn_unused_result));
/* head: struct ifinfomsg or ifaddrmsg. */
void rtnl_begin(struct rtnl_request *r, int type, int flags, const void *head, size_t n);
void rtnl_attr(struct rtnl_request *r, int type, const void *value, size_t n);
/* Sends, and waits for the kernel's yes or no. */
struct err *rtnl_ask(int fd, struct rtnl_request *r) __attribute__((warn_unused_result));
/* Asks for a dump, and hands out its messages. */
typedef void rtnl_each_fn(void *arg, const struct nlmsghdr *h);
struct err *rtnl_dump(int fd, struct rtnl_request *r, rtnl_each_fn *fn, void *arg)
    __attribute__((warn_unused_result));
/* *ret 0: there is no such interface. */
struct err *rtnl_index(int fd, const char *name, int *ret) __attribute__((warn_unused_result));

#endif
