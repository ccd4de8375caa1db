/*
 * ConfigMaps and Secrets that Pods of this node name: each watched once, as long as a Pod uses it. Without a
 * master there are none.
 */
#ifndef WHERRY_KUBELET_OBJECTS_H
#define WHERRY_KUBELET_OBJECTS_H

#include "kubelet/kubelet.h"
#include "lib/json.h"

struct objects *objects_new(struct kubelet *k);
void objects_free(struct objects *o);
/* Takes note of everything that the worker's desired Pod names; call after every change of it. When one of
 * them comes, changes or goes: worker_objects_changed(). */
void objects_use(struct objects *o, struct worker *w);
void objects_unuse(struct objects *o, struct worker *w);
bool objects_ready(const struct worker *w); /* each was read once */
/* NULL: there is none (or it was not read yet). */
const struct json *objects_get(const struct objects *o, bool secret, const char *ns, const char *name);

void worker_objects_changed(struct worker *w); /* worker.c */

#endif
