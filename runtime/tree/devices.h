/*
 * /dev of a container: the devices that every one has, those of linux.devices, the links, /dev/console. Nodes
 * are made by descriptor; where mknod is not ours to do (a user namespace) the host's node is bound there,
 * after a look at what it is.
 */
#ifndef WHERRY_RUNTIME_DEVICES_H
#define WHERRY_RUNTIME_DEVICES_H

#include "runtime/tree/mounts.h"

/* bind: as in a user namespace. Does nothing where /dev is a bind mount: that is someone else's. */
struct err *devices_make(int root, const struct oci_linux *l, const struct mount_list *mounts, bool bind)
    __attribute__((warn_unused_result));
/* The terminal's slave, at /dev/console. */
struct err *devices_console(int root, int slave) __attribute__((warn_unused_result));

#endif
