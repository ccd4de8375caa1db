/*
 * wherry-proxy: on every node, Services as nftables maps and the cluster's names.
 *
 * It watches the API, keeps table ip wherry_proxy and the node's routes at what it sees, and answers for the
 * cluster's name server. When it ends, or is killed, all of that stays and works on; `teardown` removes it.
 */
#include "lib/api/paths.h"
#include "lib/args.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "proxy/proxy.h"
#include "proxy/routes.h"
#include "proxy/ruleset.h"
#include "proxy/ruleset_rules.h"
#include <arpa/inet.h>
#include <string.h>

struct settings {
    struct proxy_opts proxy;
    const char *state, *run, *libexec, *log_level, *log_format;
};

static void stop(void *arg)
{
    uv_stop(arg);
}

static struct err *need_ip(const char *option, const char *value)
{
    struct in_addr ip;
    if (!value || inet_pton(AF_INET, value, &ip) != 1)
        return err_new(ERR_INVALID, "%s: %s%s", option, value ? value : "an IPv4 address is needed",
            value ? ": not an IPv4 address" : "");
    return NULL;
}

static struct err *check(const struct proxy_opts *o)
{
    struct ruleset_cidr cidr;
    if (!o->node_name || !*o->node_name)
        return err_new(ERR_INVALID, "--node-name: is needed");
    if (!o->kubeconfig)
        return err_new(ERR_INVALID, "--kubeconfig: is needed");
    TRY(need_ip("--node-ip", o->node_ip));
    TRY(need_ip("--dns-ip", o->dns_ip));
    return err_wrap(ruleset_cidr_parse(o->service_cidr, &cidr), "--service-cidr");
}

static int serve(const struct settings *s)
{
    uv_loop_t *loop = uv_default_loop();
    struct proxy *proxy = NULL;
    struct err *e = check(&s->proxy);
    if (!e)
        e = proxy_new(loop, &s->proxy, &proxy);
    if (e) {
        log_err(LOG_ERROR, "", e);
        return 1;
    }
    loop_on_stop(loop, stop, loop);
    uv_run(loop, UV_RUN_DEFAULT);
    proxy_free(proxy);
    log_info("", "ended; what is installed goes on");
    return 0;
}

static int teardown(void)
{
    struct err *rules = ruleset_remove(), *routes = routes_remove();
    int status = rules || routes;
    log_err(LOG_ERROR, "", rules);
    log_err(LOG_ERROR, "", routes);
    return status;
}

int main(int argc, char **argv)
{
    struct settings s = {.proxy = {.service_cidr = PATHS_SERVICE_CIDR,
                             .dns_ip = PATHS_DNS_IP,
                             .domain = PATHS_CLUSTER_DOMAIN,
                             .resolv_conf = "/etc/resolv.conf"},
        .state = PATHS_STATE,
        .run = PATHS_RUN,
        .log_level = "info",
        .log_format = "text"};
    struct proxy_opts *p = &s.proxy;
    const struct arg_option options[] = {
        {"state", 0, ARG_STR, &s.state, "DIR", "what survives a reboot (not used)"},
        {"run", 0, ARG_STR, &s.run, "DIR", "what does not (not used)"},
        {"node-name", 0, ARG_STR, &p->node_name, "NAME", "this node's name"},
        {"node-ip", 0, ARG_STR, &p->node_ip, "IP", "this node's address"},
        {"kubeconfig", 0, ARG_STR, &p->kubeconfig, "FILE", "how to reach the API"},
        {"service-cidr", 0, ARG_STR, &p->service_cidr, "CIDR",
            "addresses of Services (" PATHS_SERVICE_CIDR ")"},
        {"dns-ip", 0, ARG_STR, &p->dns_ip, "IP", "the cluster's name server (" PATHS_DNS_IP ")"},
        {"dns-upstream", 0, ARG_STRS, &p->upstreams, "IP",
            "name server for other names, may be repeated (those of /etc/resolv.conf)"},
        {"cluster-domain", 0, ARG_STR, &p->domain, "NAME", "the cluster's domain (" PATHS_CLUSTER_DOMAIN ")"},
        {"libexec", 0, ARG_STR, &s.libexec, "DIR", "folder of the other programs (not used)"},
        {"log-level", 0, ARG_STR, &s.log_level, "LEVEL", "error, warn, info, debug"},
        {"log-format", 0, ARG_STR, &s.log_format, "FORMAT", "text, json"},
        {0},
    };
    const struct arg_spec spec = {
        .usage = "wherry-proxy [teardown] --node-name NAME --node-ip IP --kubeconfig FILE",
        .about = "Services as nftables maps, and the cluster's name server, on this node.\n"
                 "teardown: removes what a proxy left in the kernel: its table and its routes.",
        .options = options,
        .min = 0,
        .max = 1,
    };
    char **operands;
    int n;
    log_init("proxy", LOG_INFO, LOG_TEXT);
    struct err *e = args_parse(&spec, argc, argv, &operands, &n);
    if (!e && n && strcmp(operands[0], "teardown") != 0)
        e = err_new(ERR_INVALID, "unknown command \"%s\"", operands[0]);
    if (!e)
        e = log_init_text("proxy", s.log_level, s.log_format);
    if (e) {
        log_err(LOG_ERROR, "", e);
        return 2;
    }
    return n ? teardown() : serve(&s);
}
