/*
 * May this Pod run here? Asked once, when it is first seen; the scheduler has asked much the same, but a Pod
 * may name its node itself. Pure.
 */
#ifndef WHERRY_KUBELET_ADMIT_H
#define WHERRY_KUBELET_ADMIT_H

#include "lib/api/node.h"
#include "lib/api/pod.h"

struct admit_in {
    const struct pod *pod;
    const struct pod_spec *const *others; /* of the Pods that hold their share already */
    size_t n_others;
    const struct node *node; /* labels; NULL: no node object, no selector is looked at */
    int64_t milli_cpu, memory, max_pods;
    bool apparmor; /* this host has it */
};
/* true: yes. Else reason ("OutOfcpu") and message, in `a`. */
bool admit(struct arena *a, const struct admit_in *in, const char **ret_reason, const char **ret_message);
bool admit_node_matches(const struct pod_spec *s, const struct node *n);

#endif
