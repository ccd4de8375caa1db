/*
 * What table ip wherry_proxy should hold and what it holds, element by element; their difference is the next
 * transaction. No system call: proxy/ruleset.h reads and writes the kernel's.
 */
#ifndef WHERRY_PROXY_TABLE_H
#define WHERRY_PROXY_TABLE_H

#include "proxy/plan.h"

struct table;
struct table *table_new(void);
void table_free(struct table *t);

/* One owner's (a Service's) plan takes the place of its former one. Owners may want the same element; where
 * they want other data under one key, the last one has it. */
void table_want(struct table *t, const struct plan *before, const struct plan *after);
/* The kernel has this element. */
void table_found(struct table *t, const struct plan_elem *e);
/* The kernel has none any more. */
void table_lost(struct table *t);

void table_each_installed(const struct table *t, void (*fn)(void *arg, const struct plan_elem *e), void *arg);

/* Calls fn for what is to be deleted, then for what is to be added (changed data is both). Returns how many.
 */
typedef void table_fn(void *arg, bool add, const struct plan_elem *e);
size_t table_changes(struct table *t, table_fn *fn, void *arg);
/* The kernel has taken all of table_changes(). */
void table_applied(struct table *t);

#endif
