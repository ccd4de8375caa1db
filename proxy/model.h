/*
 * What the proxy knows of the cluster: Services with their EndpointSlices, and Nodes, typed, as the watches
 * tell. Rules and names are computed from it; whoever wants to know what changed gives a callback.
 */
#ifndef WHERRY_PROXY_MODEL_H
#define WHERRY_PROXY_MODEL_H

#include "lib/api/node.h"
#include "lib/api/service.h"
#include "lib/map.h"
#include "proxy/plan.h"

struct model_service { /* of a Service, of slices that name one, or both */
    char *key;         /* "NAMESPACE/NAME" */
    const char *name;  /* into key */
    struct arena *arena;
    struct service *service; /* NULL: slices only */
    size_t n_slices;
    const struct endpoint_slice **slices;
    struct plan plan; /* the rules' (proxy/rules.h) */
    bool changed, seen;
};
struct model_node {
    struct arena *arena;
    const char *name, *pod_cidr, *internal_ip; /* NULL: none */
    bool seen;
};

struct model;
struct model_events {
    void (*service)(void *arg, struct model_service *s); /* it, or its slices, changed (or went) */
    void (*nodes)(void *arg);
};
struct model *model_new(const struct model_events *ev, void *arg);
void model_free(struct model *m);

enum model_kind { MODEL_SERVICES, MODEL_SLICES, MODEL_NODES, MODEL_KINDS };
/* One object as the API has it. What cannot be read is an error, and the object stays as it was known. */
struct err *model_set(struct model *m, enum model_kind kind, const struct json *object)
    __attribute__((warn_unused_result));
void model_delete(struct model *m, enum model_kind kind, const struct json *object);
/* Around a list: what was not set in between is gone. */
void model_relist(struct model *m, enum model_kind kind);
void model_synced(struct model *m, enum model_kind kind);

/* NULL where absent; NULL service members: there is no such Service. */
struct model_service *model_service(const struct model *m, const char *ns, const char *name);
struct model_service *model_service_by_ip(const struct model *m, uint32_t cluster_ip);
bool model_has_namespace(const struct model *m, const char *ns); /* some Service is in it */
bool model_next_service(const struct model *m, size_t *at, struct model_service **ret);
bool model_next_node(const struct model *m, size_t *at, struct model_node **ret);
/* After the rules have done with it: frees a service of which nothing is left. */
void model_service_drop_if_empty(struct model *m, struct model_service *s);

#endif
