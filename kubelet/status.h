/*
 * What a worker reports: the status of its Pod as Kubernetes writes it. A function of the worker (and of the
 * last status, whose transition times hold while nothing changes): no system calls.
 */
#ifndef WHERRY_KUBELET_STATUS_H
#define WHERRY_KUBELET_STATUS_H

#include "kubelet/worker.h"

/* Lives in `a`; strings may belong to the worker, too: encode it before anything changes. now_ns: since 1970.
 */
struct pod_status *status_make(const struct worker *w, struct arena *a, int64_t now_ns);
/* Why a container that does not run yet does not: its own reason, or the general one. */
const char *status_waiting_reason(const struct instance *i);
/* Takes over what an earlier status says of attempts and ends: after a restart of the kubelet, or of the
 * node. */
void status_restore(struct worker *w, const struct pod_status *s);
/* The same from the master's, when nothing of it was found here: a terminal Pod stays so, what ran is lost.
 */
void status_restore_api(struct worker *w, const struct pod_status *s);

#endif
