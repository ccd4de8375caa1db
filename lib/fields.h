/*
 * Field tables: one table binds a C struct to a JSON object, decodes and encodes it, and makes errors
 * that name their path ("spec.containers[0].ports[1].containerPort: not an integer").
 *
 * A struct of the API has, per field: `const char *` (NULL absent), `struct opt_int`, `struct opt_bool`
 * (with presence), a pointer to a sub-struct (NULL absent), or a `FIELD_LIST(type)`. Everything lives in
 * the arena given to fields_decode(). Names the table does not know are ignored (a caller that must keep
 * them keeps the tree).
 */
#ifndef WHERRY_FIELDS_H
#define WHERRY_FIELDS_H

#include "lib/json.h"

struct opt_int {
    bool set;
    int64_t v;
};
struct opt_bool {
    bool set, v;
};
struct opt_double {
    bool set;
    double v;
};
static inline int64_t opt_int_or(struct opt_int o, int64_t fallback)
{
    return o.set ? o.v : fallback;
}
static inline bool opt_bool_or(struct opt_bool o, bool fallback)
{
    return o.set ? o.v : fallback;
}

/* A list of structs, of strings, of integers; a map from string to string, in the order of the text. */
#define FIELD_LIST(type)                                                                                     \
    struct {                                                                                                 \
        size_t n;                                                                                            \
        type *v;                                                                                             \
    }
struct str_list {
    size_t n;
    const char **v;
};
struct int_list {
    size_t n;
    int64_t *v;
};
struct str_pair {
    const char *name, *value;
};
struct str_map {
    size_t n;
    struct str_pair *v;
};
const char *str_map_get(const struct str_map *m, const char *name); /* NULL where absent */

enum field_type {
    FIELD_STR,     /* const char *            <- string */
    FIELD_INT,     /* struct opt_int          <- integer */
    FIELD_BOOL,    /* struct opt_bool         <- true, false */
    FIELD_DOUBLE,  /* struct opt_double       <- number */
    FIELD_SCALAR,  /* const char *            <- string or number (quantities, ports by name or number) */
    FIELD_BYTES,   /* struct bytes *          <- base64 in a string */
    FIELD_STRUCT,  /* sub *                   <- object */
    FIELD_STRUCTS, /* FIELD_LIST(sub)         <- array of objects */
    FIELD_STRS,    /* struct str_list         <- array of strings */
    FIELD_INTS,    /* struct int_list         <- array of integers */
    FIELD_STR_MAP, /* struct str_map          <- object of strings (or numbers, for quantities) */
    FIELD_JSON,    /* const struct json *     <- anything, kept as it is */
};
struct bytes {
    size_t n;
    const unsigned char *v;
};

struct fields;
struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    const struct fields *sub;                                /* FIELD_STRUCT, FIELD_STRUCTS */
    enum { FIELD_REQUIRED = 1, FIELD_KEEP_EMPTY = 2 } flags; /* KEEP_EMPTY: encodes [] and {} too */
    int64_t min, max;                                        /* FIELD_INT: the range; both 0: int64 */
};
struct fields {
    const char *name;         /* of the type, for errors */
    size_t size;              /* of the struct */
    const struct field *list; /* ended by a NULL name */
};

#define FIELD(struct_, member, json_name, type_)                                                             \
    {                                                                                                        \
        json_name, type_, offsetof(struct struct_, member), 0, 0, 0, 0                                       \
    }
#define FIELD_OF(struct_, member, json_name, type_, sub_)                                                    \
    {                                                                                                        \
        json_name, type_, offsetof(struct struct_, member), sub_, 0, 0, 0                                    \
    }
#define FIELDS_DEFINE(var, struct_, ...)                                                                     \
    const struct fields var = {#struct_, sizeof(struct struct_), (const struct field[]){__VA_ARGS__, {0}}}

/* Fills *out (zeroed first) from an object. ERR_INVALID names the path. A JSON null counts as absent. */
struct err *fields_decode(const struct fields *f, struct arena *a, const struct json *j, void *out)
    __attribute__((warn_unused_result));
/* Parses text and decodes it in one go. */
struct err *fields_parse(const struct fields *f, struct arena *a, const char *text, size_t len, void *out)
    __attribute__((warn_unused_result));
/* Writes the struct as an object: absent fields and empty lists are left out. */
void fields_encode(const struct fields *f, const void *in, struct json_out *o, const char *name);
/* The same without the braces: into an object that is open and has other members too. */
void fields_encode_members(const struct fields *f, const void *in, struct json_out *o);

#endif
