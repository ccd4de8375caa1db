/* The endpoints of one port of a Service, out of its slices: which of them count. Pure; for rules and for
 * names. */
#ifndef WHERRY_PROXY_BACKENDS_H
#define WHERRY_PROXY_BACKENDS_H

#include "lib/api/service.h"
#include <stdint.h>

struct backend {
    uint32_t ip;   /* network byte order */
    uint16_t port; /* host's */
    bool local;    /* on this node */
    const struct endpoint *endpoint;
};
struct backends { /* sorted by address and port, without duplicates */
    size_t n;
    struct backend *v;
};
void backends_done(struct backends *b);

/* port: of the Service, NULL: every endpoint whatever its ports (port 0 in the result). Ready ones; where
 * none is ready, those that still serve while they terminate. */
void backends_of(const struct service_port *port, const struct endpoint_slice *const *slices, size_t n,
    const char *node_name, struct backends *ret);

/* A protocol's number, 0 where it is not TCP, UDP or SCTP; NULL is TCP. */
uint8_t backends_protocol(const char *name);

#endif
