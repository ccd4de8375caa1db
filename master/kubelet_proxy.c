/*
 * To a node's kubelet over HTTPS, with the client certificate apiserver-kubelet-client. Logs are streamed
 * through; exec and attach are one upgraded connection to the client and one to the kubelet, spliced as raw
 * bytes, so the WebSocket between them is the client's and the kubelet's own.
 *
 * A node is not trusted with more than its answer: its redirects are not followed, its errors become a
 * Status, its address comes from its Node's status and its certificate must be ours and name that address.
 */
#include "master/kubelet_proxy.h"
#include "lib/api/paths.h"
#include "lib/mem.h"
#include "master/call.h"
#include "master/invalid.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_MS 30000
#define LAG_MAX ((size_t)1 << 20)
#define URL_MAX 65536

struct kubelet_proxy {
    struct http_client *client;
};

struct kubelet_proxy *kubelet_proxy_new(uv_loop_t *loop, const struct http_client_tls *tls)
{
    struct kubelet_proxy *p = mem_new(struct kubelet_proxy);
    p->client = http_client_new(loop, tls);
    return p;
}

void kubelet_proxy_free(struct kubelet_proxy *p)
{
    if (!p)
        return;
    http_client_free(p->client);
    free(p);
}

/* ---- Which node, which container ---- */

/* A Node's status says where it is: not in this host's own corners, whoever wrote it. */
static bool is_node_address(const char *text)
{
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1)
        return false;
    uint32_t ip = ntohl(in.s_addr);
    return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 16 != 0xa9fe && ip >> 28 < 0xe;
}

static const char *node_address(const struct json *node)
{
    json_each_item (a, json_at(node, "status", "addresses", NULL)) {
        const char *type = json_str(json_get(a, "type")), *text = json_str(json_get(a, "address"));
        if (type && text && !strcmp(type, "InternalIP") && is_node_address(text))
            return text;
    }
    return NULL;
}

static const char *names_of(struct arena *a, const struct json *containers)
{
    auto_buf b = BUF_INIT(8192);
    json_each_item (c, containers)
        buf_addf(&b, "%s%s", b.len ? " " : "", json_str(json_get(c, "name")));
    return arena_strdup(a, buf_str(&b));
}

static bool has_container(const struct json *containers, const char *name)
{
    json_each_item (c, containers) {
        const char *n = json_str(json_get(c, "name"));
        if (n && !strcmp(n, name))
            return true;
    }
    return false;
}

/* NULL: failed already. */
static const char *choose_container(struct call *c, const struct json *pod)
{
    const char *name = http_query(c->req, "container");
    const struct json *list = json_at(pod, "spec", "containers", NULL);
    const struct json *init = json_at(pod, "spec", "initContainers", NULL);
    if (name && *name) {
        if (has_container(list, name) || has_container(init, name))
            return name;
        call_fail(c, status_bad_request(c->arena, "container %s is not valid for pod %s", name, c->name));
        return NULL;
    }
    if (list && list->n == 1 && (!init || !init->n))
        return json_str(json_get(&list->items[0], "name"));
    const char *preset =
        json_str(json_at(pod, "metadata", "annotations", "kubectl.kubernetes.io/default-container", NULL));
    if (preset && has_container(list, preset))
        return preset;
    call_fail(c, status_bad_request(c->arena,
                     "a container name must be specified for pod %s, choose one of: [%s]%s%s%s", c->name,
                     names_of(c->arena, list), init && init->n ? " or one of the init containers: [" : "",
                     init && init->n ? names_of(c->arena, init) : "", init && init->n ? "]" : ""));
    return NULL;
}

struct target {
    const struct json *pod;
    const char *container, *node, *base; /* "https://10.0.0.2:10250" */
};

/* node NULL: the Pod has none yet. false: failed already. */
static bool find_target(struct call *c, struct target *t)
{
    const struct registry *r = c->cluster->registry;
    const struct object *pod = registry_get(r, KIND_POD, c->ns, c->name);
    *t = (struct target){0};
    if (!pod) {
        call_fail(c, status_not_found(c->arena, "", "pods", c->name));
        return false;
    }
    t->pod = object_tree(c->arena, pod);
    if (!(t->container = choose_container(c, t->pod)))
        return false;
    t->node = json_str(json_at(t->pod, "spec", "nodeName", NULL));
    if (!t->node || !*t->node) {
        t->node = NULL;
        return true;
    }
    const struct object *node = registry_get(r, KIND_NODE, "", t->node);
    const struct json *tree = node ? object_tree(c->arena, node) : NULL;
    const char *ip = node_address(tree);
    if (!ip) {
        call_fail(c, status_internal(c->arena,
                         node ? "node \"%s\" has no usable address" : "node \"%s\" not found", t->node));
        return false;
    }
    int64_t port = 0;
    json_int(json_at(tree, "status", "daemonEndpoints", "kubeletEndpoint", "Port", NULL), &port);
    if (port < 1 || port > 65535)
        port = PATHS_KUBELET_PORT;
    t->base = arena_printf(c->arena, "https://%s:%d", ip, (int)port);
    return true;
}

