/* How a kind looks as a row of a table. */
#ifndef WHERRY_MASTER_TABLE_H
#define WHERRY_MASTER_TABLE_H

#include "lib/json.h"
#include "master/kind.h"

struct column {
    const char *name, *type, *format;
    int priority; /* 1: only with -o wide */
    const char *description;
};
struct table_kind {
    const struct column *columns;
    size_t n;
    /* Writes the cells of one object, in the order of the columns. */
    void (*cells)(struct json_out *o, struct arena *a, const struct json *obj);
};
extern const struct table_kind table_kinds[KIND_N];

#endif
