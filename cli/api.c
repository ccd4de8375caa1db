#include "cli/api.h"

#include "lib/api/kube.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/yaml.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CALL_MS = 30000, ANSWER_MAX = 64 << 20, MANIFEST_MAX = 16 << 20 };

#define ACCEPT_DISCOVERY "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

struct api {
    uv_loop_t loop; /* kube_open() wants one; nothing runs in it */
    struct kube *kube;
    struct arena *arena;
    const struct json *discovery[2]; /* /api, /apis: asked once */
};

struct err *api_open(const struct cli *cli, struct api **ret)
{
    const char *from_env = getenv("KUBECONFIG");
    auto_free char *path =
        from_env && *from_env ? mem_strdup(from_env) : mem_printf("%s/admin.kubeconfig", cli->state);
    if (!file_exists(AT_FDCWD, path))
        return err_new(ERR_NOT_FOUND,
            "no master is known: %s does not exist (set KUBECONFIG, or start one with wherry up)", path);
    struct api *api = mem_new(struct api);
    api->arena = arena_new();
    uv_loop_init(&api->loop);
    struct err *e = kube_open(&api->loop, path, &api->kube);
    if (e) {
        api_close(api);
        return err_wrap(e, "%s", path);
    }
    *ret = api;
    return NULL;
}

void api_close(struct api *api)
{
    if (!api)
        return;
    if (api->kube)
        kube_close(api->kube);
    uv_run(&api->loop, UV_RUN_NOWAIT);
    uv_loop_close(&api->loop);
    arena_free(api->arena);
    free(api);
}

void api_cleanup(struct api **api)
{
    api_close(*api);
}

const char *api_server(const struct api *api)
{
    return kube_server(api->kube);
}

const struct http_client_tls *api_tls(const struct api *api)
{
    return kube_tls(api->kube);
}

/* --- one request */

static struct err *send_request(struct api *api, const struct api_request *r, struct http_client_result *res)
{
    auto_free char *url = mem_printf("%s%s", api_server(api), r->path);
    auto_free char *accept = mem_printf("Accept: %s", r->accept ? r->accept : "application/json");
    auto_free char *type =
        mem_printf("Content-Type: %s", r->content_type ? r->content_type : "application/json");
    auto_buf body = BUF_INIT(MANIFEST_MAX);
    if (r->body)
        json_write(&body, r->body, 0);
    TRY(buf_check(&body, "request body"));
    const char *headers[] = {accept, r->body ? type : NULL, NULL};
    TRY(http_fetch(api_tls(api),
        &(struct http_client_request){.method = r->method,
            .url = url,
            .headers = headers,
            .body = body.data,
            .body_len = body.len,
            .timeout_ms = CALL_MS,
            .max_body = ANSWER_MAX},
        res));
    struct err *e = res->error;
    res->error = NULL;
    return e;
}

struct err *api_call(struct api *api, struct arena *a, const struct api_request *r, const struct json **ret)
{
    struct http_client_result res = {0};
    const struct json *body = NULL;
    struct err *e = send_request(api, r, &res);
    if (!e) {
        struct json_limits limits = json_limits_default;
        limits.bytes = ANSWER_MAX;
        limits.nodes = 8000000;
        struct err *bad = json_parse(a, buf_str(&res.body), res.body.len, &limits, &body);
        if (bad && res.status < 300)
            e = err_wrap(take_ptr(bad), "%s %s", r->method, r->path);
        else
            e = res.status < 300 ? NULL : kube_status_err(res.status, body);
        err_free(bad);
    }
    http_client_result_done(&res);
    if (!e && ret)
        *ret = body;
    return e;
}

/* --- resources by name */

static struct err *load_discovery(struct api *api)
{
    static const char *const paths[] = {"/api", "/apis"};
    for (int i = 0; i < 2; i++)
        if (!api->discovery[i])
            TRY(api_call(api, api->arena,
                &(struct api_request){"GET", paths[i], ACCEPT_DISCOVERY, NULL, NULL}, &api->discovery[i]));
    return NULL;
}

static bool is_called(const struct json *res, const char *group, const char *name)
{
    const char *dot = strchr(name, '.');
    size_t n = dot ? (size_t)(dot - name) : strlen(name);
    if (dot && strcmp(dot + 1, group) != 0)
        return false;
    auto_free char *word = mem_strndup(name, n);
    const char *plural = json_str(json_get(res, "resource")),
               *singular = json_str(json_get(res, "singularResource"));
    const char *kind = json_str(json_at(res, "responseKind", "kind", NULL));
    if ((plural && strcasecmp(word, plural) == 0) ||
        (singular && *singular && strcasecmp(word, singular) == 0) || (kind && strcasecmp(word, kind) == 0))
        return true;
    json_each_item (s, json_get(res, "shortNames"))
        if (json_str(s) && strcmp(json_str(s), word) == 0)
            return true;
    return false;
}

static void fill_resource(
    const struct json *res, const char *group, const char *version, struct resource *ret)
{
    const char *scope = json_str(json_get(res, "scope"));
    *ret = (struct resource){.group = group,
        .version = version,
        .plural = json_str(json_get(res, "resource")),
        .singular = json_str(json_get(res, "singularResource")),
        .kind = json_str(json_at(res, "responseKind", "kind", NULL)),
        .namespaced = scope && strcmp(scope, "Namespaced") == 0};
}

