/*
 * wherry-master: the Kubernetes API on a revisioned store, with its controllers, in one process.
 *
 * At the start: certificates, the store, what a cluster always has (namespaces, default/kubernetes), then the
 * server. Killed at any moment, it goes on from the store.
 */
#include "lib/api/paths.h"
#include "lib/args.h"
#include "lib/file.h"
#include "lib/http_client.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/alloc.h"
#include "master/api.h"
#include "master/ctl.h"
#include "master/kubelet_proxy.h"
#include "master/pki.h"
#include "master/system.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct settings {
    const char *state, *run, *log_level, *log_format, *libexec;
    const char *listen, *advertise, *service_cidr, *cluster_cidr, *node, *node_ip, *out;
    int64_t port, node_grace_s;
};

static void stop(void *arg)
{
    uv_stop(arg);
}

static struct err *check(const struct settings *s)
{
    struct in_addr ip;
    if (!s->advertise || inet_pton(AF_INET, s->advertise, &ip) != 1)
        return err_new(ERR_INVALID, "--advertise: %s%s%s", s->advertise ? "\"" : "an IPv4 address is needed",
            s->advertise ? s->advertise : "", s->advertise ? "\" is no IPv4 address" : "");
    if (s->port < 1 || s->port > 65535)
        return err_new(ERR_INVALID, "--port: %lld is no port", (long long)s->port);
    if (s->node_grace_s < 1)
        return err_new(
            ERR_INVALID, "--node-monitor-grace-period: %lld: a second at least", (long long)s->node_grace_s);
    return NULL;
}

struct parts {
    struct api *api;
    struct system *system;
    struct controllers *controllers;
};

static struct err *open_all(const struct settings *s, struct cluster *c, struct parts *parts)
{
    auto_arena *a = arena_new();
    struct pki_opts pki = {.state = s->state,
        .advertise = s->advertise,
        .port = (unsigned)s->port,
        .node = s->node,
        .node_ip = s->node_ip};
    TRY(alloc_new(s->service_cidr, &c->alloc));
    pki.kubernetes_ip = alloc_kubernetes_ip(c->alloc);
    const char *dir = arena_printf(a, "%s/pki", s->state), *master = arena_printf(a, "%s/master", s->state);
    TRY(file_mkdirs(AT_FDCWD, master, 0700, NULL));
    /* The store first: a second master on this state is refused before it has changed anything. */
    TRY(registry_new(c->loop, arena_printf(a, "%s/store.db", master), &c->registry));
    alloc_follow(c->alloc, c->registry);
    TRY(pki_ensure(&pki));
    char *ca = NULL;
    TRY(file_read(AT_FDCWD, arena_printf(a, "%s/ca.crt", dir), 65536, &ca, NULL));
    c->ca_pem = ca;
    const char *ca_file = arena_printf(a, "%s/ca.crt", dir);
    const struct http_client_tls tls = {.ca_file = ca_file,
        .cert_file = arena_printf(a, "%s/apiserver-kubelet-client.crt", dir),
        .key_file = arena_printf(a, "%s/apiserver-kubelet-client.key", dir)};
    c->proxy = kubelet_proxy_new(c->loop, &tls);
    TRY(system_start(c, &parts->system));
    parts->controllers = controllers_start(c);
    const struct api_opts api = {.address = s->listen,
        .port = (uint16_t)s->port,
        .cert_file = arena_printf(a, "%s/apiserver.crt", dir),
        .key_file = arena_printf(a, "%s/apiserver.key", dir),
        .client_ca_file = ca_file};
    return api_new(c, &api, &parts->api);
}

static int serve(const struct settings *s)
{
    uv_loop_t *loop = uv_default_loop();
    struct cluster c = {.loop = loop,
        .advertise = s->advertise,
        .port = (unsigned)s->port,
        .service_cidr = s->service_cidr,
        .cluster_cidr = s->cluster_cidr,
        .node_grace_ms = s->node_grace_s * 1000};
    struct parts parts = {0};
    struct err *e = check(s);
    if (!e)
        e = open_all(s, &c, &parts);
    if (!e) {
        log_info("", "serving on port %u, revision %llu", api_port(parts.api),
            (unsigned long long)registry_revision(c.registry));
        loop_on_stop(loop, stop, loop);
        uv_run(loop, UV_RUN_DEFAULT);
        log_info("", "ending");
    }
    int status = e ? 1 : 0;
    log_err(LOG_ERROR, "", e);
    api_free(parts.api);
    controllers_stop(parts.controllers);
    system_stop(parts.system);
    kubelet_proxy_free(c.proxy);
    registry_free(c.registry);
    alloc_free(c.alloc);
    free((char *)c.ca_pem);
    return status;
}

