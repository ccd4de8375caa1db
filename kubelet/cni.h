/*
 * Pods' networks through CNI plugins (lib/api/cni.h). The list is the first *.conflist or *.conf (by name) of
 * STATE/cni/net.d, read anew each time, or what we generate: bridge on the node's podCIDR, portmap. What ADD
 * was given and answered is kept in STATE/cni/results/UID.json from before the first plugin runs until DEL
 * succeeded, so that a crash in between leaks nothing.
 */
#ifndef WHERRY_KUBELET_CNI_H
#define WHERRY_KUBELET_CNI_H

#include "kubelet/worker.h"

struct cni_op;
/* ip: of the Pod, without prefix; NULL for DEL. From the loop, once. */
typedef void cni_done_fn(void *arg, const struct err *error, const char *ip);
/* Port mappings come from the worker's desired Pod. The op may be cancelled at any time (its plugin is
 * killed). */
struct cni_op *cni_add(struct worker *w, int64_t shim_pid, cni_done_fn *done, void *arg);
/* By what ADD left; nothing there is success. shim_pid 0: the namespace is gone. */
struct cni_op *cni_del(struct kubelet *k, const char *uid, int64_t shim_pid, cni_done_fn *done, void *arg);
void cni_cancel(struct cni_op *op); /* NULL is fine */

/* The address that a kept result says; NULL: none. The caller frees. */
char *cni_kept_ip(struct kubelet *k, const char *uid);
bool cni_is_kept(struct kubelet *k, const char *uid);
/* Calls fn for each uid with something kept. */
void cni_each_kept(struct kubelet *k, void (*fn)(void *arg, const char *uid), void *arg);

#endif
