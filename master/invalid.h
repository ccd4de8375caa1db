/*
 * Collects what is wrong with an object: field errors with the texts of Kubernetes, and warnings. A path is a
 * chain on the stack of the validating functions and is written out only for an error.
 */
#ifndef WHERRY_MASTER_INVALID_H
#define WHERRY_MASTER_INVALID_H

#include "lib/fields.h"
#include "lib/json.h"
#include "master/status.h"

struct path {
    const struct path *up;
    const char *name; /* .name, or */
    const char *key;  /* [key], or */
    size_t index;     /* [index] */
};
#define PATH(up_, name_) (&(const struct path){.up = (up_), .name = (name_)})
#define PATH_KEY(up_, key_) (&(const struct path){.up = (up_), .key = (key_)})
#define PATH_ITEM(up_, i_) (&(const struct path){.up = (up_), .index = (i_)})

struct invalid {
    struct arena *arena;
    size_t n, cap;
    struct status_cause *causes; /* message without the field */
    struct str_list warnings;
};

const char *path_text(struct arena *a, const struct path *p);

void invalid_required(struct invalid *v, const struct path *p, const char *detail); /* detail may be "" */
/* Strings are quoted as Go does, other values written as JSON. */
void invalid_value(struct invalid *v, const struct path *p, const struct json *value, const char *detail);
void invalid_str(struct invalid *v, const struct path *p, const char *value, const char *detail);
void invalid_int(struct invalid *v, const struct path *p, int64_t value, const char *detail);
void invalid_raw(
    struct invalid *v, const struct path *p, const char *value, const char *detail); /* as it is */
void invalid_duplicate(struct invalid *v, const struct path *p, const char *value);
void invalid_duplicate_raw(struct invalid *v, const struct path *p, const char *value); /* as it is */
void invalid_forbidden(struct invalid *v, const struct path *p, const char *detail);
void invalid_too_long(struct invalid *v, const struct path *p, unsigned max);
void invalid_not_found(struct invalid *v, const struct path *p, const char *value);
/* choices ends with NULL and is in alphabetical order. */
void invalid_unsupported(
    struct invalid *v, const struct path *p, const char *value, const char *const *choices);
/* value must be one of choices; absent or "" is not, either. */
bool invalid_choice(
    struct invalid *v, const struct path *p, const struct json *value, const char *const *choices);

void invalid_warn(struct invalid *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 422 for what was collected: kind_name "EndpointSlice", group "discovery.k8s.io". */
struct status *invalid_status(
    const struct invalid *v, const char *group, const char *kind_name, const char *name);

/* A text as Go's %q writes it. */
void invalid_quote(struct buf *b, const char *s);

#endif
