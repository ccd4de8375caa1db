/*
 * Routing:
 *   /api/v1/..., /apis/GROUP/VERSION/...   [watch/][namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]
 *   everything else                        health, discovery, OpenAPI
 * A path is split after decoding, as API servers do it: an encoded slash separates, too.
 */
#include "master/api.h"
#include "master/auth.h"
#include "master/call.h"
#include "master/discovery.h"
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)3 << 20)
#define CONNECTIONS_MAX 4096
#define IDLE_SECONDS 0 /* watches are silent for long; a dead client shows by TCP keepalive */
#define PARTS_MAX 12

struct api {
    struct cluster *cluster;
    struct http_server *server;
};

/* ---- Who ---- */

enum identity { KNOWN, UNKNOWN, ANSWERED };

static enum identity identify(struct call *c)
{
    const struct tls_subject *peer = http_peer(c->req);
    const char *as = http_header(c->req, "Impersonate-User");
    if (!peer || !peer->common_name || !*peer->common_name || http_header(c->req, "Authorization"))
        return UNKNOWN;
    c->user = peer->common_name;
    c->groups = peer->organizations;
    if (!as)
        return KNOWN;
    if (!auth_is_master(&c->groups)) {
        call_fail(c, status_forbidden(c->arena, "", "users", as,
                         arena_printf(c->arena,
                             "User \"%s\" cannot impersonate resource \"users\" in API group \"\" at the "
                             "cluster scope",
                             c->user)));
        return ANSWERED;
    }
    const char *group = http_header(c->req, "Impersonate-Group");
    const char **groups = arena_array(c->arena, 1, sizeof(*groups));
    groups[0] = group;
    c->user = as;
    c->groups = (struct str_list){group ? 1 : 0, groups};
    return KNOWN;
}

static void unauthorized(struct call *c)
{
    call_fail(c, status_new(c->arena, 401, "Unauthorized", "Unauthorized"));
}

static bool may(struct call *c)
{
    const struct resource *r = c->resource;
    if (auth_allows(c->user, &c->groups, c->verb, r, c->sub, c->ns, c->name))
        return true;
    bool named = c->name && c->verb != VERB_CREATE;
    const char *where =
        c->ns && *c->ns ? arena_printf(c->arena, "in the namespace \"%s\"", c->ns) : "at the cluster scope";
    call_fail(
        c, status_forbidden(c->arena, r->group, r->kind->resource, named || c->sub ? c->name : "",
               arena_printf(c->arena, "User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s",
                   c->user, auth_verb_name(c->verb), r->kind->resource, c->sub ? "/" : "",
                   c->sub ? c->sub->name : "", r->group, where)));
    return false;
}

/* ---- Health ---- */

static bool handle_health(struct call *c, const char *path)
{
    static const char *const roots[] = {"/healthz", "/livez", "/readyz"};
    static const char *const checks[] = {"ping", "store"};
    const char *root = NULL, *rest = "";
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        size_t n = strlen(roots[i]);
        if (!strncmp(path, roots[i], n) && (!path[n] || path[n] == '/')) {
            root = roots[i];
            rest = path[n] ? path + n + 1 : "";
        }
    }
    if (!root)
        return false;
    bool known = !*rest;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        known = known || !strcmp(rest, checks[i]);
    if (!known) {
        call_respond(c, 404, "text/plain; charset=utf-8", "404 page not found\n", 19, NULL);
        return true;
    }
    auto_buf b = BUF_INIT(4096);
    if (!*rest && http_query(c->req, "verbose")) {
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
            buf_addf(&b, "[+]%s ok\n", checks[i]);
        buf_addf(&b, "%s check passed\n", root + 1);
    } else {
        buf_adds(&b, "ok");
    }
    call_respond(c, 200, "text/plain; charset=utf-8", b.data, b.len, NULL);
    return true;
}

/* ---- What ---- */

struct parts {
    const char *v[PARTS_MAX];
    size_t n;
};

