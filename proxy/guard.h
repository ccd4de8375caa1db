/* Notices when somebody else deletes our table (a firewall that flushes the whole ruleset), by nftables' own
 * events. */
#ifndef WHERRY_PROXY_GUARD_H
#define WHERRY_PROXY_GUARD_H

#include "lib/err.h"
#include <uv.h>

struct guard;
/* lost() may be called once too often: the table is to be looked at. */
struct err *guard_new(uv_loop_t *loop, const char *table, void (*lost)(void *arg), void *arg,
    struct guard **ret) __attribute__((warn_unused_result));
void guard_free(struct guard *g); /* NULL is fine */

#endif
