/*
 * What a kind adds to the generic way of a write (change.c). All functions get an editable tree (edit.h) of
 * the right types; a NULL one is nothing to do.
 */
#ifndef WHERRY_MASTER_STRATEGY_H
#define WHERRY_MASTER_STRATEGY_H

#include "master/change.h"
#include "master/cluster.h"
#include "master/invalid.h"

struct admission {
    struct arena *arena;
    struct cluster *cluster;
    const struct kind *kind;
    enum sub_id sub;
    bool dry_run;
    struct invalid invalid;
    const struct status *refusal; /* set: the request ends with this */
};

struct strategy {
    /* Values of absent fields; on every object that comes in, also a patched one. Idempotent. */
    void (*defaults)(struct admission *x, struct json *obj);
    /* Before validation. create: clears what clients may not set. update: keeps what they may not change. */
    void (*create)(struct admission *x, struct json *obj);
    void (*update)(struct admission *x, struct json *obj, const struct json *old);
    void (*validate)(struct admission *x, struct json *obj);
    void (*validate_update)(struct admission *x, struct json *obj, const struct json *old);
    /* After validation, right before staging: takes addresses and ports; may refuse. */
    void (*reserve)(struct admission *x, struct json *obj, const struct json *old);
    /* Whether an update only says that somebody is still there: it need not survive a crash (registry.h). */
    bool (*is_heartbeat)(struct arena *a, const struct json *obj, const struct json *old);
};
extern const struct strategy *const strategies[KIND_N];

/* metadata, for every kind (meta_validate.c). */
void meta_validate(struct admission *x, struct json *obj);
void meta_validate_update(struct admission *x, struct json *obj, const struct json *old);

/* One per kind or family. */
extern const struct strategy pod_strategy, rc_strategy, service_strategy, node_strategy, namespace_strategy,
    endpoints_strategy, endpoint_slice_strategy, config_map_strategy, secret_strategy, event_strategy,
    lease_strategy;

#endif
