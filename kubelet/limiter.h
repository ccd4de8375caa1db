/* At most `max` slow things at the same time; the others wait their turn, first come first served. */
#ifndef WHERRY_KUBELET_LIMITER_H
#define WHERRY_KUBELET_LIMITER_H

#include "lib/loop.h"

struct limiter;
struct ticket;
struct limiter *limiter_new(uv_loop_t *loop, unsigned max);
void limiter_free(struct limiter *l);
/* fn is called once, from the loop or at once, when it is its turn; until limiter_end() the ticket counts. */
struct ticket *limiter_begin(struct limiter *l, loop_fn *fn, void *arg);
void limiter_end(struct ticket *t); /* waiting or running; NULL is fine */

#endif
