/*
 * Which objects a controller has yet to look at: keys, each at most once, handed out one by one in a later
 * turn of the loop. A key that is held (its writes are under way) waits until it is released, so that a
 * controller never decides on a state that it is about to change.
 */
#ifndef WHERRY_MASTER_CTL_QUEUE_H
#define WHERRY_MASTER_CTL_QUEUE_H

#include <uv.h>

struct ctl_queue;
struct ctl_queue *ctl_queue_new(
    uv_loop_t *loop, void (*fn)(void *arg, const char *ns, const char *name), void *arg);
void ctl_queue_free(struct ctl_queue *q);
void ctl_queue_add(struct ctl_queue *q, const char *ns, const char *name);
/* As often as ctl_queue_hold() was called for a key, ctl_queue_release() is; the last one adds the key again.
 * After a failure the key comes again after a pause. */
struct ctl_key;
struct ctl_key *ctl_queue_hold(struct ctl_queue *q, const char *ns, const char *name);
void ctl_queue_release(struct ctl_key *k, int failed);

#endif