static int node_credentials(const struct settings *s)
{
    struct err *e = NULL;
    if (!s->node || !s->node_ip || !s->out || !s->advertise)
        e = err_new(
            ERR_INVALID, "node-credentials: --node-name, --node-ip, --out and --advertise are needed");
    const struct pki_opts o = {.state = s->state,
        .advertise = s->advertise,
        .port = (unsigned)s->port,
        .node = s->node,
        .node_ip = s->node_ip};
    if (!e)
        e = pki_node_credentials(&o, s->out);
    int status = e ? 1 : 0;
    log_err(LOG_ERROR, "", e);
    return status;
}

int main(int argc, char **argv)
{
    struct settings s = {.state = PATHS_STATE,
        .run = PATHS_RUN,
        .log_level = "info",
        .log_format = "text",
        .service_cidr = PATHS_SERVICE_CIDR,
        .cluster_cidr = PATHS_CLUSTER_CIDR,
        .port = PATHS_API_PORT,
        .node_grace_s = 40};
    const struct arg_option options[] = {
        {"state", 0, ARG_STR, &s.state, "DIR", "what survives a reboot (" PATHS_STATE ")"},
        {"run", 0, ARG_STR, &s.run, "DIR", "what does not (" PATHS_RUN ")"},
        {"listen", 0, ARG_STR, &s.listen, "ADDR", "address to listen on (all)"},
        {"port", 0, ARG_INT, &s.port, "PORT", "port of the API (6443)"},
        {"advertise", 0, ARG_STR, &s.advertise, "IP", "the API's address for nodes and Pods"},
        {"service-cidr", 0, ARG_STR, &s.service_cidr, "CIDR",
            "addresses of Services (" PATHS_SERVICE_CIDR ")"},
        {"cluster-cidr", 0, ARG_STR, &s.cluster_cidr, "CIDR", "addresses of Pods (" PATHS_CLUSTER_CIDR ")"},
        {"node-name", 0, ARG_STR, &s.node, "NAME",
            "the node that certificates are made for (the host's name)"},
        {"node-ip", 0, ARG_STR, &s.node_ip, "IP", "the node's address (as --advertise)"},
        {"node-monitor-grace-period", 0, ARG_INT, &s.node_grace_s, "SECONDS",
            "a node that is silent for so long is lost (40)"},
        {"out", 0, ARG_STR, &s.out, "DIR", "node-credentials: where they go"},
        {"libexec", 0, ARG_STR, &s.libexec, "DIR", "folder of the other programs (not used)"},
        {"log-level", 0, ARG_STR, &s.log_level, "LEVEL", "error, warn, info, debug"},
        {"log-format", 0, ARG_STR, &s.log_format, "FORMAT", "text, json"},
        {0},
    };
    const struct arg_spec spec = {
        .usage = "wherry-master [node-credentials] --state DIR --advertise IP",
        .about = "The Kubernetes API on a revisioned store, with scheduler and controllers.\n"
                 "node-credentials: certificates and kubeconfigs of a kubelet and a proxy for another host.",
        .options = options,
        .min = 0,
        .max = 1,
    };
    char **operands;
    int n;
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* the one worker that commits (registry.c) */
    /* A burst of large objects or lists is given back when it is over: fixed thresholds, since glibc's own
     * grow with what it has seen. */
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    umask(077); /* keys and secrets: what is written is its owner's */
    log_init("master", LOG_INFO, LOG_TEXT);
    struct err *e = args_parse(&spec, argc, argv, &operands, &n);
    if (!e && n && strcmp(operands[0], "node-credentials") != 0)
        e = err_new(ERR_INVALID, "unknown command \"%s\"", operands[0]);
    if (!e)
        e = log_init_text("master", s.log_level, s.log_format);
    if (e) {
        log_err(LOG_ERROR, "", e);
        return 2;
    }
    return n ? node_credentials(&s) : serve(&s);
}
