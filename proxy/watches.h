/* The three watches that feed the model: Services, EndpointSlices, Nodes. */
#ifndef WHERRY_PROXY_WATCHES_H
#define WHERRY_PROXY_WATCHES_H

#include "lib/api/kube.h"
#include "proxy/model.h"

struct watches;
struct watches_events {
    void (*synced)(void *arg);                                        /* all three have listed once */
    void (*failed)(void *arg, const char *what, const struct err *e); /* it is tried again */
};
struct watches *watches_new(struct kube *k, struct model *m, const struct watches_events *ev, void *arg);
void watches_free(struct watches *w);

#endif
