/*
 * The node's cgroup tree: CGROUP/kubepods[/burstable|/besteffort]/podUID/CID, with the limits of a Pod and of
 * its quality of service. Containers' own limits are in their config.json and the runtime's to set.
 */
#ifndef WHERRY_KUBELET_CGROUPS_H
#define WHERRY_KUBELET_CGROUPS_H

#include "kubelet/worker.h"

struct err *cgroups_start(struct kubelet *k) __attribute__((warn_unused_result));
/* "/wherry/kubepods/burstable/podUID"; the caller frees. */
char *cgroups_pod_path(const struct worker *w);
struct err *cgroups_pod_make(struct worker *w) __attribute__((warn_unused_result));
/* Kills what is left in it. */
struct err *cgroups_pod_clear(struct worker *w) __attribute__((warn_unused_result));
/* Pods come and go: the shares of the quality-of-service levels follow. */
void cgroups_update_levels(struct kubelet *k);
/* Kills and removes Pod cgroups that no worker owns. */
void cgroups_clear_orphans(struct kubelet *k);

int64_t cgroups_shares(int64_t milli_cpu); /* cpu.shares of a request */
int64_t cgroups_quota(int64_t milli_cpu);  /* per 100 ms period; 0: none */

#define CGROUPS_POD_PIDS 4096

#endif
