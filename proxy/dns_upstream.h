/*
 * Asking the host's own name servers: one question each, over UDP, one server after the other until one
 * answers; over TCP where the whole of a truncated answer is wanted. A socket of its own for every try: a
 * random port and a random id, and only that server may answer.
 */
#ifndef WHERRY_PROXY_DNS_UPSTREAM_H
#define WHERRY_PROXY_DNS_UPSTREAM_H

#include "lib/fields.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { DNS_UPSTREAMS = 3 };

struct dns_upstream;
/* addresses: IPv4, the first DNS_UPSTREAMS count; what is no address is left out. */
struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const struct str_list *addresses);
/* What is under way ends without its callback. NULL is fine. */
void dns_upstream_free(struct dns_upstream *u);
bool dns_upstream_is_empty(const struct dns_upstream *u);

/* The answer (its id is not the query's; m may be written to until the callback returns), or NULL where no
 * server gave any in its time. */
typedef void dns_upstream_fn(void *arg, uint8_t *m, size_t len);
/* Asks; query (at most DNS_UDP_MAX bytes) is copied. whole: a truncated answer is asked for again over TCP.
 * False, and no callback: too much is under way. */
bool dns_upstream_ask(
    struct dns_upstream *u, const uint8_t *query, size_t len, bool whole, dns_upstream_fn *fn, void *arg);

#endif
