/*
 * Telling the world: the status as a record on disk (RUN/pods/UID/status.json: what a restarted kubelet goes
 * on from) and at the master, with few requests: one at a time per Pod, the newest state only, and nothing of
 * the first moments of a Pod that is about to run.
 */
#ifndef WHERRY_KUBELET_REPORT_H
#define WHERRY_KUBELET_REPORT_H

#include "kubelet/worker.h"

/* The worker may look different now. */
void report_status(struct worker *w);
/* The last status has reached the master (or there is none to reach). */
bool report_is_settled(const struct worker *w);
/* Everything of a deleted Pod is torn down: its object may go. Calls worker_deleted() when it has. */
void report_deleted(struct worker *w);
void report_stop(struct worker *w); /* cancels what is under way */
/* RUN/pods/UID/pod.json: the desired Pod and where it comes from. */
void report_record_pod(struct worker *w);

void worker_deleted(struct worker *w); /* worker.c */

#endif
