/*
 * Going on where a kubelet before us was stopped, at whatever instruction: Pods, containers and their
 * statuses from RUN/pods/UID, running containers from their shims. Nothing is restarted. What nobody desires
 * any more goes once all sources have spoken.
 */
#ifndef WHERRY_KUBELET_RESTORE_H
#define WHERRY_KUBELET_RESTORE_H

#include "kubelet/kubelet.h"

void restore_all(struct kubelet *k);
/* Folders, cgroups, networks and pins that no worker owns are removed. */
void restore_sweep(struct kubelet *k);

#endif
