/*
 * Service addresses and node ports. What is in use is derived from the Services that are stored; what is
 * staged counts as well, so that two creations in one commit never get the same.
 */
#ifndef WHERRY_MASTER_ALLOC_H
#define WHERRY_MASTER_ALLOC_H

#include "master/registry.h"

struct alloc;
struct err *alloc_new(const char *service_cidr, struct alloc **ret) __attribute__((warn_unused_result));
void alloc_free(struct alloc *a);
void alloc_follow(struct alloc *a, struct registry *r); /* counts what is there, then what changes */
const char *alloc_kubernetes_ip(const struct alloc *a); /* the first address */
const char *alloc_dns_ip(const struct alloc *a);        /* the tenth */

bool alloc_ip_in_range(const struct alloc *a, const char *ip);
bool alloc_ip_free(const struct alloc *a, const char *ip);
bool alloc_port_free(const struct alloc *a, int64_t port, const char *protocol);
/* false: nothing is left. Nothing is taken until alloc_take_*(). */
bool alloc_choose_ip(struct alloc *a, char ip[16]);
bool alloc_choose_port(struct alloc *a, const char *protocol, int64_t *ret);
/* For ten seconds: by then the write that needs it is durable and counted, or has failed. */
void alloc_hold_ip(struct alloc *a, const char *ip);
void alloc_hold_port(struct alloc *a, int64_t port, const char *protocol);

#define ALLOC_PORT_MIN 30000
#define ALLOC_PORT_MAX 32767

#endif
