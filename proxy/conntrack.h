/* Removes UDP flows that would go on to where nobody listens any more; the kernel searches its table. */
#ifndef WHERRY_PROXY_CONNTRACK_H
#define WHERRY_PROXY_CONNTRACK_H

#include "lib/err.h"
#include "proxy/plan.h"

struct conntrack;
struct err *conntrack_open(struct conntrack **ret) __attribute__((warn_unused_result));
void conntrack_close(struct conntrack *c);
/* Nothing to remove is success. */
struct err *conntrack_forget(struct conntrack *c, const struct plan_flow *f)
    __attribute__((warn_unused_result));

#endif
