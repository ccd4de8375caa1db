/* Selectors: a small scanner for labels, an even smaller one for fields, and matching. */
#include "lib/api/selector.h"
#include <stdlib.h>
#include <string.h>

#define TERMS_MAX 200
#define VALUES_MAX 1000

struct scan {
    struct arena *a;
    const char *p;
    const char *text;
};

static void skip_space(struct scan *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')
        s->p++;
}

/* A word: everything up to a space or a sign. "" where there is none. */
static const char *word(struct scan *s)
{
    skip_space(s);
    size_t n = strcspn(s->p, " \t\r\n=!<>(),");
    const char *w = arena_strndup(s->a, s->p, n);
    s->p += n;
    skip_space(s);
    return w;
}

static struct err *unexpected(const struct scan *s, const char *wanted)
{
    size_t n = strcspn(s->p, " \t\r\n");
    return err_new(ERR_INVALID, "unable to parse requirement: found '%.*s', expected: %s",
        n > 80 ? 80 : (int)n, s->p, wanted);
}

static bool is_word(const char *w)
{
    size_t n = strlen(w);
    if (!n)
        return true;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return strspn(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n &&
           strchr(letters, w[0]) && strchr(letters, w[n - 1]);
}

static struct err *check_key(const char *key)
{
    const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
    if (!*name || strlen(name) > 63 || !is_word(name))
        return err_new(ERR_INVALID,
            "unable to parse requirement: <nil>: Invalid value: \"%.300s\": name part must consist of "
            "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            key);
    return NULL;
}

static struct err *check_value(const char *key, const char *value)
{
    if (strlen(value) > 63)
        return err_new(ERR_INVALID,
            "unable to parse requirement: values[0][%s]: Invalid value: \"%.300s\": must be no more than 63 "
            "bytes",
            key, value);
    if (!is_word(value))
        return err_new(ERR_INVALID,
            "unable to parse requirement: values[0][%s]: Invalid value: \"%.300s\": a valid label must be an "
            "empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
            "with "
            "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
            "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            key, value);
    return NULL;
}

static struct err *add_value(struct scan *s, struct selector_term *t, const char *value)
{
    struct str_list *l = &t->values;
    if (l->n == VALUES_MAX)
        return err_new(ERR_LIMIT, "a selector with more than %d values", VALUES_MAX);
    if (!(l->n & (l->n - 1))) { /* at powers of two it is full */
        const char **more = arena_array(s->a, l->n ? l->n * 2 : 1, sizeof(*more));
        if (l->n)
            memcpy(more, l->v, l->n * sizeof(*more));
        l->v = more;
    }
    l->v[l->n++] = value;
    return check_value(t->key, value);
}

/* (a, b, c) */
static struct err *parse_set(struct scan *s, struct selector_term *t)
{
    if (*s->p != '(')
        return unexpected(s, "'('");
    do {
        s->p++;
        TRY(add_value(s, t, word(s)));
    } while (*s->p == ',');
    if (*s->p != ')')
        return unexpected(s, "',' or ')'");
    s->p++;
    skip_space(s);
    return NULL;
}

static struct err *parse_operator(struct scan *s, struct selector_term *t)
{
    static const struct {
        const char *sign;
        enum selector_op op;
    } signs[] = {{"==", SELECTOR_IN}, {"=", SELECTOR_IN}, {"!=", SELECTOR_NOT_IN}, {">", SELECTOR_GREATER},
        {"<", SELECTOR_LESS}};
    for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
        if (!strncmp(s->p, signs[i].sign, strlen(signs[i].sign))) {
            s->p += strlen(signs[i].sign);
            t->op = signs[i].op;
            skip_space(s);
            if (*s->p && strchr("=!<>()", *s->p))
                return err_new(
                    ERR_INVALID, "unable to parse requirement: found '%c', expected: identifier", *s->p);
            return add_value(s, t, word(s));
        }
    const char *name = word(s);
    if (!strcmp(name, "in"))
        t->op = SELECTOR_IN;
    else if (!strcmp(name, "notin"))
        t->op = SELECTOR_NOT_IN;
    else
        return err_new(ERR_INVALID,
            "unable to parse requirement: found '%.80s', expected: in, notin, =, ==, !=, gt, lt", name);
    return parse_set(s, t);
}

static struct err *parse_term(struct scan *s, struct selector_term *t)
{
    skip_space(s);
    bool negated = *s->p == '!';
    s->p += negated;
    t->key = word(s);
    if (!*t->key)
        return unexpected(s, "!, identifier, or 'end of string'");
    TRY(check_key(t->key));
    t->op = negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS;
    if (negated || !*s->p || *s->p == ',')
        return NULL;
    TRY(parse_operator(s, t));
    if ((t->op == SELECTOR_GREATER || t->op == SELECTOR_LESS) &&
        (!*t->values.v[0] || strspn(t->values.v[0], "0123456789") != strlen(t->values.v[0])))
        return err_new(ERR_INVALID,
            "unable to parse requirement: values[0][%s]: Invalid value: \"%s\": for 'Gt', 'Lt' operators, "
            "the "
            "value must be an integer",
            t->key, t->values.v[0]);
    return NULL;
}

struct err *selector_parse_labels(struct arena *a, const char *text, struct selector *ret)
{
    *ret = (struct selector){0};
    struct scan s = {a, text ? text : "", text};
    skip_space(&s);
    if (!*s.p)
        return NULL;
    ret->terms = arena_array(a, TERMS_MAX, sizeof(*ret->terms));
    for (;;) {
        if (ret->n == TERMS_MAX)
            return err_new(ERR_LIMIT, "a selector with more than %d terms", TERMS_MAX);
        TRY(parse_term(&s, &ret->terms[ret->n++]));
        if (!*s.p)
            return NULL;
        if (*s.p != ',')
            return unexpected(&s, "',' or 'end of string'");
        s.p++;
    }
}

/* Up to an unescaped sign of `ends`, unescaped. NULL: a backslash before something that needs none. */
static const char *unescape(struct scan *s, const char *ends)
{
    char *out = arena_alloc(s->a, strlen(s->p) + 1), *to = out;
    while (*s->p && !strchr(ends, *s->p)) {
        if (*s->p == '\\') {
            s->p++;
            if (!*s->p || !strchr("\\,=", *s->p))
                return NULL;
        }
        *to++ = *s->p++;
    }
    return out;
}

static struct err *parse_field(struct scan *s, struct selector_term *t)
{
    t->key = unescape(s, "=!,");
    if (!t->key || !*t->key || (*s->p != '=' && strncmp(s->p, "!=", 2) != 0))
        return err_new(ERR_INVALID, "invalid selector: '%.300s'; can't understand '%.300s'", s->text,
            t->key ? t->key : "");
    t->op = *s->p == '!' ? SELECTOR_NOT_IN : SELECTOR_IN;
    s->p += *s->p == '!' || s->p[1] == '=' ? 2 : 1;
    const char *value = unescape(s, ",=");
    if (!value || *s->p == '=')
        return err_new(ERR_INVALID, "invalid field selector: invalid unescaped value in '%.300s'", s->text);
    t->values = (struct str_list){1, arena_array(s->a, 1, sizeof(*t->values.v))};
    t->values.v[0] = value;
    return NULL;
}

struct err *selector_parse_fields(struct arena *a, const char *text, struct selector *ret)
{
    *ret = (struct selector){0};
    struct scan s = {a, text ? text : "", text};
    if (!*s.p)
        return NULL;
    ret->terms = arena_array(a, TERMS_MAX, sizeof(*ret->terms));
    for (;;) {
        if (ret->n == TERMS_MAX)
            return err_new(ERR_LIMIT, "a selector with more than %d terms", TERMS_MAX);
        TRY(parse_field(&s, &ret->terms[ret->n++]));
        if (!*s.p || !*++s.p)
            return NULL;
    }
}

bool selector_term_matches(const struct selector_term *t, const char *value)
{
    bool found = false;
    switch (t->op) {
    case SELECTOR_EXISTS:
        return value != NULL;
    case SELECTOR_NOT_EXISTS:
        return !value;
    case SELECTOR_GREATER:
    case SELECTOR_LESS: {
        char *end;
        long long have = value ? strtoll(value, &end, 10) : 0, than = strtoll(t->values.v[0], NULL, 10);
        if (!value || !*value || *end)
            return false;
        return t->op == SELECTOR_GREATER ? have > than : have < than;
    }
    default:
        for (size_t i = 0; value && i < t->values.n; i++)
            found = found || !strcmp(t->values.v[i], value);
        return t->op == SELECTOR_IN ? found : !found;
    }
}

bool selector_matches(const struct selector *s, const struct str_map *labels)
{
    for (size_t i = 0; i < s->n; i++)
        if (!selector_term_matches(&s->terms[i], str_map_get(labels, s->terms[i].key)))
            return false;
    return true;
}

bool selector_map_matches(const struct str_map *wanted, const struct str_map *labels)
{
    for (size_t i = 0; i < wanted->n; i++) {
        const char *value = str_map_get(labels, wanted->v[i].name);
        if (!value || strcmp(value, wanted->v[i].value) != 0)
            return false;
    }
    return wanted->n > 0;
}
