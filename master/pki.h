/*
 * The CA, the certificates and the kubeconfigs, made at the first start and renewed in time
 * (docs/architecture.md lists them).
 */
#ifndef WHERRY_MASTER_PKI_H
#define WHERRY_MASTER_PKI_H

#include "lib/err.h"

struct pki_opts {
    const char *state;     /* pki/ is below */
    const char *advertise; /* the API's address */
    unsigned port;
    const char *node;          /* name of the node that has the master; NULL: the host's */
    const char *node_ip;       /* NULL: as advertise */
    const char *kubernetes_ip; /* of Service default/kubernetes */
};
struct err *pki_ensure(const struct pki_opts *o) __attribute__((warn_unused_result));
/* A kubelet's and a proxy's for another node, with kubeconfigs, below out. */
struct err *pki_node_credentials(const struct pki_opts *o, const char *out)
    __attribute__((warn_unused_result));

#endif
