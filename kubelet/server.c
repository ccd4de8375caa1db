#include "kubelet/server.h"

#include "kubelet/pods.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BODY_MAX = 64 * 1024, CONNECTIONS_MAX = 512, IDLE_S = 300, PODS_MAX = 256 << 20, SEGMENT_MAX = 256 };

struct server {
    struct http_server *https, *local;
    char *socket;
};

/* --- answers */

void server_text(struct http_request *r, unsigned status, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    http_respond(r, status, "text/plain; charset=utf-8", text, strlen(text), NULL);
}

bool server_flag(const struct http_request *r, const char *name)
{
    const char *v = http_query(r, name);
    return v && (!*v || strcmp(v, "1") == 0 || strcmp(v, "true") == 0);
}

/* --- which container */

/* Copies segment n (0 is the first) of a path; false: it is missing or too long. */
static bool path_segment(const char *path, int n, char out[SEGMENT_MAX])
{
    const char *p = path;
    for (int i = 0; p && i <= n; i++)
        p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL;
    size_t len = p ? strcspn(p, "/") : 0;
    if (len == 0 || len >= SEGMENT_MAX)
        return false;
    memcpy(out, p, len);
    out[len] = 0;
    return true;
}

struct instance *server_find(struct kubelet *k, struct http_request *r, struct worker **ret_worker)
{
    char ns[SEGMENT_MAX], pod[SEGMENT_MAX], container[SEGMENT_MAX], more[SEGMENT_MAX];
    const char *path = http_path(r);
    if (!path_segment(path, 1, ns) || !path_segment(path, 2, pod) || !path_segment(path, 3, container) ||
        path_segment(path, 4, more)) {
        server_text(r, 404, "404 page not found\n");
        return NULL;
    }
    struct worker *w = pods_by_name(k, ns, pod);
    if (!w) {
        server_text(r, 404, "pod \"%s\" does not exist", pod);
        return NULL;
    }
    struct instance *i = worker_instance(w, container);
    if (!i) {
        server_text(r, 404, "container not found (\"%s\")", container);
        return NULL;
    }
    *ret_worker = w;
    return i;
}

/* --- /pods */

static void serve_pods(struct kubelet *k, struct http_request *r)
{
    auto_buf text = BUF_INIT(PODS_MAX);
    struct json_out o = {.buf = &text};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", "PodList");
    json_out_str(&o, "apiVersion", "v1");
    json_out_raw(&o, "metadata", "{}", 2);
    json_out_array(&o, "items");
    for (struct worker *w = pods_first(k); w; w = w->next) {
        json_out_object(&o, NULL);
        json_each_member (m, w->desired->json)
            if (strcmp(m->name, "status") != 0)
                json_out_value(&o, m->name, &m->value);
        if (w->status)
            fields_encode(&pod_status_fields, w->status, &o, "status");
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    struct err *e = buf_check(&text, "pods");
    if (e)
        server_text(r, 500, "%s", err_message(e));
    else
        http_respond(r, 200, "application/json", text.data, text.len, NULL);
    err_free(e);
}

/* --- routes */

static void serve_healthz(struct kubelet *k, struct http_request *r)
{
    (void)k;
    server_text(r, 200, "ok");
}

static const struct route {
    const char *path; /* ends with '/': everything below */
    void (*serve)(struct kubelet *k, struct http_request *r);
} routes[] = {
    {"/healthz", serve_healthz},
    {"/pods", serve_pods},
    {"/metrics", server_metrics},
    {"/stats/summary", server_summary},
    {"/containerLogs/", server_logs},
    {"/exec/", server_exec},
    {"/attach/", server_attach},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        size_t n = strlen(routes[i].path);
        bool below = routes[i].path[n - 1] == '/';
        if (below ? strncmp(path, routes[i].path, n) == 0 : strcmp(path, routes[i].path) == 0)
            return &routes[i];
    }
    return NULL;
}

static void serve(struct kubelet *k, struct http_request *r)
{
    const struct route *route = find_route(http_path(r));
    if (!route)
        server_text(r, 404, "404 page not found\n");
    else if (strcmp(http_method(r), "GET") != 0 && strcmp(http_method(r), "HEAD") != 0)
        server_text(r, 405, "method %s is not allowed here", http_method(r));
    else
        route->serve(k, r);
}

