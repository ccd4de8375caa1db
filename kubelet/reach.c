/* HTTP and TCP into a Pod, see reach.h. */
#include "kubelet/reach.h"
#include "lib/http_client.h"
#include "lib/loop.h"
#include "lib/version.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REACH_BODY = 10 << 10 };

struct reach {
    struct kubelet *kubelet;
    struct timer *timer;
    struct http_call *call;
    uv_tcp_t *tcp;
    char *target; /* "10.1.2.3:80", "http://..." */
    char *message;
    enum reach_result result;
    reach_done_fn *done;
    void *arg;
};

static void tcp_closed(uv_handle_t *h)
{
    free(h);
}

static void reach_free(struct reach *r)
{
    http_call_cancel(r->call);
    timer_free(r->timer);
    if (r->tcp) {
        r->tcp->data = NULL;
        uv_close((uv_handle_t *)r->tcp, tcp_closed);
    }
    free(r->target);
    free(r->message);
    free(r);
}

void reach_cancel(struct reach *r)
{
    if (r)
        reach_free(r);
}

static void reach_end(struct reach *r, enum reach_result result, const char *message)
{
    reach_done_fn *done = r->done;
    void *arg = r->arg;
    auto_free char *text = mem_strdup(message);
    reach_free(r);
    done(arg, result, text);
}

/* Later, from the loop. */
static void settled(void *arg)
{
    struct reach *r = arg;
    reach_end(r, r->result, r->message);
}

static void settle(struct reach *r, enum reach_result result, const char *message)
{
    r->result = result;
    r->message = mem_strdup(message);
    r->timer = timer_new(r->kubelet->loop, settled, r);
    timer_start(r->timer, 0);
}

static struct reach *reach_new(struct instance *i, reach_done_fn *done, void *arg)
{
    struct reach *r = mem_new(struct reach);
    *r = (struct reach){.kubelet = i->worker->kubelet, .done = done, .arg = arg};
    return r;
}

/* A port by number or by the name of one of the container's; 0: neither. */
static int port_of(const struct container *c, const char *port)
{
    char *end;
    long n = strtol(port ? port : "", &end, 10);
    if (port && *port && !*end)
        return n > 0 && n < 65536 ? (int)n : 0;
    for (size_t i = 0; port && i < c->ports.n; i++)
        if (c->ports.v[i].name && strcmp(c->ports.v[i].name, port) == 0)
            return (int)opt_int_or(c->ports.v[i].container_port, 0);
    return 0;
}

static char *bad_port(const char *port)
{
    return mem_printf("strconv.Atoi: parsing \"%s\": invalid syntax", port ? port : "");
}

static const char *host_of(const struct instance *i, const char *host)
{
    return host && *host ? host : i->worker->pod_ip ? i->worker->pod_ip : "127.0.0.1";
}

/* --- HTTP */

