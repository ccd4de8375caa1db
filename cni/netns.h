/*
 * Work inside a container's network namespace that netlink has no message for: sysctls. The process is
 * single- threaded, so it steps in and out; procfs is verified to be one before it is written to.
 */
#ifndef WHERRY_CNI_NETNS_H
#define WHERRY_CNI_NETNS_H

#include "lib/err.h"

struct netns_sysctl {
    const char *path; /* below /proc/sys/net: "ipv4/conf/eth0/arp_notify" */
    const char *value;
    int optional; /* a kernel without IPv6 has not got them all */
};

/* In the namespace of fd, -1: our own. What already has its value is not written. The list ends with a NULL
 * path. */
struct err *netns_sysctls(int fd, const struct netns_sysctl *list) __attribute__((warn_unused_result));

#endif
