/*
 * Keeps the kernel's table at what the model says: changed Services are planned anew, their difference is one
 * transaction, then the flows that have become stale go. What fails is tried again, from what the kernel then
 * holds.
 */
#ifndef WHERRY_PROXY_RULES_H
#define WHERRY_PROXY_RULES_H

#include "proxy/model.h"

struct rules_opts {
    const char *service_cidr, *node_name;
};
struct rules;
struct err *rules_new(struct model *m, const struct rules_opts *o, struct rules **ret)
    __attribute__((warn_unused_result));
void rules_free(struct rules *r);

void rules_service_changed(struct rules *r, struct model_service *s);
/* This node's Pods' network (NULL: not known yet) and the cluster's name server, which this node answers for.
 */
void rules_node_changed(struct rules *r, const char *pod_cidr, const char *dns_ip);

/* What was changed since the last time, as one transaction. The first call takes over the table that is
 * there, so it must come after the model is complete. flows_error (may get NULL): what is no reason to try
 * again. */
struct err *rules_apply(struct rules *r, struct err **flows_error) __attribute__((warn_unused_result));
/* Somebody has touched the table: it is read again at the next rules_apply(). */
void rules_lost(struct rules *r);

#endif
