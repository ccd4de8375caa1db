/*
 * The client itself: a kubeconfig becomes a server and credentials, a request a call of the HTTP client, an
 * answer a tree or an error in the server's words. Reflectors are in kube_watch.c.
 */
#include "lib/api/kube.h"

#include "lib/api/kube_internal.h"
#include "lib/file.h"
#include "lib/http_client_internal.h"
#include "lib/tls.h"
#include "lib/yaml.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONFIG_MAX = 1 << 20, REQUEST_MS = 10000, ANSWER_MAX = 256 << 20, CREDENTIALS = 3 };

struct kube {
    struct http_client *http;
    struct http_client_tls tls;
    struct arena *arena;
    const char *server;
    int memfds[CREDENTIALS]; /* inline credentials, as files that only this process has */
};

/* --- kubeconfig --- */

/* The `member` of the entry called `name` in the list `list`. */
static const struct json *find_named(
    const struct json *config, const char *list, const char *name, const char *member)
{
    json_each_item (it, json_get(config, list)) {
        const char *n = json_str(json_get(it, "name"));
        if (n && name && strcmp(n, name) == 0)
            return json_get(it, member);
    }
    return NULL;
}

static struct err *inline_file(struct kube *k, int slot, const char *base64, const char **ret)
{
    auto_buf data = BUF_INIT(CONFIG_MAX);
    TRY(base64_decode(base64, &data));
    k->memfds[slot] = memfd_create("kubeconfig", MFD_CLOEXEC);
    if (k->memfds[slot] < 0)
        return err_sys(errno, "memfd_create");
    TRY(file_write_all(k->memfds[slot], data.data, data.len));
    *ret = arena_printf(k->arena, "/proc/self/fd/%d", k->memfds[slot]);
    return NULL;
}

/* NAME-data: base64; NAME: a path, relative to the kubeconfig's folder. */
static struct err *credential(
    struct kube *k, int slot, const struct json *from, const char *name, const char *folder, const char **ret)
{
    const char *data = json_str(json_get(from, arena_printf(k->arena, "%s-data", name)));
    const char *path = json_str(json_get(from, name));
    if (data)
        return err_wrap(inline_file(k, slot, data, ret), "%s-data", name);
    if (path)
        *ret = *path == '/' ? arena_strdup(k->arena, path) : arena_printf(k->arena, "%s/%s", folder, path);
    return NULL;
}

static struct err *read_config(struct kube *k, const struct json *config, const char *folder)
{
    const char *current = json_str(json_get(config, "current-context"));
    const struct json *context = find_named(config, "contexts", current, "context");
    if (!context)
        return err_new(
            ERR_INVALID, "current-context: \"%s\" is not among the contexts", current ? current : "");
    const char *cluster_name = json_str(json_get(context, "cluster")),
               *user_name = json_str(json_get(context, "user"));
    const struct json *cluster = find_named(config, "clusters", cluster_name, "cluster");
    const struct json *user = find_named(config, "users", user_name, "user");
    if (!cluster)
        return err_new(ERR_INVALID, "contexts: cluster \"%s\" is not among the clusters",
            cluster_name ? cluster_name : "");
    const char *server = json_str(json_get(cluster, "server"));
    if (!server || (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0))
        return err_new(ERR_INVALID, "clusters: server: \"%s\" is not a URL", server ? server : "");
    size_t n = strlen(server);
    k->server = arena_strndup(k->arena, server, server[n - 1] == '/' ? n - 1 : n);
    k->tls.insecure_server = json_bool(json_get(cluster, "insecure-skip-tls-verify"), false);
    TRY(credential(k, 0, cluster, "certificate-authority", folder, &k->tls.ca_file));
    TRY(credential(k, 1, user, "client-certificate", folder, &k->tls.cert_file));
    return credential(k, 2, user, "client-key", folder, &k->tls.key_file);
}

static struct err *load_config(struct kube *k, const char *path)
{
    auto_free char *text = NULL, *folder = mem_strdup(path);
    const struct json *docs;
    size_t len;
    auto_arena *a = arena_new();
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    TRY(file_read(AT_FDCWD, path, CONFIG_MAX, &text, &len));
    TRY(yaml_parse(a, text, len, NULL, &docs));
    if (docs->n != 1)
        return err_new(ERR_INVALID, "one document is wanted, there are %u", docs->n);
    return read_config(k, &docs->items[0], slash ? folder : ".");
}

