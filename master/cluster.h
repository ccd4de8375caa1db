/*
 * What the parts of the master share: one of these per process, made by main.c.
 */
#ifndef WHERRY_MASTER_CLUSTER_H
#define WHERRY_MASTER_CLUSTER_H

#include "master/registry.h"

struct alloc;
struct kubelet_proxy;
struct cluster {
    uv_loop_t *loop;
    struct registry *registry;
    struct alloc *alloc;         /* service addresses and node ports in use */
    struct kubelet_proxy *proxy; /* to the nodes: logs, exec, attach */
    const char *advertise;       /* the API's address as Pods and nodes reach it */
    unsigned port;
    const char *service_cidr, *cluster_cidr;
    int64_t node_grace_ms; /* a node whose Lease is not renewed for so long is lost (40 s) */
    const char *ca_pem;    /* the CA's certificate, for kube-root-ca.crt */
};

#endif
