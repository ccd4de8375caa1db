/*
 * The types of the served kinds, from schema/types.txt, which is part of the program. Decoding (decode.c),
 * strategic merge (patch_strategic.c) and OpenAPI (openapi.c) read them.
 */
#ifndef WHERRY_MASTER_SCHEMA_H
#define WHERRY_MASTER_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum schema_base {
    SCHEMA_STRING,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_BOOL,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_QUANTITY,
    SCHEMA_INTSTR,
    SCHEMA_TIME,
    SCHEMA_MICROTIME,
    SCHEMA_ANY,
    SCHEMA_STRUCT
};
enum schema_shape { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP };

struct schema {
    const char *name; /* "core.v1.Pod" */
    size_t n;
    struct schema_field *fields; /* sorted by name */
};
struct schema_field {
    const char *name;
    enum schema_base base;
    enum schema_shape shape;
    const struct schema *sub; /* SCHEMA_STRUCT */
    const char *type;         /* as written in the table */
    bool required;            /* ! */
    bool keep_zero;           /* p */
    bool always;              /* z */
    bool merge, retain;       /* strategic merge patch */
    const char *merge_key;    /* NULL: a list of scalars, or not merged */
    const char *keys;         /* "containerPort,protocol"; NULL: no list of that kind */
    const char *list;         /* "set", "atomic"; NULL */
    unsigned outer, number;   /* in protobuf: of the field in the message, or in its field `outer`; 0: none */
};

/* Built at the first call, by whoever comes first; lives as long as the process. */
const struct schema *schema_find(const char *name); /* NULL: none */
const struct schema_field *schema_field(const struct schema *s, const char *name);
const struct schema *schema_all(size_t *ret_n); /* in the order of the table */
/* "PodSpec" of "core.v1.PodSpec". */
const char *schema_short(const struct schema *s);

#endif