struct err *kube_open(uv_loop_t *loop, const char *kubeconfig, struct kube **ret)
{
    struct kube *k = mem_new(struct kube);
    k->arena = arena_new();
    for (int i = 0; i < CREDENTIALS; i++)
        k->memfds[i] = -1;
    struct err *e = load_config(k, kubeconfig);
    if (e) {
        kube_close(k);
        return err_wrap(e, "kubeconfig %s", kubeconfig);
    }
    k->http = http_client_new(loop, &k->tls);
    *ret = k;
    return NULL;
}

void kube_close(struct kube *k)
{
    if (!k)
        return;
    if (k->http)
        http_client_free(k->http);
    for (int i = 0; i < CREDENTIALS; i++)
        if (k->memfds[i] >= 0)
            close(k->memfds[i]);
    arena_free(k->arena);
    free(k);
}

const char *kube_server(const struct kube *k)
{
    return k->server;
}

const struct http_client_tls *kube_tls(const struct kube *k)
{
    return &k->tls;
}

struct http_client *kube_http(struct kube *k)
{
    return k->http;
}

/* --- answers --- */

static enum err_kind kind_of(unsigned status, const char *reason)
{
    switch (status) {
    case 400:
    case 406:
    case 415:
    case 422:
        return ERR_INVALID;
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 405:
    case 501:
        return ERR_UNSUPPORTED;
    case 409:
        return reason && strcmp(reason, "AlreadyExists") == 0 ? ERR_EXISTS : ERR_CONFLICT;
    case 413:
        return ERR_LIMIT;
    default:
        return ERR_UNAVAILABLE;
    }
}

struct err *kube_status_err(unsigned status, const struct json *body)
{
    const char *message = json_str(json_get(body, "message")), *reason = json_str(json_get(body, "reason"));
    if (message && *message)
        return err_new(kind_of(status, reason), "%s", message);
    return err_new(kind_of(status, reason), "the server answered %u%s%s", status, reason ? ": " : "",
        reason ? reason : "");
}

/* --- requests --- */

/* A call of its own around the client's, so that a cancelled one is freed too. */
struct request {
    struct http_call call; /* first */
    struct http_call *inner;
    kube_done_fn *done;
    void *arg;
};

static void request_free(struct request *r)
{
    http_call_unlink(&r->call);
    free(r);
}

static void request_cancel(struct http_call *call)
{
    struct request *r = (struct request *)call;
    http_call_cancel(r->inner);
    request_free(r);
}

const struct json *kube_parse(struct arena *a, const struct http_client_result *res)
{
    struct json_limits limits = {.bytes = ANSWER_MAX, .depth = 128, .nodes = 50000000};
    const struct json *body = NULL;
    struct err *e = json_parse(a, buf_str(&res->body), res->body.len, &limits, &body);
    err_free(e);
    return e ? NULL : body;
}

static void on_answer(void *arg, const struct http_client_result *res)
{
    struct request *r = arg;
    kube_done_fn *done = r->done;
    void *done_arg = r->arg;
    request_free(r);
    auto_arena *a = arena_new();
    const struct json *body = res->error ? NULL : kube_parse(a, res);
    auto_err *failure = !res->error && res->status >= 300 ? kube_status_err(res->status, body) : NULL;
    if (done)
        done(done_arg, res->error ? res->error : failure, res->status, body);
}

struct http_call *kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
    const void *body, size_t len, kube_done_fn *done, void *arg)
{
    struct request *r = mem_new(struct request);
    r->done = done;
    r->arg = arg;
    auto_free char *url = mem_printf("%s%s", k->server, path);
    auto_free char *type = mem_printf("Content-Type: %s", content_type ? content_type : "application/json");
    const char *headers[] = {"Accept: application/json", body ? type : NULL, NULL};
    r->inner = http_client_start(k->http,
        &(struct http_client_request){.method = method,
            .url = url,
            .headers = headers,
            .body = body,
            .body_len = len,
            .timeout_ms = REQUEST_MS,
            .max_body = ANSWER_MAX},
        NULL, on_answer, r);
    http_call_link(k->http, &r->call, request_cancel); /* before the inner one, where all are cancelled */
    return &r->call;
}
