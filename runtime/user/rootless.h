/*
 * A runtime without the host's rights: of a user that is not root, or of the root of a user namespace, as an
 * engine of such a user starts it. Both do without what is not theirs to have (cgroups that nobody
 * delegated); the former also needs help with the maps of a user namespace.
 */
#ifndef WHERRY_RUNTIME_ROOTLESS_H
#define WHERRY_RUNTIME_ROOTLESS_H

#include "lib/api/oci.h"
#include <sys/types.h>

bool rootless_user(void); /* we are not root, wherever we are */
bool rootless(void);      /* we are not the host's root */
/* A refusal that a runtime without rights lives with: is dropped then. */
struct err *rootless_tolerate(struct err *e) __attribute__((warn_unused_result));

/* Around the birth of a process whose maps we write: without rights, /proc/PID is ours only while it may be
 * dumped. */
void rootless_open_to_user(bool open);
/* linux.uidMappings and gidMappings of pid, which is in a new user namespace. A user may map himself alone;
 * for more there are newuidmap(1) and newgidmap(1), which ask /etc/subuid and /etc/subgid. */
struct err *rootless_write_maps(struct arena *a, const struct oci_linux *l, pid_t pid)
    __attribute__((warn_unused_result));

#endif
