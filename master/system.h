/*
 * What a cluster always has, and what follows from Namespaces and Nodes being there: the system's namespaces,
 * default/kubernetes, kube-system/kube-dns; in every namespace the ServiceAccount `default` and the ConfigMap
 * kube-root-ca.crt; the end of a deleted namespace; a range of Pod addresses for every Node; and Events go
 * after an hour.
 */
#ifndef WHERRY_MASTER_SYSTEM_H
#define WHERRY_MASTER_SYSTEM_H

#include "master/cluster.h"

struct system;
struct err *system_start(struct cluster *c, struct system **ret) __attribute__((warn_unused_result));
void system_stop(struct system *s);

#endif
