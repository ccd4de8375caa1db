/*
 * Events at the master: equal ones are one Event whose count grows. Sent one after the other, a little later
 * than they happen, so that they never hold up a status; without a master they go to the log.
 */
#ifndef WHERRY_KUBELET_EVENTS_H
#define WHERRY_KUBELET_EVENTS_H

#include "kubelet/worker.h"

struct events *events_new(struct kubelet *k);
void events_free(struct events *e);

#define EVENT_PRINTF(f, a) __attribute__((format(printf, f, a)))
enum event_type { EVENT_NORMAL, EVENT_WARNING };
/* About a Pod. */
void events_pod(struct worker *w, enum event_type type, const char *reason, const char *fmt, ...)
    EVENT_PRINTF(4, 5);
/* About one container of it. */
void events_instance(struct instance *i, enum event_type type, const char *reason, const char *fmt, ...)
    EVENT_PRINTF(4, 5);
/* About this node. */
void events_node(struct kubelet *k, enum event_type type, const char *reason, const char *fmt, ...)
    EVENT_PRINTF(4, 5);

#endif
