/*
 * This node's Node object and Lease: registered at start (and again when it vanishes), status when it changes
 * and every five minutes, the Lease every ten seconds. Without a master only the facts are kept.
 */
#ifndef WHERRY_KUBELET_NODE_AGENT_H
#define WHERRY_KUBELET_NODE_AGENT_H

#include "kubelet/kubelet.h"
#include "lib/api/node.h"

struct node_agent *node_agent_new(struct kubelet *k);
void node_agent_start(struct kubelet *k); /* talks to the master from now on */
void node_agent_free(struct node_agent *n);

/* The range of addresses for this node's Pods: --pod-cidr, else what the master has given; NULL: none yet. */
const char *node_agent_pod_cidr(const struct kubelet *k);
/* Labels, taints and so on, as the master has them (or as we would register it). */
const struct node *node_agent_node(const struct kubelet *k);
int64_t node_agent_milli_cpu(const struct kubelet *k);
int64_t node_agent_memory(const struct kubelet *k);  /* bytes allocatable */
int64_t node_agent_storage(const struct kubelet *k); /* bytes allocatable */
int64_t node_agent_max_pods(const struct kubelet *k);

#endif