/* false: an empty part, or too many. A slash at the end does no harm. */
static bool split(struct arena *a, const char *path, struct parts *p)
{
    p->n = 0;
    for (const char *s = path; *s == '/' && s[1];) {
        size_t n = strcspn(++s, "/");
        if (!n || p->n == PARTS_MAX)
            return false;
        p->v[p->n++] = arena_strndup(a, s, n);
        s += n;
    }
    return p->n > 0;
}

/* Fills resource, sub, ns, name out of the parts behind the version; false: no such thing. */
static bool route_resource(
    struct call *c, const char *group, const char *version, const char *const *v, size_t n, bool *ret_watch)
{
    size_t i = 0;
    *ret_watch = n && !strcmp(v[0], "watch");
    i += *ret_watch;
    const char *ns = NULL;
    /* namespaces/NS/RESOURCE, but namespaces/NS and namespaces/NS/status are about the namespace */
    bool inside = n - i >= 3 && !strcmp(v[i], "namespaces") &&
                  !resource_sub(resource_find("", "v1", "namespaces"), v[i + 2]);
    if (inside) {
        ns = v[i + 1];
        i += 2;
    }
    if (i >= n || n - i > 3)
        return false;
    c->resource = resource_find(group, version, v[i]);
    if (!c->resource || (ns && !c->resource->kind->namespaced))
        return false;
    c->name = n - i > 1 ? v[i + 1] : NULL;
    if (n - i > 2 && !(c->sub = resource_sub(c->resource, v[i + 2])))
        return false;
    if (c->name && !ns && c->resource->kind->namespaced)
        return false;
    c->ns = c->resource->kind->namespaced ? ns : "";
    return true;
}

static unsigned verb_of(const struct call *c, bool watch_path)
{
    const char *m = c->method;
    bool whole = c->ns != NULL; /* a namespaced collection needs its namespace to be changed */
    if (!strcmp(m, "GET")) {
        if (c->sub)
            return VERB_GET;
        if (watch_path || (!c->name && call_bool(c, "watch")))
            return VERB_WATCH;
        return c->name ? VERB_GET : VERB_LIST;
    }
    if (!strcmp(m, "POST") && whole && (!c->name || c->sub))
        return VERB_CREATE;
    if (!strcmp(m, "PUT") && c->name)
        return VERB_UPDATE;
    if (!strcmp(m, "PATCH") && c->name)
        return VERB_PATCH;
    if (!strcmp(m, "DELETE") && !c->sub && whole)
        return c->name ? VERB_DELETE : VERB_DELETECOLLECTION;
    return 0;
}

static void dispatch_sub(struct call *c)
{
    switch (c->sub->id) {
    case SUB_LOG:
        kubelet_proxy_log(c);
        break;
    case SUB_EXEC:
    case SUB_ATTACH:
        kubelet_proxy_stream(c);
        break;
    default:
        if (c->verb == VERB_GET)
            api_get(c);
        else
            api_write(c);
        break;
    }
}

static void dispatch(struct call *c)
{
    if (c->sub) {
        dispatch_sub(c);
        return;
    }
    switch (c->verb) {
    case VERB_GET:
        api_get(c);
        break;
    case VERB_LIST:
        api_list(c);
        break;
    case VERB_WATCH:
        api_watch(c);
        break;
    case VERB_DELETE:
        api_delete(c);
        break;
    case VERB_DELETECOLLECTION:
        api_delete_collection(c);
        break;
    default:
        api_write(c);
        break;
    }
}

static void fail_accept(struct call *c, enum accept_result result)
{
    static const char types[] = "application/json, application/yaml";
    c->accept = (struct accept){.version = "v1"};
    struct status *s;
    if (result == ACCEPT_NO_CONVERSION) {
        s = status_new(
            c->arena, 406, "NotAcceptable", "only the following media types are accepted: %s", types);
    } else {
        s = status_new(c->arena, 406, "NotAcceptable",
            "406: Not Acceptable\n\nAvailable representations: %s%s", types,
            c->name ? "" : ", application/json;stream=watch");
        s->details = true;
    }
    call_fail(c, s);
}

