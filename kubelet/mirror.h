/*
 * Mirror Pods: what the master shows of a static Pod. Made when there is none (or one of another manifest),
 * and removed with the static Pod.
 */
#ifndef WHERRY_KUBELET_MIRROR_H
#define WHERRY_KUBELET_MIRROR_H

#include "kubelet/worker.h"

void mirror_ensure(struct worker *w);
void mirror_seen(struct kubelet *k, const struct json *object);
void mirror_lost(struct kubelet *k, const struct json *object);
/* The static Pod NS/NAME has ended. */
void mirror_gone(struct kubelet *k, const char *ns, const char *name);

#endif
