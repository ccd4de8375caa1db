/* Which ranges of Pod addresses are given to nodes: a /24 each, out of the cluster's. */
#ifndef WHERRY_MASTER_SYSTEM_PLAN_H
#define WHERRY_MASTER_SYSTEM_PLAN_H

#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

struct cidr_pool {
    uint32_t base, n; /* first address; how many /24 */
    bool *taken;
};
struct err *cidr_pool_init(struct cidr_pool *p, const char *cluster_cidr) __attribute__((warn_unused_result));
void cidr_pool_clear(struct cidr_pool *p);
void cidr_pool_take(struct cidr_pool *p, const char *cidr); /* others than ours are ignored */
bool cidr_pool_choose(struct cidr_pool *p, char cidr[32]);  /* the first that is free; false: none is */
void cidr_pool_done(struct cidr_pool *p);

#endif