static void handle_resource(struct call *c, bool watch_path)
{
    unsigned allowed = c->sub ? c->sub->verbs : c->resource->verbs;
    c->verb = verb_of(c, watch_path);
    if (!(c->verb & allowed)) {
        if (!strcmp(c->method, "HEAD"))
            call_respond(c, 405, NULL, "", 0, NULL);
        else
            call_fail(c, status_no_method(c->arena));
        return;
    }
    if (!may(c))
        return;
    if (c->resource->kind->id == KIND_ENDPOINTS)
        c->deprecated = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
    bool raw = c->sub && (c->sub->id == SUB_LOG || c->sub->id == SUB_EXEC || c->sub->id == SUB_ATTACH);
    enum accept_result result = accept_parse(c->arena, http_header(c->req, "Accept"), &c->accept);
    if (result != ACCEPT_OK && !raw)
        fail_accept(c, result);
    else
        dispatch(c);
}

static void handle_other(struct call *c, const char *path)
{
    enum accept_result result = accept_parse(c->arena, http_header(c->req, "Accept"), &c->accept);
    if (strcmp(c->method, "GET") != 0) {
        call_fail(c, status_no_method(c->arena));
        return;
    }
    if (openapi_handle(c, path))
        return;
    if (result != ACCEPT_OK) {
        fail_accept(c, result);
        return;
    }
    if (discovery_handle(c, path))
        return;
    if (!strncmp(path, "/api", 4))
        call_fail(c, status_no_resource(c->arena));
    else
        call_respond(c, 404, "text/plain; charset=utf-8", "404 page not found\n", 19, NULL);
}

static bool is_public(const char *path)
{
    return !strcmp(path, "/version");
}

static void handle(void *arg, struct http_request *req)
{
    struct api *api = arg;
    struct arena *a = arena_new();
    struct call *c = arena_new_obj(a, struct call);
    *c = (struct call){.arena = a, .cluster = api->cluster, .req = req, .method = http_method(req)};
    c->accept.version = "v1";
    char *path = arena_strdup(a, http_path(req));
    for (size_t n = strlen(path); n && path[n - 1] == '/'; n--)
        path[n - 1] = 0;
    if (handle_health(c, path))
        return;
    enum identity who = identify(c);
    if (who == ANSWERED)
        return;
    if (who == UNKNOWN && (!is_public(path) || http_header(req, "Authorization"))) {
        unauthorized(c);
        return;
    }
    struct parts p;
    bool watch_path = false, good = split(a, path, &p);
    bool core = good && p.n > 2 && !strcmp(p.v[0], "api") && !strcmp(p.v[1], "v1");
    bool grouped = good && p.n > 3 && !strcmp(p.v[0], "apis");
    if (core || grouped) {
        size_t skip = core ? 2 : 3;
        if (route_resource(c, core ? "" : p.v[1], core ? "v1" : p.v[2], p.v + skip, p.n - skip, &watch_path))
            handle_resource(c, watch_path);
        else
            call_fail(c, status_no_resource(a));
        return;
    }
    handle_other(c, good || !*path ? path : "/api/");
}

struct err *api_new(struct cluster *c, const struct api_opts *o, struct api **ret)
{
    struct api *a = mem_new(struct api);
    a->cluster = c;
    const struct http_server_opts opts = {
        .address = o->address,
        .port = o->port,
        .tls_cert_file = o->cert_file,
        .tls_key_file = o->key_file,
        .client_ca_file = o->client_ca_file,
        .max_body = BODY_MAX,
        .max_connections = CONNECTIONS_MAX,
        .idle_seconds = IDLE_SECONDS,
        .handler = handle,
        .arg = a,
    };
    struct err *e = http_server_new(c->loop, &opts, &a->server);
    if (e) {
        free(a);
        return err_wrap(e, "the API");
    }
    *ret = a;
    return NULL;
}

uint16_t api_port(const struct api *a)
{
    return http_server_port(a->server);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    http_server_free(a->server);
    free(a);
}