static void on_local(void *arg, struct http_request *r)
{
    serve(arg, r);
}

/* The master's certificate, or an administrator's. */
static bool is_admitted(const struct tls_subject *peer)
{
    for (size_t i = 0; i < peer->organizations.n; i++)
        if (strcmp(peer->organizations.v[i], "system:masters") == 0)
            return true;
    return false;
}

static void on_remote(void *arg, struct http_request *r)
{
    const struct tls_subject *peer = http_peer(r);
    if (!peer)
        server_text(r, 401, "Unauthorized");
    else if (!is_admitted(peer))
        server_text(r, 403, "Forbidden (user=%s, verb=%s, resource=nodes)",
            peer->common_name ? peer->common_name : "", http_method(r));
    else
        serve(arg, r);
}

/* --- listening */

static struct err *listen_unix(const char *path, int *ret_fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    auto_close fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(errno, "socket");
    if (strlen(path) >= sizeof(a.sun_path))
        return err_new(ERR_INVALID, "--run: %s is too long for a socket's path (%zu bytes at most)", path,
            sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, path, strlen(path));
    (void)unlink(path); /* a kubelet before us left it: one kubelet per RUN folder, main.c holds the lock */
    mode_t before = umask(0177);
    int bound = bind(fd, (struct sockaddr *)&a, sizeof(a));
    umask(before);
    if (bound < 0 || listen(fd, 128) < 0)
        return err_sys(errno, "listen on %s", path);
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *start_local(struct kubelet *k, struct server *s)
{
    int fd = -1;
    s->socket = mem_printf("%s/kubelet.sock", k->o.run);
    TRY(listen_unix(s->socket, &fd));
    return http_server_new(k->loop,
        &(struct http_server_opts){.listen_fd = fd,
            .max_body = BODY_MAX,
            .max_connections = CONNECTIONS_MAX,
            .idle_seconds = IDLE_S,
            .handler = on_local,
            .arg = k},
        &s->local);
}

/* Made by the master at its first start, for its own node in STATE/pki, for others beside the kubeconfig. */
static bool find_pair(struct kubelet *k, char **cert, char **key, char **ca)
{
    auto_free char *beside = mem_strdup(k->o.kubeconfig);
    char *slash = strrchr(beside, '/');
    if (slash)
        *slash = 0;
    auto_free char *pki = mem_printf("%s/pki", slash ? beside : ".");
    const char *const folders[] = {pki, slash ? beside : "."};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        auto_free char *c = mem_printf("%s/kubelet-server.crt", folders[i]),
                       *y = mem_printf("%s/kubelet-server.key", folders[i]),
                       *a = mem_printf("%s/ca.crt", folders[i]);
        if (!file_exists(AT_FDCWD, c) || !file_exists(AT_FDCWD, y) || !file_exists(AT_FDCWD, a))
            continue;
        *cert = take_ptr(c);
        *key = take_ptr(y);
        *ca = take_ptr(a);
        return true;
    }
    return false;
}

static struct err *start_https(struct kubelet *k, struct server *s)
{
    auto_free char *cert = NULL, *key = NULL, *ca = NULL;
    if (!find_pair(k, &cert, &key, &ca))
        return err_new(ERR_NOT_FOUND, "no kubelet-server.crt beside %s: the master cannot reach this kubelet",
            k->o.kubeconfig);
    return http_server_new(k->loop,
        &(struct http_server_opts){.address = k->o.node_ip,
            .port = (uint16_t)k->o.port,
            .tls_cert_file = cert,
            .tls_key_file = key,
            .client_ca_file = ca,
            .max_body = BODY_MAX,
            .max_connections = CONNECTIONS_MAX,
            .idle_seconds = IDLE_S,
            .handler = on_remote,
            .arg = k},
        &s->https);
}

struct err *server_start(struct kubelet *k)
{
    struct server *s = mem_new(struct server);
    struct err *e = start_local(k, s);
    if (!e && k->o.kubeconfig)
        e = start_https(k, s);
    if (e) {
        server_free(s);
        return e;
    }
    k->server = s;
    return NULL;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    http_server_free(s->https);
    http_server_free(s->local);
    if (s->socket)
        (void)unlink(s->socket);
    free(s->socket);
    free(s);
}
