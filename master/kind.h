/*
 * The kinds that are stored, and the resources under which the API serves them. One table each; everything
 * else (routing, discovery, OpenAPI, tables, selectors) is read off them. Event is the one kind with two
 * resources: v1 and events.k8s.io/v1 show the same objects.
 */
#ifndef WHERRY_MASTER_KIND_H
#define WHERRY_MASTER_KIND_H

#include <stdbool.h>
#include <stddef.h>

enum kind_id {
    KIND_NAMESPACE,
    KIND_NODE,
    KIND_POD,
    KIND_REPLICATION_CONTROLLER,
    KIND_SERVICE,
    KIND_ENDPOINTS,
    KIND_ENDPOINT_SLICE,
    KIND_CONFIG_MAP,
    KIND_SECRET,
    KIND_SERVICE_ACCOUNT,
    KIND_EVENT,
    KIND_LEASE,
    KIND_N
};

/* A field that a field selector may name, besides metadata.name and metadata.namespace. */
struct kind_field {
    const char *name;      /* "spec.nodeName" */
    const char *path[4];   /* where its value stands in the object; a list counts its first item */
    const char *otherwise; /* the value of an absent one: "", "false" */
};

struct kind {
    enum kind_id id;
    const char *name;        /* "Pod" */
    const char *api_version; /* as stored: "v1", "discovery.k8s.io/v1" */
    const char *resource;    /* "pods" */
    const char *type;        /* its name in the schema: "core.v1.Pod" */
    bool namespaced;
    bool generation;       /* metadata.generation counts changes of spec */
    bool create_on_update; /* PUT makes what is not there */
    bool graceful;         /* deletion is a request that the kubelet fulfils */
    const struct kind_field *fields;
    size_t n_fields;
};
extern const struct kind kinds[KIND_N];

enum verb_bits {
    VERB_GET = 1,
    VERB_LIST = 2,
    VERB_WATCH = 4,
    VERB_CREATE = 8,
    VERB_UPDATE = 16,
    VERB_PATCH = 32,
    VERB_DELETE = 64,
    VERB_DELETECOLLECTION = 128,
    VERBS_ALL = 255
};

enum sub_id {
    SUB_NONE,
    SUB_STATUS,
    SUB_SCALE,
    SUB_FINALIZE,
    SUB_BINDING,
    SUB_EVICTION,
    SUB_LOG,
    SUB_EXEC,
    SUB_ATTACH
};
struct subresource {
    enum sub_id id;
    const char *name; /* "status" */
    const char *group, *version,
        *kind; /* of what is sent: "", "v1", "Pod" (group, version: NULL as parent) */
    unsigned verbs;
};

struct resource {
    const struct kind *kind;
    const char *group, *version; /* "" and "v1" */
    const char *short_names[3];  /* ended by NULL */
    const char *category;        /* "all" or NULL */
    unsigned verbs;
    const struct subresource *subs; /* ended by a NULL name; may be NULL */
    bool foreign_view;              /* objects are converted: events.k8s.io/v1 */
};
extern const struct resource resources[];
extern const size_t resources_n;

/* By group, version and plural name; NULL: none. */
const struct resource *resource_find(const char *group, const char *version, const char *name);
/* The first resource of a kind: what it is stored as. */
const struct resource *resource_of(enum kind_id id);
const struct subresource *resource_sub(const struct resource *r, const char *name);
const struct kind *kind_by_name(const char *api_version, const char *name);

#endif
