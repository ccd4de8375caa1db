/* Which containers there are. */
#ifndef WHERRY_RUNTIME_RECORD_LIST_H
#define WHERRY_RUNTIME_RECORD_LIST_H

#include "lib/fields.h"
#include "runtime/verbs/verbs.h"

/* The ids below root (a descriptor; -1: none), in order. */
struct err *record_list(int root, struct arena *a, struct str_list *ret) __attribute__((warn_unused_result));

/* What kill and delete do to one container. */
typedef struct err *record_visit_fn(const struct globals *g, const char *id, void *arg);
/* visit() for id, or with is_regex for each id that the extended regular expression matches: all of them are
 * visited, and of several errors the first is returned, the others reported. */
struct err *record_each(const struct globals *g, const char *id, bool is_regex, record_visit_fn *visit,
    void *arg) __attribute__((warn_unused_result));

#endif
