/*
 * What Pods send out of the cluster leaves with the node's address: one nftables table, wherry_pods, laid
 * down once when the range of Pod addresses is known. (The bridge plugin could do it per Pod: a transaction
 * of the kernel's for each, and some ten milliseconds.)
 */
#ifndef WHERRY_KUBELET_EGRESS_H
#define WHERRY_KUBELET_EGRESS_H

#include "lib/err.h"

/* Replaces what an earlier range left. */
struct err *egress_set(const char *pod_cidr, const char *cluster_cidr) __attribute__((warn_unused_result));
struct err *egress_remove(void) __attribute__((warn_unused_result)); /* absent is success */

#endif
