/* postStart and preStop of one container. */
#ifndef WHERRY_KUBELET_HOOKS_H
#define WHERRY_KUBELET_HOOKS_H

#include "kubelet/worker.h"

struct hook;
/* message NULL: it worked. From the loop, once. */
typedef void hook_done_fn(void *arg, const char *message);
struct hook *hook_run(struct instance *i, const struct lifecycle_handler *h, uint64_t deadline_ms,
    hook_done_fn *done, void *arg);
void hook_cancel(struct hook *h); /* NULL is fine */

#endif
