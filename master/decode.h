/*
 * JSON as it was sent -> the object as it is kept: typed by the schema, nulls and zero values left out as
 * Kubernetes leaves them out, quantities canonical. What the schema does not know is left out and named.
 */
#ifndef WHERRY_MASTER_DECODE_H
#define WHERRY_MASTER_DECODE_H

#include "lib/fields.h"
#include "lib/json.h"
#include "master/schema.h"

struct decode {
    struct arena *arena;
    struct str_list problems; /* `unknown field "spec.x"`, `duplicate field "data.a"`, in order of the text */
    const char *failure;      /* Go's text where a value has the wrong type */
};

/* The result is editable (edit.h). false: d->failure says why. */
bool decode_object(struct decode *d, const struct schema *s, const struct json *in, struct json *ret);

#endif