static void escape(struct buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (isalnum(*p) || strchr("-_.~", *p))
            buf_addc(b, (char)*p);
        else
            buf_addf(b, "%%%02X", *p);
}

/* ---- Query parameters: what the API calls one thing, the kubelet may call another ---- */

struct renaming {
    const char *from, *to;
};

struct query {
    struct buf *b;
    const struct renaming *table; /* what passes; ended by a NULL name */
};

static void pass_parameter(void *arg, const char *name, const char *value)
{
    struct query *q = arg;
    for (const struct renaming *r = q->table; r->from; r++) {
        if (strcmp(r->from, name) != 0)
            continue;
        buf_addc(q->b, strchr(buf_str(q->b), '?') ? '&' : '?');
        buf_addf(q->b, "%s=", r->to);
        escape(q->b, !strcmp(value, "true") && strcmp(r->from, r->to) != 0 ? "1" : value);
    }
}

static const char *url_of(
    struct call *c, const struct target *t, const char *verb, const struct renaming *table)
{
    auto_buf b = BUF_INIT(URL_MAX);
    buf_addf(&b, "%s/%s/", t->base, verb);
    escape(&b, c->ns);
    buf_addc(&b, '/');
    escape(&b, c->name);
    buf_addc(&b, '/');
    escape(&b, t->container);
    http_query_each(c->req, pass_parameter, &(struct query){&b, table});
    auto_err *e = buf_check(&b, "the request");
    if (e) {
        call_fail(c, status_bad_request(c->arena, "%s", err_message(e)));
        return NULL;
    }
    return arena_strdup(c->arena, buf_str(&b));
}

/* What a kubelet's refusal becomes. */
static void fail_upstream(struct call *c, unsigned status, const char *body, const char *node)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{400, "BadRequest"}, {403, "Forbidden"}, {404, "NotFound"}, {409, "Conflict"},
        {500, "InternalError"}, {503, "ServiceUnavailable"}};
    size_t n = body ? strcspn(body, "\r\n") : 0;
    const char *text = n ? arena_strndup(c->arena, body, n) : "no reason given";
    if (!status || status < 400) { /* no answer, or none that makes sense: a redirect, a 200 to an upgrade */
        call_fail(c, status_new(c->arena, 502, "InternalError", "the kubelet of node \"%s\": %s", node,
                         status ? arena_printf(c->arena, "answered with status %u", status) : text));
        return;
    }
    const char *reason = "InternalError";
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            reason = reasons[i].reason;
    call_fail(c, status_new(c->arena, status, reason, "%s", text));
}

/* ---- Logs ---- */

struct logging {
    struct call *call;
    const char *node;
    struct http_call *upstream;
    struct http_stream *stream;
};

static void log_closed(void *arg)
{
    struct logging *l = arg;
    http_call_cancel(l->upstream);
    call_free(l->call);
}

/* The client has caught up. */
static void log_drained(void *arg)
{
    struct logging *l = arg;
    if (l->upstream)
        http_call_resume(l->upstream);
}

static void log_begin(struct logging *l)
{
    if (l->stream)
        return;
    l->stream = http_stream(l->call->req, 200, "text/plain", NULL, log_closed, l);
    http_stream_on_drain(l->stream, log_drained);
}

static void log_data(void *arg, const char *data, size_t len)
{
    struct logging *l = arg;
    log_begin(l);
    http_stream_send(l->stream, data, len);
    if (http_stream_queued(l->stream) > LAG_MAX && l->upstream)
        http_call_pause(l->upstream); /* a pager reads when its person does */
}

static void log_done(void *arg, const struct http_client_result *res)
{
    struct logging *l = arg;
    l->upstream = NULL;
    if (l->stream) {
        http_stream_end(l->stream);
    } else if (res->status / 100 == 2) {
        call_respond(l->call, 200, "text/plain", "", 0, NULL);
    } else {
        const char *why = res->error ? err_message(res->error) : buf_str(&res->body);
        fail_upstream(l->call, res->status, why, l->node);
    }
}

static bool check_log_options(struct call *c)
{
    static const char *const numbers[] = {"tailLines", "limitBytes", "sinceSeconds"};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t v = 1;
        if (!call_int(c, numbers[i], &v))
            return false;
        int64_t min = i ? 1 : 0;
        if (v >= min)
            continue;
        struct invalid bad = {.arena = c->arena};
        invalid_int(&bad, PATH(NULL, numbers[i]), v,
            min ? "must be greater than 0" : "must be greater than or equal to 0");
        call_fail(c, invalid_status(&bad, "", "PodLogOptions", c->name));
        return false;
    }
    return true;
}