/* Calls match() for each resource of the discovery documents until one is it. */
static bool find_resource(struct api *api,
    bool (*match)(const struct json *res, const char *group, const char *version, const void *arg),
    const void *arg, struct resource *ret)
{
    for (int i = 0; i < 2; i++)
        json_each_item (g, json_get(api->discovery[i], "items")) {
            const char *group = json_str(json_at(g, "metadata", "name", NULL));
            json_each_item (v, json_get(g, "versions")) {
                const char *version = json_str(json_get(v, "version"));
                json_each_item (res, json_get(v, "resources"))
                    if (version && match(res, group ? group : "", version, arg)) {
                        fill_resource(res, group ? group : "", version, ret);
                        return true;
                    }
            }
        }
    return false;
}

static bool match_name(const struct json *res, const char *group, const char *version, const void *arg)
{
    (void)version;
    return is_called(res, group, arg);
}

struct gvk {
    const char *api_version, *kind;
};

static bool match_gvk(const struct json *res, const char *group, const char *version, const void *arg)
{
    const struct gvk *want = arg;
    const char *kind = json_str(json_at(res, "responseKind", "kind", NULL));
    auto_free char *gv = *group ? mem_printf("%s/%s", group, version) : mem_strdup(version);
    return kind && strcmp(kind, want->kind) == 0 && strcmp(gv, want->api_version) == 0;
}

struct err *api_resource(struct api *api, struct arena *a, const char *name, struct resource *ret)
{
    (void)a; /* the texts live as long as the api */
    TRY(load_discovery(api));
    if (find_resource(api, match_name, name, ret))
        return NULL;
    return err_new(ERR_INVALID, "the server doesn't have a resource type \"%s\"", name);
}

struct err *api_resource_of(
    struct api *api, struct arena *a, const char *api_version, const char *kind, struct resource *ret)
{
    (void)a;
    TRY(load_discovery(api));
    if (find_resource(api, match_gvk, &(struct gvk){api_version, kind}, ret))
        return NULL;
    return err_new(ERR_INVALID, "no matches for kind \"%s\" in version \"%s\"", kind, api_version);
}

const char *api_path(struct arena *a, const struct resource *r, const char *ns, const char *name)
{
    const char *root = *r->group ? arena_printf(a, "/apis/%s/%s", r->group, r->version)
                                 : arena_printf(a, "/api/%s", r->version);
    const char *in = r->namespaced && ns ? arena_printf(a, "/namespaces/%s", api_escape(a, ns)) : "";
    return arena_printf(
        a, "%s%s/%s%s%s", root, in, r->plural, name ? "/" : "", name ? api_escape(a, name) : "");
}

struct err *api_each_named(struct api *api, struct arena *a, char **operands, int n,
    struct err *(*fn)(void *arg, const struct resource *res, const char *name), void *arg)
{
    struct resource res;
    if (!strchr(operands[0], '/')) {
        TRY(api_resource(api, a, operands[0], &res));
        if (n == 1)
            return fn(arg, &res, NULL);
        for (int i = 1; i < n; i++)
            TRY(fn(arg, &res, operands[i]));
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        const char *slash = strchr(operands[i], '/');
        if (!slash || !slash[1])
            return err_new(ERR_INVALID, "\"%s\": TYPE/NAME is wanted here", operands[i]);
        TRY(api_resource(api, a, arena_strndup(a, operands[i], (size_t)(slash - operands[i])), &res));
        TRY(fn(arg, &res, slash + 1));
    }
    return NULL;
}

const char *api_escape(struct arena *a, const char *text)
{
    auto_buf b = BUF_INIT(1 << 20);
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     strchr("-_.~", *p);
        if (plain)
            buf_addc(&b, *p);
        else
            buf_addf(&b, "%%%02X", (unsigned char)*p);
    }
    return arena_strdup(a, buf_str(&b));
}

/* --- manifests */

static struct err *read_manifest(struct arena *a, const char *file, const struct json **ret)
{
    auto_free char *text = NULL;
    size_t len;
    auto_close fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open");
    TRY(file_read_stream(fd, MANIFEST_MAX, &text, &len)); /* a shell's <(...) is a pipe, too */
    struct json_limits limits = json_limits_default;
    limits.bytes = MANIFEST_MAX;
    return yaml_parse(a, text, len, &limits, ret);
}

static struct err *check_document(const struct json *doc)
{
    if (doc->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "not an object");
    if (!json_str(json_get(doc, "apiVersion")))
        return err_new(ERR_INVALID, "apiVersion: must be a string, like v1");
    if (!json_str(json_get(doc, "kind")))
        return err_new(ERR_INVALID, "kind: must be a string, like Pod");
    const struct json *meta = json_get(doc, "metadata");
    if (!json_str(json_get(meta, "name")) && !json_str(json_get(meta, "generateName")))
        return err_new(ERR_INVALID, "metadata.name: must be a string");
    return NULL;
}

static struct err *add_document(struct arena *a, const struct json *doc, const struct json **all)
{
    const char *kind = json_str(json_get(doc, "kind"));
    if (kind && strcmp(kind, "List") == 0) {
        json_each_item (it, json_get(doc, "items"))
            TRY(add_document(a, it, all));
        return NULL;
    }
    TRY(check_document(doc));
    *all = json_append(a, *all, doc);
    return NULL;
}

struct err *api_read_manifests(
    struct arena *a, const struct str_list *files, const struct json **ret_documents)
{
    const struct json *all = &json_empty_array;
    for (size_t i = 0; i < files->n; i++) {
        const struct json *docs = NULL;
        int number = 0;
        TRY_WRAP(read_manifest(a, files->v[i], &docs), "%s", files->v[i]);
        json_each_item (doc, docs)
            TRY_WRAP(add_document(a, doc, &all), "%s: document %d", files->v[i], ++number);
    }
    if (all->n == 0)
        return err_new(ERR_INVALID, "no object in what -f names");
    *ret_documents = all;
    return NULL;
}
