/*
 * linux.netDevices: interfaces of the host that become the container's: moved into its network namespace
 * under the name that they shall have, with their lasting global addresses, and set up there. They are never
 * moved back: when the namespace goes, the kernel returns what is physical and ends what is virtual
 * (config-linux.md, Network Devices).
 */
#ifndef WHERRY_RUNTIME_NETDEV_H
#define WHERRY_RUNTIME_NETDEV_H

#include "lib/api/oci.h"
#include <sys/types.h>

struct netdev {
    const char *host, *name; /* name: may hold one %d, for the first number that is free */
};
struct netdev_list {
    struct netdev *v;
    size_t n;
};

/* ns: CLONE_NEW* of the namespaces that are the container's. */
struct err *netdev_plan(struct arena *a, const struct oci_linux *l, int ns, struct netdev_list *ret)
    __attribute__((warn_unused_result));

/* Where to: the network namespace of a process, or of a descriptor (-1: of the process); and a socket of
 * rtnetlink(7) that lives there. */
struct netdev_target {
    pid_t pid;
    int netns, socket;
};
/* By the runtime, in its own namespace. */
struct err *netdev_move(const struct netdev_list *l, const struct netdev_target *to)
    __attribute__((warn_unused_result));
/* A socket in the namespace netns, to which the caller goes for a moment. */
struct err *netdev_socket_in(int netns, int *ret_fd) __attribute__((warn_unused_result));

#endif
