/* The daemon's parts put together: watches -> model -> rules, routes, name server. */
#ifndef WHERRY_PROXY_PROXY_H
#define WHERRY_PROXY_PROXY_H

#include "lib/fields.h"
#include <uv.h>

struct proxy_opts {
    const char *node_name, *node_ip, *kubeconfig, *service_cidr, *dns_ip, *domain;
    struct str_list upstreams; /* name servers for other names; empty: /etc/resolv.conf's */
    const char *resolv_conf;
};
struct proxy;
struct err *proxy_new(uv_loop_t *loop, const struct proxy_opts *o, struct proxy **ret)
    __attribute__((warn_unused_result));
/* What is in the kernel stays there: connections go on while no proxy runs. */
void proxy_free(struct proxy *p);

#endif
