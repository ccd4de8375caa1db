/*
 * Which node a Pod goes to: pure. What is known of the nodes and of the Pods on them comes in, a node or the
 * reasons why there is none come out. Filter first, then score, as kube-scheduler does it: requests, node
 * name, selector and affinity, taints, host ports; then the emptier node, fewer Pods of the same controller,
 * preferred affinity and tolerated taints.
 */
#ifndef WHERRY_MASTER_SCHED_PLAN_H
#define WHERRY_MASTER_SCHED_PLAN_H

#include "lib/api/node.h"
#include "lib/api/pod.h"

struct sched_port {
    const char *protocol, *ip;
    int64_t port;
};
/* A Pod as far as it takes something away from its node. */
struct sched_pod {
    const char *uid, *controller; /* uid of its controller; NULL: none */
    int64_t cpu, memory;          /* requests: thousandths of a core, bytes */
    size_t n_ports;
    struct sched_port *ports;
    struct arena *arena; /* its own */
};
struct sched_node {
    const char *name;
    struct node *node; /* decoded, in `arena` */
    struct arena *arena;
    struct sched_pod **pods;
    size_t n_pods, room;
    int64_t cpu, memory; /* sums over pods */
};

enum sched_reason {
    SCHED_FITS,
    SCHED_UNSCHEDULABLE,
    SCHED_TAINT,
    SCHED_AFFINITY,
    SCHED_PORTS,
    SCHED_TOO_MANY_PODS,
    SCHED_CPU,
    SCHED_MEMORY,
    SCHED_EXTENDED,
    SCHED_REASONS
};
struct sched_verdict {
    enum sched_reason reason;
    const char *detail; /* the taint ("{key: value}"), the extended resource */
};

/* What the Pod takes, in an arena of its own: sched_pod_free(). */
struct sched_pod *sched_pod_new(const struct pod *pod);
void sched_pod_free(struct sched_pod *p);

/* Whether the Pod may go to the node. detail lives in a. */
struct sched_verdict sched_filter(
    struct arena *a, const struct sched_node *n, const struct pod *pod, const struct sched_pod *needs);
/* How well: the larger, the better; comparable between the nodes for one Pod. */
int64_t sched_score(const struct sched_node *n, const struct pod *pod, const struct sched_pod *needs);

/* The best of the nodes that fit; the first of equals. NULL: none, and *ret_message (in a) says why as
 * kube-scheduler words it: "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. ..."
 */
const struct sched_node *sched_choose(struct arena *a, struct sched_node *const *nodes, size_t n,
    const struct pod *pod, const struct sched_pod *needs, const char **ret_message);

/* Also for the node controller: whether these tolerations tolerate the taint. */
bool sched_tolerates(const struct pod_spec *spec, const struct taint *t);

#endif
