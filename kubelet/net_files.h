/*
 * What a Pod reads of its network in /etc: hostname, hosts, resolv.conf. The texts are pure functions; one
 * writes them to RUN/pods/UID/{hostname,resolv.conf} and STATE/pods/UID/etc-hosts.
 */
#ifndef WHERRY_KUBELET_NET_FILES_H
#define WHERRY_KUBELET_NET_FILES_H

#include "kubelet/worker.h"

enum { NET_FILES_HOSTNAME_MAX = 64 };

struct net_names {
    const char *hostname; /* what uname says */
    const char *fqdn;     /* NULL: none */
};
/* ERR_INVALID where setHostnameAsFQDN asks for more than 64 characters. */
struct err *net_files_names(struct arena *a, const struct pod *p, const char *node_hostname,
    const char *cluster_domain, struct net_names *ret) __attribute__((warn_unused_result));
/* host_hosts: the node's /etc/hosts, used with hostNetwork. */
void net_files_hosts(
    const struct pod *p, const struct net_names *n, const char *ip, const char *host_hosts, struct buf *out);
/* host_resolv: the node's resolv.conf. */
void net_files_resolv(const struct pod *p, const char *cluster_dns, const char *cluster_domain,
    const char *host_resolv, struct buf *out);

struct err *net_files_write(struct worker *w, const char *ip) __attribute__((warn_unused_result));

#endif
