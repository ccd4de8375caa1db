/*
 * What a ReplicationController has to do: pure. The controller, its Pods and those that it might adopt come
 * in; how many Pods to make, which to delete, adopt and release, and the status to report come out.
 */
#ifndef WHERRY_MASTER_CTL_REPLICATION_PLAN_H
#define WHERRY_MASTER_CTL_REPLICATION_PLAN_H

#include "lib/fields.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum replication_phase { REPLICATION_PENDING, REPLICATION_UNKNOWN, REPLICATION_RUNNING, REPLICATION_ENDED };

/* A Pod, as far as the decision depends on it. */
struct replication_pod {
    const char *name, *controller_uid; /* NULL: it has none */
    const char *node;                  /* NULL or "": not assigned */
    const struct str_map *labels;
    enum replication_phase phase;
    bool deleting, ready;
    int64_t created_s, ready_since_s; /* seconds since 1970 */
    int64_t restarts, deletion_cost;
    bool fully_labeled; /* carries all labels of the template */
};
struct replication_want {
    const char *uid;
    const struct str_map *selector;
    int64_t replicas, min_ready_seconds;
    bool deleting;
};
struct replication_plan {
    size_t create;
    size_t n_delete, n_adopt, n_release;
    size_t *delete, *adopt, *release;                  /* indexes of pods */
    int64_t replicas, fully_labeled, ready, available; /* for the status */
    int64_t recheck_s;                                 /* > 0: a Pod becomes available in so many seconds */
};

enum { REPLICATION_BURST = 500 }; /* Pods made or deleted at once */

/* Arrays live in a. now_s is the time, in seconds since 1970. */
void replication_decide(struct arena *a, const struct replication_want *want,
    const struct replication_pod *pods, size_t n, int64_t now_s, struct replication_plan *ret);
/* Every label of the selector, with its value; an empty selector selects nothing. */
bool replication_selects(const struct str_map *selector, const struct str_map *labels);

#endif
