/*
 * The cluster's names (Kubernetes DNS-Based Service Discovery 1.1.0): what a query is answered with, out of
 * the model. Pure.
 *
 *   SVC.NS.svc.DOMAIN              A of the cluster IP, or of every ready endpoint of a headless Service;
 *                                  CNAME of an ExternalName
 *   HOST.SVC.NS.svc.DOMAIN         A of the endpoint with that hostname
 *   _PORT._PROTO.SVC.NS.svc.DOMAIN SRV
 *   1-2-3-4.NS.pod.DOMAIN          A 1.2.3.4
 *   4.3.2.1.in-addr.arpa           PTR of a cluster IP or a named endpoint
 */
#ifndef WHERRY_PROXY_DNS_ZONE_H
#define WHERRY_PROXY_DNS_ZONE_H

#include "proxy/dns_message.h"
#include "proxy/model.h"

enum { DNS_TTL = 5 }; /* seconds that an answer of the zone may be kept */

struct dns_zone {
    const struct model *model;
    const char *domain;                 /* "cluster.local" */
    uint32_t service_net, service_mask; /* network order */
};
enum dns_verdict {
    DNS_ANSWERED, /* w is complete */
    DNS_ALIASED,  /* w holds a CNAME (ExternalName), and lacks what its target has and its end */
    DNS_FOREIGN   /* not a name of the cluster's: ask somebody else */
};
/* ret_target: of DNS_ALIASED, valid as long as the model is not changed. */
enum dns_verdict dns_zone_answer(
    const struct dns_zone *z, const struct dns_query *q, struct dns_writer *w, const char **ret_target);

#endif
