/*
 * One request to the API under way, from its routing to its answer. The handlers of the api_*.c files get it;
 * each ends it with one of the call_*() answers.
 */
#ifndef WHERRY_MASTER_CALL_H
#define WHERRY_MASTER_CALL_H

#include "lib/api/selector.h"
#include "lib/http_server.h"
#include "master/accept.h"
#include "master/change.h"
#include "master/cluster.h"

struct call {
    struct arena *arena;
    struct cluster *cluster;
    struct http_request *req;
    const char *user;
    struct str_list groups;
    const char *method;
    const struct resource *resource;
    const struct subresource *sub;
    const char *ns;   /* NULL: all namespaces; "" for a cluster-scoped kind */
    const char *name; /* NULL: the collection */
    unsigned verb;    /* one of enum verb_bits */
    struct accept accept;
    const struct str_list *warnings; /* that go with a failure, too; NULL: none */
    const char *deprecated;          /* what every use of this resource is warned of; NULL: nothing */
};

/* Ends the call with a body; frees it. */
void call_respond(struct call *c, unsigned code, const char *type, const void *body, size_t len,
    const struct http_header *headers);
void call_fail(struct call *c, const struct status *s);
/* An object, as the client wants it (table, metadata only, YAML); warnings may be NULL. */
void call_object(struct call *c, unsigned code, const struct object *o, const struct str_list *warnings);
/* JSON that is no stored object (a Scale, a Status). */
void call_json(struct call *c, unsigned code, const char *json, size_t len, const struct str_list *warnings);
void call_result(struct call *c, const struct change_result *r); /* of a change */
void call_free(struct call *c); /* after the request was taken over by a stream or an upgrade */

/* Query parameters. */
bool call_bool(const struct call *c, const char *name); /* as Kubernetes reads them: "0", "false", absent */
/* false: failed already. *ret keeps its value where the parameter is absent. */
bool call_int(struct call *c, const char *name, int64_t *ret);
bool call_selectors(struct call *c, struct selector *ret_labels, struct selector *ret_fields);
bool call_dry_run(struct call *c, const char *options_kind, bool *ret);
bool object_selected(const struct object *o, const struct selector *labels, const struct selector *fields);

/* The object's bytes as the call's resource shows them (events.k8s.io/v1 differs from what is stored). */
const char *call_bytes(struct call *c, const struct object *o, size_t *ret_len);

void api_get(struct call *c);
void api_list(struct call *c);
void api_watch(struct call *c);
void api_write(struct call *c); /* create, update, patch */
void api_delete(struct call *c);
void api_delete_collection(struct call *c);

/* table.c: rows of o (a list of them) into b; one Table. */
struct object_list {
    size_t n;
    const struct object **v;
};
void object_list_add(struct arena *a, struct object_list *l, const struct object *o); /* takes no reference */
struct list_meta_out {
    uint64_t rev;
    const char *continue_;
    int64_t remaining; /* 0: none */
};
void list_meta_write(struct json_out *o, const struct list_meta_out *m); /* api_read.c */
void list_item_write(struct json_out *o, const struct resource *r, const char *json, size_t len);
void table_write(
    struct call *c, struct buf *b, const struct object_list *l, const struct list_meta_out *m, bool columns);
/* partial.c */
void partial_write(struct buf *b, const struct object *o, const char *version);
void partial_list_write(
    struct buf *b, const struct object_list *l, const struct list_meta_out *m, const char *version);

/* kubelet_proxy.c: pods/NAME/{log,exec,attach} */
void kubelet_proxy_log(struct call *c);
void kubelet_proxy_stream(struct call *c);

#endif
