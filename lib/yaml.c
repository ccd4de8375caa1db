/*
 * YAML text to a JSON tree. libyaml turns the text into events; read_node() follows their nesting, to a
 * bounded depth. Anchored nodes are kept by name and shared, not copied, where an alias names them: the tree
 * stays small in memory, but is counted as if it had been copied, since whoever writes it out will copy it.
 */
#include "lib/yaml.h"
#include "lib/yaml_scalar.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define TAG "tag:yaml.org,2002:"

struct anchor {
    struct anchor *next;
    const char *name;
    struct json value;
    size_t nodes; /* 0: still open */
};

struct reader {
    struct arena *arena;
    const struct json_limits *lim;
    yaml_parser_t parser;
    struct anchor *anchors; /* of this document, the newest first */
    size_t nodes, n_anchors;
    unsigned depth;
};

/* A value that belongs to an open collection, and where it stood. */
struct part {
    struct json_member member; /* name NULL in a sequence */
    yaml_mark_t at;
};

struct list {
    struct part *v;
    size_t n, cap;
};

enum { ANCHORS_MAX = 1000 }; /* they are looked up one after the other */

static struct err *error_at(yaml_mark_t at, enum err_kind kind, const char *what)
{
    return err_new(kind, "line %zu, column %zu: %s", at.line + 1, at.column + 1, what);
}

static struct err *parser_error(const yaml_parser_t *p)
{
    const char *what = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return err_new(ERR_INVALID, "byte %zu: %s", p->problem_offset, what);
    return error_at(p->problem_mark, ERR_INVALID, what);
}

static struct err *next_event(struct reader *r, yaml_event_t *ret)
{
    return yaml_parser_parse(&r->parser, ret) ? NULL : parser_error(&r->parser);
}

static struct err *count(struct reader *r, size_t nodes, yaml_mark_t at)
{
    r->nodes += nodes;
    return r->nodes > r->lim->nodes ? error_at(at, ERR_LIMIT, "too many values") : NULL;
}

static void push(struct list *l, const char *name, struct json value, yaml_mark_t at)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->v = mem_realloc(l->v, l->cap, sizeof(*l->v));
    }
    l->v[l->n++] = (struct part){{name, value}, at};
}

static struct json string(struct reader *r, const char *text, size_t n)
{
    char *copy = arena_alloc(r->arena, n + 1);
    memcpy(copy, text, n);
    return (struct json){.type = JSON_STRING, .n = (uint32_t)n, .text = copy};
}

static struct json number(const char *text)
{
    return (struct json){.type = JSON_NUMBER, .n = (uint32_t)strlen(text), .text = text};
}

/* --- scalars --- */

static struct err *mismatch(const yaml_event_t *e, const char *tag)
{
    auto_free char *what = mem_printf("\"%.60s\" is no !!%s", e->data.scalar.value, tag + strlen(TAG));
    return error_at(e->start_mark, ERR_INVALID, what);
}

/* The value of an unquoted scalar; `tag` (NULL: none) is what it must be. */
static struct err *resolve(struct reader *r, const yaml_event_t *e, const char *tag, struct json *ret)
{
    const char *text = (const char *)e->data.scalar.value, *digits;
    bool truth;
    enum yaml_scalar type = strlen(text) == e->data.scalar.length
                                ? yaml_scalar_read(r->arena, text, &digits, &truth)
                                : YAML_STRING;
    static const char *const tags[] = {[YAML_NULL] = TAG "null",
        [YAML_BOOL] = TAG "bool",
        [YAML_INT] = TAG "int",
        [YAML_FLOAT] = TAG "float"};
    bool widened = tag && !strcmp(tag, TAG "float") && type == YAML_INT;
    const char *is = type < ARRAY_SIZE(tags) ? tags[type] : NULL;
    if (tag && !widened && (!is || strcmp(tag, is)))
        return mismatch(e, tag);
    if (type == YAML_NO_JSON)
        return error_at(e->start_mark, ERR_INVALID, "infinity and NaN are no values here");
    if (type == YAML_NULL)
        *ret = json_null;
    else if (type == YAML_BOOL)
        *ret = (struct json){.type = JSON_BOOL, .boolean = truth};
    else if (type == YAML_INT || type == YAML_FLOAT)
        *ret = number(digits);
    else
        *ret = string(r, text, e->data.scalar.length);
    return NULL;
}

