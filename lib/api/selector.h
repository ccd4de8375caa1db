/*
 * Label and field selectors, as in ?labelSelector=app=web,tier in (a,b),!canary and
 * ?fieldSelector=spec.nodeName=n1,status.phase!=Failed.
 */
#ifndef WHERRY_API_SELECTOR_H
#define WHERRY_API_SELECTOR_H

#include "lib/err.h"
#include "lib/fields.h"

enum selector_op {
    SELECTOR_IN,         /* also = and ==: one of values */
    SELECTOR_NOT_IN,     /* also !=: absent, or none of values */
    SELECTOR_EXISTS,     /* key */
    SELECTOR_NOT_EXISTS, /* !key */
    SELECTOR_GREATER,    /* key > values[0], integers */
    SELECTOR_LESS
};
struct selector_term {
    const char *key;
    enum selector_op op;
    struct str_list values;
};
struct selector { /* all terms must hold; none: everything matches */
    size_t n;
    struct selector_term *terms;
};

/* Everything lives in the arena. "" and NULL are the selector of everything. ERR_INVALID says what is wrong.
 */
struct err *selector_parse_labels(struct arena *a, const char *text, struct selector *ret)
    __attribute__((warn_unused_result));
/* Field selectors know =, == and != only; \\, \, and \= stand for themselves. */
struct err *selector_parse_fields(struct arena *a, const char *text, struct selector *ret)
    __attribute__((warn_unused_result));

/* One term against a value; NULL: the key is not there. */
bool selector_term_matches(const struct selector_term *t, const char *value);
bool selector_matches(const struct selector *s, const struct str_map *labels);
/* A map of equalities (spec.selector of a Service); an empty one matches nothing. */
bool selector_map_matches(const struct str_map *wanted, const struct str_map *labels);

#endif