void kubelet_proxy_log(struct call *c)
{
    static const struct renaming passes[] = {{"follow", "follow"}, {"previous", "previous"},
        {"timestamps", "timestamps"}, {"tailLines", "tailLines"}, {"limitBytes", "limitBytes"},
        {"sinceSeconds", "sinceSeconds"}, {"sinceTime", "sinceTime"}, {"stream", "stream"}, {0}};
    struct target t;
    if (!check_log_options(c) || !find_target(c, &t))
        return;
    if (!t.node) { /* nothing has been written yet */
        call_respond(c, 204, NULL, "", 0, NULL);
        return;
    }
    const char *url = url_of(c, &t, "containerLogs", passes);
    if (!url)
        return;
    struct logging *l = arena_new_obj(c->arena, struct logging);
    *l = (struct logging){.call = c, .node = t.node};
    const struct http_client_request r = {.method = "GET", .url = url};
    l->upstream = http_client_start(c->cluster->proxy->client, &r, log_data, log_done, l);
    if (call_bool(c, "follow")) /* a client that leaves before the first line is seen to leave */
        log_begin(l);
}

/* ---- Exec and attach ---- */

struct streaming {
    struct call *call;
    const char *node;
    struct duplex *kubelet;
};

static void spliced(void *arg)
{
    struct streaming *s = arg;
    call_free(s->call);
}

static void client_up(void *arg, struct duplex *client)
{
    struct streaming *s = arg;
    if (client) {
        duplex_splice(client, s->kubelet, spliced, s);
    } else {
        duplex_free(s->kubelet);
        call_free(s->call);
    }
}

static void kubelet_up(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body)
{
    struct streaming *s = arg;
    struct call *c = s->call;
    if (!d) {
        fail_upstream(c, status, body, s->node);
        return;
    }
    s->kubelet = d;
    auto_free char *accept = http_head_get(headers, "Sec-WebSocket-Accept");
    auto_free char *protocol = http_head_get(headers, "Sec-WebSocket-Protocol");
    struct http_header out[3] = {{0}};
    size_t n = 0;
    if (accept)
        out[n++] = (struct http_header){"Sec-WebSocket-Accept", accept};
    if (protocol)
        out[n++] = (struct http_header){"Sec-WebSocket-Protocol", protocol};
    http_upgrade(c->req, "websocket", out, client_up, s);
}

void kubelet_proxy_stream(struct call *c)
{
    static const struct renaming passes[] = {{"command", "command"}, {"stdin", "input"}, {"stdout", "output"},
        {"stderr", "error"}, {"tty", "tty"}, {0}};
    bool exec = c->sub->id == SUB_EXEC;
    const char *upgrade = http_header(c->req, "Upgrade"), *key = http_header(c->req, "Sec-WebSocket-Key");
    const char *version = http_header(c->req, "Sec-WebSocket-Version");
    const char *protocol = http_header(c->req, "Sec-WebSocket-Protocol");
    struct target t;
    if (!find_target(c, &t))
        return;
    if (!t.node) {
        call_fail(c, status_bad_request(c->arena, "pod %s does not have a host assigned", c->name));
        return;
    }
    if (exec && !http_query(c->req, "command")) {
        call_fail(c, status_bad_request(c->arena, "you must specify at least 1 command to exec"));
        return;
    }
    if (!call_bool(c, "stdin") && !call_bool(c, "stdout") && !call_bool(c, "stderr")) {
        call_fail(c, status_bad_request(c->arena, "you must specify at least 1 of stdin, stdout, stderr"));
        return;
    }
    if (!upgrade || strcasecmp(upgrade, "websocket") != 0 || !key || !version) {
        call_fail(c, status_bad_request(c->arena, "Upgrade request required: this server speaks WebSocket"));
        return;
    }
    const char *url = url_of(c, &t, exec ? "exec" : "attach", passes);
    if (!url)
        return;
    const char *headers[] = {"Connection: Upgrade", "Upgrade: websocket",
        arena_printf(c->arena, "Sec-WebSocket-Key: %s", key),
        arena_printf(c->arena, "Sec-WebSocket-Version: %s", version),
        protocol ? arena_printf(c->arena, "Sec-WebSocket-Protocol: %s", protocol) : NULL, NULL};
    struct streaming *s = arena_new_obj(c->arena, struct streaming);
    *s = (struct streaming){.call = c, .node = t.node};
    const struct http_client_request r = {
        .method = "GET", .url = url, .headers = headers, .timeout_ms = CONNECT_MS};
    http_client_upgrade(c->cluster->proxy->client, &r, kubelet_up, s);
}
