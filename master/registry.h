/*
 * All objects, in memory, in the order of their keys, and the one way to change them. What is seen here is
 * durable: a write is staged, committed to disk together with whatever else came in (store.h), and only then
 * becomes visible, is told to watchers and answered.
 *
 * For the controllers and the scheduler, which live in the same loop: registry_each() and registry_get()
 * read, registry_watch() tells of every change in the turn in which it became durable, and change_submit()
 * (change.h) writes the way an API request does.
 */
#ifndef WHERRY_MASTER_REGISTRY_H
#define WHERRY_MASTER_REGISTRY_H

#include "master/object.h"
#include <uv.h>

struct registry;
struct store;

/* Reads everything the store holds. */
struct err *registry_new(uv_loop_t *loop, const char *store_path, struct registry **ret)
    __attribute__((warn_unused_result));
void registry_free(struct registry *r); /* commits what is staged, then closes */

uint64_t registry_revision(const struct registry *r); /* of the last durable write */

/* The durable object; NULL: none. ns "" for cluster-scoped kinds. Lives until the caller returns to the
 * loop; object_ref() keeps it longer. */
const struct object *registry_get(
    const struct registry *r, enum kind_id kind, const char *ns, const char *name);
/* In the order of keys; ns NULL: all namespaces. fn returns false to stop. It may submit
 * changes of what is there, but no new objects of that kind. */
void registry_each(const struct registry *r, enum kind_id kind, const char *ns,
    bool (*fn)(void *arg, const struct object *o), void *arg);
size_t registry_count(const struct registry *r, enum kind_id kind);
/* Where the keys of ns (NULL: all) begin and end, and the entry there: for lists in pieces. */
void registry_range(
    const struct registry *r, enum kind_id kind, const char *ns, size_t *ret_begin, size_t *ret_end);
size_t registry_after(const struct registry *r, enum kind_id kind, const char *key); /* first beyond key */
const struct object *registry_at(
    const struct registry *r, enum kind_id kind, size_t i); /* NULL: only staged */

/* Tells of every durable change, in the order of revisions, after the memory shows all of its batch. before
 * NULL: it was made; now NULL: it is gone. Both live until fn returns. fn may submit changes. */
struct registry_watch;
typedef void registry_watch_fn(
    void *arg, const struct object *before, const struct object *now, uint64_t rev);
struct registry_watch *registry_watch(
    struct registry *r, enum kind_id kind, registry_watch_fn *fn, void *arg);
void registry_unwatch(struct registry_watch *w); /* at any moment, also from fn */

/* ---- For change.c only ---- */

/* What a writer must build upon: the staged object, or the durable one; NULL: none. */
const struct object *registry_latest(
    const struct registry *r, enum kind_id kind, const char *ns, const char *name);
/* The revision that the next staged write gets. */
uint64_t registry_next_revision(const struct registry *r);
/* Stages o (takes the reference) as the newest state, or a deletion (gone: o is its last state, with the
 * deletion's revision). done(arg, NULL) once it is durable, or with the error of the commit that failed, in
 * which case the write never happened. done may be NULL. */
void registry_stage(struct registry *r, const struct object *o, bool gone,
    void (*done)(void *arg, const struct err *e), void *arg);

/* ---- For watches of the API (watch.c) ---- */

/* History of a kind: the changes after rev that are still held, oldest first. false: some of them are gone
 * (410 Expired). */
struct registry_event {
    uint64_t rev;
    const struct object *before, *now; /* as above; now is NULL for a deletion, last is its final state */
    const struct object *last;
};
bool registry_history(const struct registry *r, enum kind_id kind, uint64_t rev,
    void (*fn)(void *arg, const struct registry_event *ev), void *arg);
/* Like registry_watch(), with the event's final state. */
struct registry_watch *registry_follow(
    struct registry *r, enum kind_id kind, void (*fn)(void *arg, const struct registry_event *ev), void *arg);

#endif
