/* What a Pod's shim is told of its sandbox: RUN/pods/UID/sandbox.json (lib/api/shim.h). */
#ifndef WHERRY_KUBELET_SANDBOX_SPEC_H
#define WHERRY_KUBELET_SANDBOX_SPEC_H

#include "kubelet/net_files.h"
#include "kubelet/worker.h"

/* The names of the Pod in its network; ret lives in `a` and the Pod. */
struct err *sandbox_spec_names(struct arena *a, const struct worker *w, struct net_names *ret)
    __attribute__((warn_unused_result));
/* dir: RUN/pods/UID, which exists. */
struct err *sandbox_spec_write(const struct worker *w, const char *dir, const struct net_names *names)
    __attribute__((warn_unused_result));

#endif
