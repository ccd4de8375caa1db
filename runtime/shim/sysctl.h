/*
 * A Pod's sysctls: only those that belong to a namespace the Pod has of its own, named and valued without
 * anything that could mean something else further down. Checked first, all of them, then written.
 */
#ifndef WHERRY_SHIM_SYSCTL_H
#define WHERRY_SHIM_SYSCTL_H

#include "lib/err.h"
#include "lib/fields.h"
#include <stdbool.h>

enum { SYSCTL_PATH = 256, SYSCTL_VALUE = 1024 };

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/forwarding" to the path below /proc/sys. own_net, own_ipc:
 * the Pod has that namespace. ERR_INVALID (malformed) or ERR_DENIED (not a namespace's). */
struct err *sysctl_check(const char *key, const char *value, bool own_net, bool own_ipc,
    char ret_path[SYSCTL_PATH]) __attribute__((warn_unused_result));
/* Checks all, then writes all, through a procfs of our own in the caller's namespaces. With own_net the
 * defaults come first: every port may be bound, ping needs no capability. */
struct err *sysctl_apply(const struct str_map *sysctls, bool own_net, bool own_ipc)
    __attribute__((warn_unused_result));

#endif
