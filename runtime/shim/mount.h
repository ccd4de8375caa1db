/*
 * The two kinds of mounts a shim makes, in its own mount namespace: a container's root (overlay of image
 * layers) and memory volumes (tmpfs). Layers and targets are opened once and used by descriptor.
 */
#ifndef WHERRY_SHIM_MOUNT_H
#define WHERRY_SHIM_MOUNT_H

#include "lib/api/shim.h"

enum { MOUNT_LAYERS_MAX = 128 };

/* As m says, at target (made if absent; m->target is not looked at). ERR_INVALID for what cannot be meant,
 * naming the field. */
struct err *mount_make(const struct shim_mount *m, const char *target) __attribute__((warn_unused_result));
/* Detaches what is mounted at target; nothing there is success. */
struct err *mount_remove(const char *target) __attribute__((warn_unused_result));

#endif
