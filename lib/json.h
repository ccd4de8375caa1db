/*
 * JSON (RFC 8259): an immutable tree in an arena, read through yajl's callbacks, and a streaming writer.
 * Numbers stay text (no value is changed by passing through). Object members keep their order; a
 * duplicate name is an error. What is changed is a new tree that shares the unchanged parts.
 */
#ifndef WHERRY_JSON_H
#define WHERRY_JSON_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_member;
struct json {
    enum json_type type;
    bool boolean; /* JSON_BOOL */
    uint32_t n;   /* bytes of text, or count of items or members */
    union {
        const char *text; /* JSON_STRING and JSON_NUMBER; NUL-terminated, may contain NUL for a string */
        const struct json *items;
        const struct json_member *members;
    };
};
struct json_member {
    const char *name;
    struct json value;
};

/* Ceilings for what strangers wrote. */
struct json_limits {
    size_t bytes;    /* of the text */
    unsigned depth;  /* of nesting */
    size_t nodes;    /* values in all */
    bool duplicates; /* a name that stands twice is kept twice, in order, instead of being an error */
};
extern const struct json_limits json_limits_default; /* 3 MiB, 64 deep, 400,000 nodes */

/* Parses len bytes; trailing white space only. The tree lives in `a` and does not refer to `text`.
 * Errors are ERR_INVALID with line and column, or ERR_LIMIT. lim NULL: the default. */
struct err *json_parse(struct arena *a, const char *text, size_t len, const struct json_limits *lim,
    const struct json **ret) __attribute__((warn_unused_result));

/* The member's value, NULL where j is NULL, no object, or has no such member. */
const struct json *json_get(const struct json *j, const char *name);
/* Descends by the names up to a NULL: json_at(j, "metadata", "name", NULL). */
const struct json *json_at(const struct json *j, ...) __attribute__((sentinel));
const char *json_str(const struct json *j);        /* NULL unless a string without NUL bytes */
bool json_int(const struct json *j, int64_t *ret); /* false unless a number that is an integer in range */
bool json_bool(const struct json *j, bool fallback);
const char *json_type_name(const struct json *j);            /* "object" */
bool json_equal(const struct json *a, const struct json *b); /* member order does not matter */

#define json_each_item(it, j)                                                                                \
    for (const struct json *it = ((j) && (j)->type == JSON_ARRAY) ? (j)->items : NULL,                       \
                           *it##_end = it ? it + (j)->n : NULL;                                              \
         it != it##_end; it++)
#define json_each_member(m, j)                                                                               \
    for (const struct json_member *m = ((j) && (j)->type == JSON_OBJECT) ? (j)->members : NULL,              \
                                  *m##_end = m ? m + (j)->n : NULL;                                          \
         m != m##_end; m++)

/* New trees. Values are shared, not copied; everything must live as long as the arena. */
const struct json *json_new_str(struct arena *a, const char *s); /* copies s */
const struct json *json_new_int(struct arena *a, int64_t v);
const struct json *json_new_bool(struct arena *a, bool v);
extern const struct json json_null, json_empty_object, json_empty_array;
/* obj with `name` set to value, at its place or at the end; value NULL removes it. obj NULL: an empty one. */
const struct json *json_with(
    struct arena *a, const struct json *obj, const char *name, const struct json *value);
/* The same some names down ("status\0"-free list ended by NULL), making objects on the way. */
const struct json *json_with_at(struct arena *a, const struct json *obj, const struct json *value, ...)
    __attribute__((sentinel));
const struct json *json_append(struct arena *a, const struct json *array, const struct json *item);
const struct json *json_copy(struct arena *a, const struct json *j); /* deep, out of another arena */

/* The writer: compact text into a buffer, commas by itself. Names are written with the value; inside an
 * array the name is NULL. */
struct json_out {
    struct buf *buf;
    bool comma;
};
void json_out_object(struct json_out *o, const char *name); /* opens { */
void json_out_array(struct json_out *o, const char *name);  /* opens [ */
void json_out_end_object(struct json_out *o);
void json_out_end_array(struct json_out *o);
void json_out_str(struct json_out *o, const char *name, const char *s); /* NULL writes null */
void json_out_strn(struct json_out *o, const char *name, const char *s, size_t n);
void json_out_int(struct json_out *o, const char *name, int64_t v);
void json_out_bool(struct json_out *o, const char *name, bool v);
void json_out_null(struct json_out *o, const char *name);
void json_out_raw(struct json_out *o, const char *name, const char *text, size_t n); /* text is JSON */
void json_out_value(struct json_out *o, const char *name, const struct json *j);

/* The whole tree as compact text; indent > 0: as a person reads it. */
void json_write(struct buf *b, const struct json *j, unsigned indent);

#endif
