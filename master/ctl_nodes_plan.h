/*
 * What the state of a node means: pure. Its conditions and the silence of its Lease come in; the taints it
 * should carry, the conditions it should show, and when a Pod has to leave it come out.
 */
#ifndef WHERRY_MASTER_CTL_NODES_PLAN_H
#define WHERRY_MASTER_CTL_NODES_PLAN_H

#include "lib/api/node.h"
#include "lib/api/pod.h"

/* spec.taints as they should be: ours by the node's conditions and spec.unschedulable, everybody else's as
 * they are. NULL: they are already so. now: RFC 3339, for timeAdded. */
const struct json *nodes_taints(struct arena *a, const struct json *node, const char *now);

/* status.conditions of a node that is silent: every condition that its kubelet reports is Unknown. NULL: they
 * are already so. */
const struct json *nodes_lost_conditions(struct arena *a, const struct json *node, const char *now);

enum { NODES_STAY = -1 };
/* When the Pod has to leave because of NoExecute taints: nanoseconds since 1970 (0: at once), or NODES_STAY.
 */
int64_t nodes_evict_at(const struct pod_spec *spec, const struct taint *taints, size_t n);

#endif
