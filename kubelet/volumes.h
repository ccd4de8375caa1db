/*
 * A Pod's volumes on this host:
 *
 *   STATE/pods/UID/volumes/NAME       emptyDir (disk), configMap, downwardAPI
 *   RUN/pods/UID/volumes/NAME         secret, projected: gone after a reboot, never on a disk where /run is a tmpfs
 *   in the shim's mount namespace     emptyDir with medium Memory (see volumes_mounts())
 *   where they are                    hostPath and image volumes
 *
 * Payload volumes (configMap, secret, downwardAPI, projected) change as a whole: a new ..TIMESTAMP folder, and the
 * ..data link renamed over the old one.
 */
#ifndef WHERRY_KUBELET_VOLUMES_H
#define WHERRY_KUBELET_VOLUMES_H

#include "kubelet/worker.h"
#include "lib/api/shim.h"

/* Makes what is not there. The error names the volume: "MountVolume.SetUp failed for volume "x" : ...". */
struct err *volumes_make(struct worker *w) __attribute__((warn_unused_result));
/* Objects, labels or annotations changed: payload volumes follow. */
struct err *volumes_refresh(struct worker *w) __attribute__((warn_unused_result));
/* Moves all of it to the trash. */
void volumes_clear(struct worker *w);

/* The tmpfs mounts that the shim makes; they live in `a`. */
void volumes_mounts(const struct worker *w, struct arena *a, struct shim_mount **ret, size_t *ret_n);

/* Where a volume is: a path (on the host, or as the shim sees it). NULL: there is no such volume. */
const char *volumes_path(const struct worker *w, struct arena *a, const char *name);
const struct volume *volumes_find(const struct worker *w, const char *name);
bool volumes_is_memory(const struct volume *v);
bool volumes_is_read_only(const struct volume *v); /* payload volumes are, always */

#endif
