/*
 * Every write of an object: from an API request or from a controller, the same way. The body is checked
 * against the schema, defaulted, admitted, validated, compared with what is there, and staged; the answer
 * comes when it is durable.
 */
#ifndef WHERRY_MASTER_CHANGE_H
#define WHERRY_MASTER_CHANGE_H

#include "lib/json.h"
#include "master/registry.h"
#include "master/status.h"

enum change_verb {
    CHANGE_CREATE,
    CHANGE_UPDATE,
    CHANGE_PATCH_JSON,      /* RFC 6902 */
    CHANGE_PATCH_MERGE,     /* RFC 7386 */
    CHANGE_PATCH_STRATEGIC, /* Kubernetes' own */
    CHANGE_DELETE           /* body: meta.v1.DeleteOptions or NULL */
};
enum change_strictness { CHANGE_IGNORE, CHANGE_WARN, CHANGE_STRICT };

struct change {
    enum change_verb verb;
    const struct resource *resource;
    enum sub_id sub;
    const char *ns, *name; /* ns "" for cluster-scoped kinds; name NULL: the body's (create) */
    const struct json *body;
    bool dry_run;
    enum change_strictness strictness; /* unknown and duplicate fields */
};

struct change_result {
    unsigned code;                /* 200, 201, 202 or of the failure */
    const struct object *object;  /* what stands there now (deletion: what stood there last); NULL: failed */
    bool gone;                    /* it was deleted for good */
    const struct status *failure; /* NULL: success */
    const struct str_list *warnings;
};
/* Everything in it lives until fn returns. */
typedef void change_done_fn(void *arg, const struct change_result *result);

struct cluster;
/* done is called once: before this returns when nothing is to be written (a failure, a dry run, no
 * difference), else from the loop when it is durable. done may be NULL. The change and what it points to may
 * go when this returns. */
void change_submit(struct cluster *c, const struct change *change, change_done_fn *done, void *arg);

/* For controllers: the same in one call. sub SUB_NONE or SUB_STATUS ...; body lives until return. */
void change_create(struct cluster *c, enum kind_id kind, const char *ns, const struct json *body,
    change_done_fn *done, void *arg);
/* With body's metadata.resourceVersion it is a compare-and-swap. */
void change_update(struct cluster *c, enum kind_id kind, enum sub_id sub, const struct json *body,
    change_done_fn *done, void *arg);
/* A merge patch as text. */
void change_patch(struct cluster *c, enum kind_id kind, enum sub_id sub, const char *ns, const char *name,
    const char *merge_patch, change_done_fn *done, void *arg);
/* grace < 0: the object's own; uid NULL: any. */
void change_delete(struct cluster *c, enum kind_id kind, const char *ns, const char *name, const char *uid,
    int64_t grace, change_done_fn *done, void *arg);
/* Binds a Pod to a node (POST pods/NAME/binding). */
void change_bind(struct cluster *c, const char *ns, const char *pod, const char *uid, const char *node,
    change_done_fn *done, void *arg);

#endif
