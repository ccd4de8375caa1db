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
struct registry_index;

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
/* A walk in the order of keys through ns (NULL: all), from the first key beyond `after` (NULL: from the
 * beginning). ns must outlive it. It ends when the caller returns to the loop, or submits new objects of that
 * kind. */
struct registry_walk {
    const struct registry_index *index;
    const char *ns;
    size_t chunk, at;
};
struct registry_walk registry_walk(
    const struct registry *r, enum kind_id kind, const char *ns, const char *after);
const struct object *registry_next(struct registry_walk *w); /* NULL: the end */

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
/* A deletion's object is its last state, with the deletion's revision. A heartbeat is a state that is worth
 * nothing after a crash: all but the disk learn of it. */
enum registry_write { REGISTRY_OBJECT, REGISTRY_HEARTBEAT, REGISTRY_DELETION };
/* Stages o (takes the reference) as the newest state. done(arg, NULL) once it is durable, or with the error
 * of the commit that failed, in which case the write never happened. done may be NULL. */
void registry_stage(struct registry *r, const struct object *o, enum registry_write what,
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
