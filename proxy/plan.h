/*
 * What the table must hold for one Service: a pure function of the Service, its EndpointSlices and this node.
 * One element is one entry of one set of table ip wherry_proxy (proxy/ruleset.h shows the rules that read
 * them).
 */
#ifndef WHERRY_PROXY_PLAN_H
#define WHERRY_PROXY_PLAN_H

#include "lib/api/service.h"
#include <stdint.h>

enum plan_set {
    PLAN_SERVICES,    /* address . protocol . port          -> verdict; node ports have the address 0.0.0.0 */
    PLAN_ENDPOINTS,   /* address . protocol . port . index  -> address . port */
    PLAN_LEARN,       /* address . protocol . port          -> verdict: remember the client's endpoint */
    PLAN_CLUSTER_IPS, /* address */
    PLAN_DROPS,       /* address . protocol . port: traffic policy Local, and no endpoint here */
    PLAN_REJECTS,     /* the same: a node port without endpoints (cluster IPs are rejected by themselves) */
    PLAN_HAIRPIN,     /* address . address of an endpoint on this node */
    PLAN_REMOTE,      /* address of an endpoint elsewhere */
    PLAN_LOCAL_NETS,  /* first . 0.0.0.0 . last . 255.255.255.255: networks of this node's Pods. The kernel's
                       * sets of  ranges take one element for a range only when there are two parts; the second
                       * is any. */
    PLAN_DNS,         /* address . protocol . port that this node's own name server answers */
    PLAN_SETS,
};

#define PLAN_KEY_MAX 20
#define PLAN_DATA_MAX 12
struct plan_elem {
    uint8_t set, key_len, data_len;
    uint8_t key[PLAN_KEY_MAX]; /* parts padded to four bytes, in network byte order but the index */
    uint8_t data[PLAN_DATA_MAX];
};

/* The data of PLAN_SERVICES and PLAN_LEARN, in the host's byte order: the chain that chooses an endpoint
 * (with affinity_seconds 1: after a look at what is remembered), or, with endpoints 0, that remembers the
 * choice. */
struct plan_verdict {
    uint32_t endpoints;
    uint32_t affinity_seconds;
    uint32_t node; /* the key's address is not the packet's: a node port */
};
#define PLAN_CHAIN_MAX 48
void plan_chain_name(const struct plan_verdict *v, char ret[PLAN_CHAIN_MAX]);
bool plan_chain_parse(const char *name, struct plan_verdict *ret);

struct plan { /* sorted by set and key, without duplicates */
    size_t n;
    struct plan_elem *v;
};
void plan_done(struct plan *p);

/* service NULL (slices without one): an empty plan. What cannot be served (no IPv4 address, headless) is left
 * out. */
void plan_service(const struct service *service, const struct endpoint_slice *const *slices, size_t n_slices,
    const char *node_name, struct plan *ret);
/* The elements of this node itself: its Pods' network (may be NULL) and its name server's address. */
void plan_node(const char *pod_cidr, const char *dns_ip, struct plan *ret);

/* UDP flows that would go on to an endpoint that is no longer one (endpoint_ip not 0), or that began before
 * there was one (0): from the difference of two plans of a Service. Addresses and ports in network byte
 * order. */
struct plan_flow {
    uint32_t ip; /* 0: a node port, at any address */
    uint16_t port;
    uint32_t endpoint_ip;
    uint16_t endpoint_port;
};
typedef void plan_flow_fn(void *arg, const struct plan_flow *f);
void plan_stale_flows(const struct plan *before, const struct plan *after, plan_flow_fn *fn, void *arg);

/* Client affinity, of elements that the packets themselves make: does the plan still have this endpoint
 * behind this way in? way: address . protocol . port, 12 bytes; endpoint: address . port, 8. */
bool plan_has_endpoint(const struct plan *p, const uint8_t way[12], const uint8_t endpoint[8]);
bool plan_has_affinity(const struct plan *p);

/* For plans that are put together elsewhere: an element at the end; then, once, sorted and without
 * duplicates. */
void plan_add(struct plan *p, const struct plan_elem *e);
void plan_finish(struct plan *p);
int plan_compare(const struct plan_elem *a, const struct plan_elem *b); /* set and key */

#endif