static struct err *read_scalar(struct reader *r, const yaml_event_t *e, struct json *ret)
{
    static const char *const typed[] = {TAG "null", TAG "bool", TAG "int", TAG "float"};
    const char *tag = (const char *)e->data.scalar.tag;
    if (e->data.scalar.length > UINT32_MAX - 1)
        return error_at(e->start_mark, ERR_LIMIT, "too long");
    if (tag && !strcmp(tag, TAG "binary"))
        return error_at(e->start_mark, ERR_UNSUPPORTED, "!!binary is not read here");
    for (size_t i = 0; i < ARRAY_SIZE(typed) && tag; i++)
        if (!strcmp(tag, typed[i]))
            return resolve(r, e, tag, ret);
    if (!tag && e->data.scalar.plain_implicit)
        return resolve(r, e, NULL, ret);
    *ret = string(r, (const char *)e->data.scalar.value, e->data.scalar.length);
    return NULL;
}

/* --- anchors --- */

static struct err *add_anchor(struct reader *r, const yaml_char_t *name, yaml_mark_t at, struct anchor **ret)
{
    if (!name)
        return NULL;
    if (r->n_anchors++ == ANCHORS_MAX)
        return error_at(at, ERR_LIMIT, "too many anchors");
    struct anchor *a = arena_new_obj(r->arena, struct anchor);
    a->name = arena_strdup(r->arena, (const char *)name);
    a->next = r->anchors;
    *ret = r->anchors = a;
    return NULL;
}

static struct err *read_alias(struct reader *r, const yaml_event_t *e, struct json *ret)
{
    const char *name = (const char *)e->data.alias.anchor;
    for (struct anchor *a = r->anchors; a; a = a->next) {
        if (strcmp(a->name, name))
            continue;
        if (!a->nodes) {
            auto_free char *what = mem_printf("anchor \"%.60s\" contains itself", name);
            return error_at(e->start_mark, ERR_INVALID, what);
        }
        *ret = a->value;
        return count(r, a->nodes, e->start_mark);
    }
    auto_free char *what = mem_printf("unknown anchor \"%.60s\"", name);
    return error_at(e->start_mark, ERR_INVALID, what);
}

/* --- collections --- */

static struct err *read_node(struct reader *r, const yaml_event_t *e, struct json *ret);

static struct err *read_items(struct reader *r, struct list *l)
{
    for (;;) {
        yaml_event_t e;
        struct json value;
        TRY(next_event(r, &e));
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        struct err *failed = end ? NULL : read_node(r, &e, &value);
        yaml_mark_t at = e.start_mark;
        yaml_event_delete(&e);
        if (failed || end)
            return failed;
        push(l, NULL, value, at);
    }
}

static struct err *read_sequence(struct reader *r, struct json *ret)
{
    struct list l = {0};
    struct err *e = read_items(r, &l);
    if (!e) {
        struct json *items = l.n ? arena_array(r->arena, l.n, sizeof(*items)) : NULL;
        for (size_t i = 0; i < l.n; i++)
            items[i] = l.v[i].member.value;
        *ret = (struct json){.type = JSON_ARRAY, .n = (uint32_t)l.n, .items = items};
    }
    free(l.v);
    return e;
}

