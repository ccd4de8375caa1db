/*
 * Services of the cluster, for the variables that Kubernetes puts into containers: NAME_SERVICE_HOST,
 * NAME_SERVICE_PORT, NAME_PORT_80_TCP... One watch; only what is needed is kept.
 */
#ifndef WHERRY_KUBELET_SERVICES_H
#define WHERRY_KUBELET_SERVICES_H

#include "kubelet/kubelet.h"
#include "lib/fields.h"

struct services *services_new(struct kubelet *k);
void services_free(struct services *s);
bool services_ready(const struct services *s); /* read once; always, without a master */
/* Of ns (links) and of default/kubernetes. */
void services_env(const struct services *s, struct arena *a, const char *ns, bool links, struct str_map *ret);

#endif
