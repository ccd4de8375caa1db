/*
 * Static Pods: STATE/manifests/{*.yaml,*.yml,*.json}, watched with inotify. A file is one or more Pods; its
 * content is its identity: another text is another Pod (a new uid), a file that is gone is a Pod that ends.
 */
#ifndef WHERRY_KUBELET_MANIFESTS_H
#define WHERRY_KUBELET_MANIFESTS_H

#include "kubelet/kubelet.h"

struct manifests *manifests_new(struct kubelet *k);
void manifests_start(struct kubelet *k); /* reads the folder */
void manifests_free(struct manifests *m);

#endif