/* A name of the JSON object: numbers and booleans become their text. */
static struct err *name_of(const struct json *j, yaml_mark_t at, const char **ret)
{
    switch (j->type) {
    case JSON_STRING:
        *ret = json_str(j);
        return *ret ? NULL : error_at(at, ERR_INVALID, "a name with a NUL byte");
    case JSON_NUMBER:
        *ret = j->text;
        return NULL;
    case JSON_BOOL:
        *ret = j->boolean ? "true" : "false";
        return NULL;
    default:
        return error_at(at, ERR_INVALID, "a name that is no string");
    }
}

/* Adds the members of a merged mapping behind those that are there; settle() then lets the first win. */
static struct err *merge(struct list *l, const struct json *from, yaml_mark_t at)
{
    if (from->type == JSON_ARRAY && (!from->n || from->items[0].type != JSON_ARRAY)) {
        json_each_item (it, from)
            TRY(merge(l, it, at));
        return NULL;
    }
    if (from->type != JSON_OBJECT)
        return error_at(at, ERR_INVALID, "\"<<\" takes a mapping or a sequence of mappings");
    json_each_member (m, from)
        push(l, m->name, m->value, at);
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct part *x = *(const struct part *const *)a, *y = *(const struct part *const *)b;
    int order = strcmp(x->member.name, y->member.name);
    return order ? order : (x > y) - (x < y);
}

/* Of the same names only the first stays. Two among the first `own`, which are the mapping's own, are an
 * error. */
static struct err *settle(struct list *l, size_t own)
{
    auto_free struct part **order = mem_array(l->n, sizeof(*order));
    for (size_t i = 0; i < l->n; i++)
        order[i] = &l->v[i];
    qsort(order, l->n, sizeof(*order), by_name);
    const char *last = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const char *name = order[i]->member.name;
        bool again = last && !strcmp(last, name);
        last = name;
        if (again && order[i] < l->v + own) {
            auto_free char *what = mem_printf("duplicate name \"%.80s\"", name);
            return error_at(order[i]->at, ERR_INVALID, what);
        }
        if (again)
            order[i]->at.index = SIZE_MAX; /* to go */
    }
    size_t to = own;
    for (size_t i = own; i < l->n; i++)
        if (l->v[i].at.index != SIZE_MAX)
            l->v[to++] = l->v[i];
    l->n = to;
    return NULL;
}

static bool is_merge(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           !e->data.scalar.tag && !strcmp((const char *)e->data.scalar.value, "<<");
}

/* One name and its value; *ret_merge where the name was "<<". */
static struct err *read_pair(
    struct reader *r, const yaml_event_t *key, struct json_member *ret, bool *ret_merge)
{
    yaml_event_t e;
    struct json name;
    *ret_merge = is_merge(key);
    if (!*ret_merge) {
        TRY(read_node(r, key, &name));
        TRY(name_of(&name, key->start_mark, &ret->name));
    }
    TRY(next_event(r, &e));
    struct err *failed = read_node(r, &e, &ret->value);
    yaml_event_delete(&e);
    return failed;
}

/* The mapping's own members into l, what its "<<" name into merged. */
static struct err *read_own(struct reader *r, struct list *l, struct list *merged)
{
    for (;;) {
        yaml_event_t e;
        struct json_member m = {0};
        bool merges = false;
        TRY(next_event(r, &e));
        bool end = e.type == YAML_MAPPING_END_EVENT;
        struct err *failed = end ? NULL : read_pair(r, &e, &m, &merges);
        yaml_mark_t at = e.start_mark;
        yaml_event_delete(&e);
        if (failed || end)
            return failed;
        push(merges ? merged : l, m.name, m.value, at);
    }
}

static struct err *read_members(struct reader *r, struct list *l)
{
    struct list merged = {0};
    struct err *failed = read_own(r, l, &merged);
    size_t own = l->n;
    for (size_t i = 0; i < merged.n && !failed; i++)
        failed = merge(l, &merged.v[i].member.value, merged.v[i].at);
    free(merged.v);
    if (!failed && (own < l->n || !r->lim->duplicates))
        failed = settle(l, r->lim->duplicates ? 0 : own);
    return failed;
}

