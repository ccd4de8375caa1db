/*
 * One write under way, shared by the change_*.c files. It lives on the stack of change_submit(); what must
 * outlast it until the commit is in its arena, which goes along with the staged write.
 */
#ifndef WHERRY_MASTER_CHANGING_H
#define WHERRY_MASTER_CHANGING_H

#include "master/schema.h"
#include "master/strategy.h"

struct changing {
    struct arena *arena;
    const struct change *c;
    const struct resource *resource;
    const struct kind *kind;
    const struct strategy *strategy;
    const char *name;
    struct admission admission;
    change_done_fn *done;
    void *arg;
};

/* Each of these ends the change: exactly one is called. */
void changing_fail(struct changing *x, const struct status *s);
void changing_answer(struct changing *x, unsigned code, const struct object *o, bool gone); /* no write */
/* Takes o. A dry run is answered at once. */
void changing_stage(struct changing *x, unsigned code, struct object *o, enum registry_write what);

/* body -> editable object of the kind, checked against the schema; false: failed already. patched: it is
 * the result of a patch (errors are worded so). */
bool changing_decode(struct changing *x, const struct json *body, bool patched, struct json *ret);
/* false: it was refused or found invalid, and failed already. */
bool changing_valid(struct changing *x, const struct json *obj);
/* Whether o may be answered with as it is: a staged one has to be committed first, so it is written again. */
bool changing_is_durable(const struct changing *x, const struct object *o);
const struct status *changing_not_found(struct changing *x);
const struct status *changing_conflict(struct changing *x, const char *why);

void change_run_create(struct changing *x);
void change_run_update(struct changing *x); /* update and patches */
void change_run_delete(struct changing *x);
void change_run_binding(struct changing *x);
void change_run_eviction(struct changing *x);
/* From old to obj (editable): metadata kept, generation counted, defaulted, validated, staged. */
void change_store(
    struct changing *x, const struct object *old, const struct json *old_tree, struct json *obj);

/* The patched tree, in the arena; NULL: failed already (patch_*.c). */
const struct json *patch_json(struct changing *x, const struct json *doc, const struct json *patch);
const struct json *patch_merge(struct arena *a, const struct json *doc, const struct json *patch);
const struct json *patch_strategic(struct arena *a, const struct schema *s, const struct json *doc,
    const struct json *patch, const char **ret_error);

/* autoscaling/v1 Scale of a controller, and back (scale.c). */
const struct json *scale_of(struct arena *a, const struct json *rc);

/* events.k8s.io/v1 and v1 (event_view.c): trees in the arena, unchanged parts shared. */
const struct json *event_view_to_core(struct arena *a, const struct json *ev);
const struct json *event_view_from_core(struct arena *a, const struct json *ev);

#endif
