/*
 * The table of this node's Pods. Sources (the master's watch, the manifest folder, what a kubelet before us
 * left) say what is desired; a worker exists for each uid until nothing of it is left.
 */
#ifndef WHERRY_KUBELET_PODS_H
#define WHERRY_KUBELET_PODS_H

#include "kubelet/worker.h"

struct pods *pods_new(struct kubelet *k);
void pods_free(struct pods *p);
/* Starts watching the master (if there is one). */
void pods_start(struct kubelet *k);

struct worker *pods_first(struct kubelet *k); /* iterate by ->next; take it before anything that may free */
struct worker *pods_by_uid(struct kubelet *k, const char *uid);
struct worker *pods_by_name(
    struct kubelet *k, const char *ns, const char *name); /* a living one before others */
void pods_turn(struct kubelet *k); /* dirty workers are reconciled at the end of this turn of the loop */
void pods_add(struct kubelet *k, struct worker *w);
void pods_remove(struct kubelet *k, struct worker *w); /* and frees it */

/* A static Pod is as desired; manifests.c. Takes d. */
void pods_apply(struct kubelet *k, enum worker_source source, struct desired *d);
/* A source is about to name all that it desires, and has: what it did not name goes, what is new is admitted
 * then. When both have said all they know, what nobody desires is swept away. */
void pods_list_begin(struct kubelet *k, enum worker_source source);
void pods_list_end(struct kubelet *k, enum worker_source source);
bool pods_are_synced(const struct kubelet *k);
/* The mirror Pod of a static one at the master, NULL: none known. */
void pods_mirror_changed(struct kubelet *k, struct worker *w);

#endif
