/* Events of the master's own components, about any object. */
#ifndef WHERRY_MASTER_CTL_EVENT_H
#define WHERRY_MASTER_CTL_EVENT_H

#include "master/cluster.h"

enum ctl_event_type { CTL_NORMAL, CTL_WARNING };
void ctl_event(struct cluster *c, const struct object *about, const char *component, enum ctl_event_type type,
    const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