static struct err *read_mapping(struct reader *r, struct json *ret)
{
    struct list l = {0};
    struct err *e = read_members(r, &l);
    if (!e) {
        struct json_member *members = l.n ? arena_array(r->arena, l.n, sizeof(*members)) : NULL;
        for (size_t i = 0; i < l.n; i++)
            members[i] = l.v[i].member;
        *ret = (struct json){.type = JSON_OBJECT, .n = (uint32_t)l.n, .members = members};
    }
    free(l.v);
    return e;
}

static struct err *read_node(struct reader *r, const yaml_event_t *e, struct json *ret)
{
    if (e->type == YAML_ALIAS_EVENT)
        return read_alias(r, e, ret);
    TRY(count(r, 1, e->start_mark));
    size_t before = r->nodes - 1;
    struct anchor *anchor = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        TRY(add_anchor(r, e->data.scalar.anchor, e->start_mark, &anchor));
        TRY(read_scalar(r, e, ret));
    } else {
        if (r->depth == r->lim->depth)
            return error_at(e->start_mark, ERR_LIMIT, "nested too deeply");
        bool sequence = e->type == YAML_SEQUENCE_START_EVENT;
        TRY(add_anchor(r, sequence ? e->data.sequence_start.anchor : e->data.mapping_start.anchor,
            e->start_mark, &anchor));
        r->depth++;
        TRY(sequence ? read_sequence(r, ret) : read_mapping(r, ret));
        r->depth--;
    }
    if (anchor) {
        anchor->value = *ret;
        anchor->nodes = r->nodes - before;
    }
    return NULL;
}

/* --- the stream --- */

static struct err *read_documents(struct reader *r, struct list *l)
{
    for (;;) {
        yaml_event_t e;
        struct json value;
        struct err *failed = NULL;
        TRY(next_event(r, &e));
        yaml_event_type_t type = e.type;
        bool node = type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                    type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT;
        if (node)
            failed = read_node(r, &e, &value);
        if (type == YAML_DOCUMENT_START_EVENT) {
            r->anchors = NULL;
            r->n_anchors = 0;
        }
        yaml_event_delete(&e);
        if (failed || type == YAML_STREAM_END_EVENT)
            return failed;
        if (node && value.type != JSON_NULL)
            push(l, NULL, value, (yaml_mark_t){0});
    }
}

static struct err *parse_yaml(
    struct arena *a, const char *text, size_t len, const struct json_limits *lim, const struct json **ret)
{
    struct reader r = {.arena = a, .lim = lim};
    struct list l = {0};
    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    struct err *e = read_documents(&r, &l);
    if (!e) {
        struct json *items = l.n ? arena_array(a, l.n, sizeof(*items)) : NULL;
        for (size_t i = 0; i < l.n; i++)
            items[i] = l.v[i].member.value;
        struct json *all = arena_new_obj(a, struct json);
        *all = (struct json){.type = JSON_ARRAY, .n = (uint32_t)l.n, .items = items};
        *ret = all;
    }
    free(l.v);
    yaml_parser_delete(&r.parser);
    return e;
}

struct err *yaml_parse(struct arena *a, const char *text, size_t len, const struct json_limits *lim,
    const struct json **ret_documents)
{
    if (!lim)
        lim = &json_limits_default;
    if (len > lim->bytes)
        return err_new(ERR_LIMIT, "a YAML text of %zu bytes: more than %zu", len, lim->bytes);
    /* What is JSON is read as JSON: libyaml knows no surrogate pairs, and no name longer than 1024 bytes. */
    size_t blank = 0;
    while (blank < len && strchr(" \t\r\n", text[blank]) && text[blank])
        blank++;
    if (blank < len && text[blank] == '{') {
        const struct json *j;
        auto_err *e = json_parse(a, text, len, lim, &j);
        if (!e) {
            *ret_documents = json_append(a, NULL, j);
            return NULL;
        }
    }
    return parse_yaml(a, text, len, lim, ret_documents);
}
