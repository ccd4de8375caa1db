/*
 * JSON trees: reading them and making new ones out of old ones. Everything here is pure; the text side is in
 * json_read.c and json_write.c.
 */
#include "lib/json.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct json json_null = {.type = JSON_NULL};
const struct json json_empty_object = {.type = JSON_OBJECT};
const struct json json_empty_array = {.type = JSON_ARRAY};

const struct json *json_get(const struct json *j, const char *name)
{
    json_each_member (m, j) {
        if (!strcmp(m->name, name))
            return &m->value;
    }
    return NULL;
}

const struct json *json_at(const struct json *j, ...)
{
    va_list ap;
    va_start(ap, j);
    for (const char *name; j && (name = va_arg(ap, const char *));)
        j = json_get(j, name);
    va_end(ap);
    return j;
}

const char *json_str(const struct json *j)
{
    if (!j || j->type != JSON_STRING || strlen(j->text) != j->n)
        return NULL;
    return j->text;
}

bool json_int(const struct json *j, int64_t *ret)
{
    if (!j || j->type != JSON_NUMBER)
        return false;
    const char *digits = j->text + (j->text[0] == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return false;
    errno = 0;
    long long v = strtoll(j->text, NULL, 10);
    if (errno)
        return false;
    *ret = v;
    return true;
}

bool json_bool(const struct json *j, bool fallback)
{
    return j && j->type == JSON_BOOL ? j->boolean : fallback;
}

const char *json_type_name(const struct json *j)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",
        [JSON_BOOL] = "bool",
        [JSON_NUMBER] = "number",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };
    return names[j->type];
}

static int by_name(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static const struct json_member **sorted(const struct json *object)
{
    const struct json_member **list = mem_array(object->n, sizeof(*list));
    for (uint32_t i = 0; i < object->n; i++)
        list[i] = &object->members[i];
    qsort(list, object->n, sizeof(*list), by_name);
    return list;
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    uint32_t same = 0; /* almost always both were written in the same order */
    while (same < a->n && !strcmp(a->members[same].name, b->members[same].name)) {
        if (!json_equal(&a->members[same].value, &b->members[same].value))
            return false;
        same++;
    }
    if (same == a->n)
        return true;
    auto_free const struct json_member **x = sorted(a), **y = sorted(b);
    for (uint32_t i = 0; i < a->n; i++)
        if (strcmp(x[i]->name, y[i]->name) || !json_equal(&x[i]->value, &y[i]->value))
            return false;
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->type != b->type)
        return false;
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return a->boolean == b->boolean;
    case JSON_NUMBER:
    case JSON_STRING:
        return a->n == b->n && !memcmp(a->text, b->text, a->n);
    case JSON_ARRAY:
        if (a->n != b->n)
            return false;
        for (uint32_t i = 0; i < a->n; i++)
            if (!json_equal(&a->items[i], &b->items[i]))
                return false;
        return true;
    case JSON_OBJECT:
        return a->n == b->n && equal_objects(a, b);
    }
    return false;
}

static const struct json *make(struct arena *a, struct json value)
{
    struct json *j = arena_new_obj(a, struct json);
    *j = value;
    return j;
}

const struct json *json_new_str(struct arena *a, const char *s)
{
    return make(a, (struct json){.type = JSON_STRING, .n = (uint32_t)strlen(s), .text = arena_strdup(a, s)});
}

const struct json *json_new_int(struct arena *a, int64_t v)
{
    const char *text = arena_printf(a, "%lld", (long long)v);
    return make(a, (struct json){.type = JSON_NUMBER, .n = (uint32_t)strlen(text), .text = text});
}

const struct json *json_new_bool(struct arena *a, bool v)
{
    return make(a, (struct json){.type = JSON_BOOL, .boolean = v});
}

static const struct json *make_object(struct arena *a, const struct json_member *members, uint32_t n)
{
    return make(a, (struct json){.type = JSON_OBJECT, .n = n, .members = n ? members : NULL});
}

const struct json *json_with(
    struct arena *a, const struct json *obj, const char *name, const struct json *value)
{
    uint32_t n = obj && obj->type == JSON_OBJECT ? obj->n : 0, to = 0;
    struct json_member *members = arena_array(a, (size_t)n + 1, sizeof(*members));
    bool seen = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct json_member *m = &obj->members[i];
        bool hit = !strcmp(m->name, name);
        seen |= hit;
        if (hit && value)
            members[to++] = (struct json_member){m->name, *value};
        else if (!hit)
            members[to++] = *m;
    }
    if (!seen && value)
        members[to++] = (struct json_member){arena_strdup(a, name), *value};
    return make_object(a, members, to);
}

enum { WITH_DEPTH = 32 };

const struct json *json_with_at(struct arena *a, const struct json *obj, const struct json *value, ...)
{
    const char *names[WITH_DEPTH];
    const struct json *level[WITH_DEPTH];
    size_t n = 0;
    va_list ap;
    va_start(ap, value);
    for (const char *name; (name = va_arg(ap, const char *));) {
        if (n == WITH_DEPTH)
            abort(); /* the names are the caller's code, not anybody's input */
        level[n] = n ? json_get(level[n - 1], names[n - 1]) : obj;
        names[n++] = name;
    }
    va_end(ap);
    if (!n)
        return value;
    for (; n; n--)
        value = json_with(a, level[n - 1], names[n - 1], value);
    return value;
}

const struct json *json_append(struct arena *a, const struct json *array, const struct json *item)
{
    uint32_t n = array && array->type == JSON_ARRAY ? array->n : 0;
    struct json *items = arena_array(a, (size_t)n + 1, sizeof(*items));
    if (n)
        memcpy(items, array->items, n * sizeof(*items));
    items[n] = *item;
    return make(a, (struct json){.type = JSON_ARRAY, .n = n + 1, .items = items});
}

static struct json copy(struct arena *a, const struct json *j)
{
    struct json out = *j;
    if (j->type == JSON_STRING || j->type == JSON_NUMBER) {
        char *text = arena_alloc(a, (size_t)j->n + 1);
        memcpy(text, j->text, j->n);
        out.text = text;
    } else if (j->type == JSON_ARRAY && j->n) {
        struct json *items = arena_array(a, j->n, sizeof(*items));
        for (uint32_t i = 0; i < j->n; i++)
            items[i] = copy(a, &j->items[i]);
        out.items = items;
    } else if (j->type == JSON_OBJECT && j->n) {
        struct json_member *members = arena_array(a, j->n, sizeof(*members));
        for (uint32_t i = 0; i < j->n; i++)
            members[i] =
                (struct json_member){arena_strdup(a, j->members[i].name), copy(a, &j->members[i].value)};
        out.members = members;
    }
    return out;
}

const struct json *json_copy(struct arena *a, const struct json *j)
{
    return j ? make(a, copy(a, j)) : NULL;
}
