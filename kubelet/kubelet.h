/*
 * One kubelet: its options, its loop and the parts that all Pods share. Made by main.c, passed to everybody.
 * Each part's own header says what it does; a part that needs no master is always there.
 */
#ifndef WHERRY_KUBELET_KUBELET_H
#define WHERRY_KUBELET_KUBELET_H

#include "lib/cgroup.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct kubelet_options {
    const char *state, *run, *node_name, *node_ip, *cgroup, *kubeconfig, *pod_cidr, *cluster_dns,
        *cluster_domain, *cluster_cidr, *libexec;
    int64_t port, cni_timeout; /* seconds for one plugin */
};
struct kubelet_paths {                                                /* absolute; made once */
    char *shim, *runtime, *images, *cni;                              /* programs; a folder for cni */
    char *pods, *logs, *manifests, *cni_state, *image_root, *seccomp; /* below --state */
    char *run_pods, *runtime_root;                                    /* below --run */
};

struct worker;
struct kubelet {
    uv_loop_t *loop;
    struct kubelet_options o;
    struct kubelet_paths path;
    struct cgroup_host *cgroups;
    struct kube *kube; /* NULL: manifests only */
    struct pods *pods;
    struct images *images;
    struct objects *objects;
    struct services *services;
    struct events *events;
    struct cni *cni;
    struct limiter *spawns; /* CNI plugins and image programs at the same time */
    struct trash *trash;
    struct log_rotate *logs;
    struct node_agent *node; /* the Node object and its Lease */
    struct manifests *manifests;
    struct server *server;
    struct http_client *probe_client; /* of probes and hooks: checks no server name */
    struct timer *stop_timer;
    bool stopping;
};

#endif
