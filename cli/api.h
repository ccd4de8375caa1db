/*
 * The command line's view of the Kubernetes API: one blocking request at a time, resources by what a person
 * calls them.
 */
#ifndef WHERRY_CLI_API_H
#define WHERRY_CLI_API_H

#include "cli/cli.h"
#include "lib/http_client.h"
#include "lib/json.h"

struct api; /* a server and how to speak to it */

/* From $KUBECONFIG, else STATE/admin.kubeconfig. NOT_FOUND where there is none. */
struct err *api_open(const struct cli *cli, struct api **ret) __attribute__((warn_unused_result));
void api_close(struct api *api);
void api_cleanup(struct api **api);
#define auto_api __attribute__((cleanup(api_cleanup))) struct api
const char *api_server(const struct api *api);
const struct http_client_tls *api_tls(const struct api *api);

struct api_request {
    const char *method, *path;         /* "/api/v1/namespaces/default/pods?limit=500" */
    const char *accept, *content_type; /* NULL: application/json */
    const struct json *body;
};
/* The answer of a 2xx; a Status becomes an error with the server's words (404: NOT_FOUND, 409: EXISTS or
 * CONFLICT, ...). */
struct err *api_call(struct api *api, struct arena *a, const struct api_request *r, const struct json **ret)
    __attribute__((warn_unused_result));

struct resource {
    const char *group, *version; /* group "" is the core group */
    const char *plural, *singular, *kind;
    bool namespaced;
};
/* By plural, singular, kind or short name, with or without ".group": what the server's discovery says.
 * INVALID: it has no such resource. */
struct err *api_resource(struct api *api, struct arena *a, const char *name, struct resource *ret)
    __attribute__((warn_unused_result));
struct err *api_resource_of(struct api *api, struct arena *a, const char *api_version, const char *kind,
    struct resource *ret) __attribute__((warn_unused_result));
/* ns NULL: all namespaces; name NULL: the collection. */
const char *api_path(struct arena *a, const struct resource *r, const char *ns, const char *name);

/* Operands "TYPE NAME..." or "TYPE/NAME...": calls fn for each name, or once with name NULL for "TYPE" alone.
 */
struct err *api_each_named(struct api *api, struct arena *a, char **operands, int n,
    struct err *(*fn)(void *arg, const struct resource *res, const char *name), void *arg)
    __attribute__((warn_unused_result));

/* Percent-encodes a query value. */
const char *api_escape(struct arena *a, const char *text);

/* Documents of -f FILE... ("-": stdin), checked to be objects with apiVersion, kind and metadata.name (or
 * generateName); errors name the file and the document. */
struct err *api_read_manifests(struct arena *a, const struct str_list *files,
    const struct json **ret_documents) __attribute__((warn_unused_result));

#endif
