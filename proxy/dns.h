/*
 * The cluster's name server, on every node: UDP and TCP on the cluster's DNS address, which is local to the
 * node (routes.c), so that a Pod's query never leaves it. Names of the cluster are answered out of the model,
 * all others asked of the host's own name servers (dns_upstream.h). An alias is followed, for a Pod's
 * resolver does not: the answer holds what its target has.
 */
#ifndef WHERRY_PROXY_DNS_H
#define WHERRY_PROXY_DNS_H

#include "proxy/dns_upstream.h"
#include "proxy/dns_zone.h"
#include <uv.h>

struct dns_opts {
    const char *address; /* "10.96.0.10" */
    struct dns_zone zone;
    struct str_list upstreams; /* IPv4 addresses; none: other names are REFUSED */
};

struct dns;
struct err *dns_new(uv_loop_t *loop, const struct dns_opts *o, struct dns **ret)
    __attribute__((warn_unused_result));
void dns_free(struct dns *d); /* NULL is fine */

/* The name servers of a resolv.conf(5), without `except`. */
struct str_list dns_upstreams(struct arena *a, const char *resolv_conf, const char *except);

#endif
