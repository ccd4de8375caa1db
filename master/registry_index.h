/* What registry.c keeps of one kind: entries in the order of their keys (registry_index.c) and the history of
 * changes (registry_history.c). */
#ifndef WHERRY_MASTER_REGISTRY_INDEX_H
#define WHERRY_MASTER_REGISTRY_INDEX_H

#include "master/registry.h"

struct entry {
    const struct object *live;   /* durable; NULL: none */
    const struct object *staged; /* the newest, where `pending`; NULL: a deletion */
    uint64_t row, staged_row;    /* where they are on disk (store.h); 0: nowhere */
    unsigned pending;            /* writes of it that have not ended yet */
    bool is_ahead;               /* of the disk: by a heartbeat */
    char *key;
};

/* An insertion moves what one chunk holds, however many there are. No chunk is empty. */
struct chunk;
struct registry_index {
    struct chunk **chunks;
    size_t n, cap;
};
struct entry *index_find(const struct registry_index *x, const char *key); /* NULL: none */
struct entry *index_add(struct registry_index *x, const char *key);        /* found, or made */
void index_remove(struct registry_index *x, struct entry *e);              /* frees it */
void index_done(struct registry_index *x);
/* A place between entries; both become meaningless with the next addition or removal. */
struct index_place {
    size_t chunk, at;
};
struct index_place index_seek(
    const struct registry_index *x, const char *key); /* before the first not below */
struct entry *index_next(const struct registry_index *x, struct index_place *p); /* NULL: the end */

struct past;
struct registry_history {
    struct past *past; /* a ring, allocated when first used */
    size_t first, n, cap, bytes;
    uint64_t floor; /* changes up to this revision are no longer here */
};
void history_add(struct registry_history *h, const struct registry_event *ev); /* takes its references */
/* What came after rev, oldest first; false: some of it is no longer here. */
bool history_each(const struct registry_history *h, uint64_t rev,
    void (*fn)(void *arg, const struct registry_event *ev), void *arg);
void history_done(struct registry_history *h);
void event_release(struct registry_event *ev);

#endif
