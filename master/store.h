/*
 * The disk below the registry: one SQLite file that holds every object's bytes and the last revision.
 * A commit is one transaction and one fsync (WAL, synchronous=FULL), so a crash at any moment leaves all of a
 * commit or nothing of it.
 *
 * One connection, locked exclusively: a second master on the same folder is refused. It is used by one thread
 * at a time: the loop's at start and end, in between the worker in which registry.c commits.
 */
#ifndef WHERRY_MASTER_STORE_H
#define WHERRY_MASTER_STORE_H

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_write {
    const char *kind, *key; /* resource name; key as in struct object */
    uint64_t row;           /* names it for as long as it is there: its first revision */
    uint64_t rev;
    bool gone; /* a deletion */
    const char *json;
    size_t len;
};

struct err *store_open(const char *path, struct store **ret) __attribute__((warn_unused_result));
void store_close(struct store *s);        /* NULL is fine */
uint64_t store_revision(struct store *s); /* the highest that may have been given away */
/* Everything. An error of fn ends it. */
struct err *store_each(struct store *s,
    struct err *(*fn)(void *arg, const char *kind, uint64_t row, uint64_t rev, const char *json, size_t len),
    void *arg) __attribute__((warn_unused_result));
/* All or nothing, durable when it returns. revision: what store_revision() says from now on; 0: as before. It
 * covers the revisions of all writes. Blocks. */
struct err *store_commit(struct store *s, const struct store_write *writes, size_t n, uint64_t revision)
    __attribute__((warn_unused_result));

#endif