/* What went wrong, without the URL that the client's error begins with. */
static const char *reason_of(const struct reach *r, const struct err *e)
{
    const char *text = err_message(e);
    size_t n = strlen(r->target);
    return strncmp(text, r->target, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

static void http_done(void *arg, const struct http_client_result *res)
{
    struct reach *r = arg;
    r->call = NULL;
    if (res->error || !res->status) {
        const char *why = res->error ? reason_of(r, res->error) : "no answer";
        auto_free char *m = res->error && err_kind(res->error) == ERR_TIMEOUT
                                ? mem_printf("Get \"%s\": context deadline exceeded", r->target)
                                : mem_printf("Get \"%s\": %s", r->target, why);
        reach_end(r, REACH_FAILED, m);
        return;
    }
    auto_free char *m = res->status >= 200 && res->status < 400
                            ? NULL
                            : mem_printf("HTTP probe failed with statuscode: %u", res->status);
    reach_end(r, m ? REACH_FAILED : REACH_OK, m ? m : "");
}

struct reach *reach_http(struct instance *i, const struct http_get_action *g, bool probe,
    uint64_t deadline_ms, reach_done_fn *done, void *arg)
{
    struct reach *r = reach_new(i, done, arg);
    const char *headers[40], *scheme = g->scheme && strcmp(g->scheme, "HTTPS") == 0 ? "https" : "http";
    const char *path = g->path && *g->path ? g->path : "/", *host = host_of(i, g->host);
    auto_arena *a = arena_new();
    int port = port_of(i->spec, g->port);
    size_t n = 0;
    bool agent = false;
    if (!port) {
        auto_free char *m = bad_port(g->port);
        settle(r, REACH_UNKNOWN, m);
        return r;
    }
    bool v6 = strchr(host, ':') != NULL;
    r->target = mem_printf("%s://%s%s%s:%d%s%s", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port,
        *path == '/' ? "" : "/", path);
    for (size_t h = 0; h < g->http_headers.n && n < ARRAY_SIZE(headers) - 4; h++) {
        const struct http_header_pair *p = &g->http_headers.v[h];
        if (!p->name || !p->value || strpbrk(p->name, "\r\n:") || strpbrk(p->value, "\r\n"))
            continue;
        agent |= strcasecmp(p->name, "User-Agent") == 0;
        headers[n++] = arena_printf(a, "%s: %s", p->name, p->value);
    }
    if (!agent)
        headers[n++] = probe ? "User-Agent: kube-probe/1.33" : "User-Agent: kube-lifecycle/1.33";
    headers[n++] = "Connection: close";
    headers[n] = NULL;
    struct http_client_request q = {.method = "GET",
        .url = r->target,
        .headers = headers,
        .timeout_ms = deadline_ms,
        .max_body = REACH_BODY};
    r->call = http_client_start(r->kubelet->probe_client, &q, NULL, http_done, r);
    return r;
}

/* --- TCP */

static void tcp_timed_out(void *arg)
{
    struct reach *r = arg;
    auto_free char *m = mem_printf("dial tcp %s: i/o timeout", r->target);
    reach_end(r, REACH_FAILED, m);
}

static void tcp_connected(uv_connect_t *q, int status)
{
    struct reach *r = q->handle->data;
    free(q);
    if (!r)
        return; /* cancelled */
    if (status == 0) {
        reach_end(r, REACH_OK, "");
        return;
    }
    auto_free char *m = mem_printf("dial tcp %s: connect: %s", r->target, uv_strerror(status));
    reach_end(r, REACH_FAILED, m);
}

struct reach *reach_tcp(struct instance *i, const struct tcp_socket_action *t, uint64_t deadline_ms,
    reach_done_fn *done, void *arg)
{
    struct reach *r = reach_new(i, done, arg);
    struct sockaddr_storage sa;
    const char *host = host_of(i, t->host);
    int port = port_of(i->spec, t->port);
    if (!port) {
        auto_free char *m = bad_port(t->port);
        settle(r, REACH_UNKNOWN, m);
        return r;
    }
    r->target = mem_printf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&sa) &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&sa)) {
        auto_free char *m = mem_printf("dial tcp: %s is no IP address", host);
        settle(r, REACH_FAILED, m);
        return r;
    }
    r->tcp = mem_new(uv_tcp_t);
    uv_tcp_init(r->kubelet->loop, r->tcp);
    r->tcp->data = r;
    uv_connect_t *q = mem_new(uv_connect_t);
    int err = uv_tcp_connect(q, r->tcp, (struct sockaddr *)&sa, tcp_connected);
    if (err) {
        auto_free char *m = mem_printf("dial tcp %s: connect: %s", r->target, uv_strerror(err));
        free(q);
        settle(r, REACH_FAILED, m);
        return r;
    }
    r->timer = timer_new(r->kubelet->loop, tcp_timed_out, r);
    timer_start(r->timer, deadline_ms);
    return r;
}
