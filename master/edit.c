/*
 * Trees that are changed in place. In front of an editable container's members (or items) stands how many it
 * has room for; the containers of lib/json.h have no such head, so nothing here may be given one of those
 * to change (edit_copy() makes it ours).
 */
#include "master/edit.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct head {
    size_t room;
    size_t pad; /* keeps what follows aligned to 16 */
};

static void *with_room(struct arena *a, size_t n, size_t size)
{
    struct head *h = arena_alloc(a, sizeof(*h) + n * size);
    h->room = n;
    return h + 1;
}

static size_t room_of(const void *p)
{
    return p ? ((const struct head *)p)[-1].room : 0;
}

struct json edit_new_object(struct arena *a, size_t n)
{
    return (struct json){
        .type = JSON_OBJECT, .members = n ? with_room(a, n, sizeof(struct json_member)) : NULL};
}

struct json edit_new_array(struct arena *a, size_t n)
{
    return (struct json){.type = JSON_ARRAY, .items = n ? with_room(a, n, sizeof(struct json)) : NULL};
}

struct json edit_new_str(struct arena *a, const char *s)
{
    size_t n = strlen(s);
    return (struct json){.type = JSON_STRING, .n = (uint32_t)n, .text = arena_strndup(a, s, n)};
}

struct json edit_new_int(struct arena *a, int64_t v)
{
    char *text = arena_printf(a, "%lld", (long long)v);
    return (struct json){.type = JSON_NUMBER, .n = (uint32_t)strlen(text), .text = text};
}

struct json edit_new_bool(bool v)
{
    return (struct json){.type = JSON_BOOL, .boolean = v};
}

static struct json_member *members(struct json *obj)
{
    return (struct json_member *)obj->members;
}

struct json *edit_get(struct json *obj, const char *name)
{
    if (!obj || obj->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < obj->n; i++)
        if (!strcmp(obj->members[i].name, name))
            return &members(obj)[i].value;
    return NULL;
}

struct json *edit_at(struct json *obj, ...)
{
    va_list ap;
    va_start(ap, obj);
    for (const char *name; (name = va_arg(ap, const char *));)
        obj = edit_get(obj, name);
    va_end(ap);
    return obj;
}

struct json *edit_item(struct json *array, size_t i)
{
    return array && array->type == JSON_ARRAY && i < array->n ? (struct json *)&array->items[i] : NULL;
}

void edit_set(struct arena *a, struct json *obj, const char *name, struct json value)
{
    struct json *there = edit_get(obj, name);
    if (there)
        *there = value;
    else
        edit_add(a, obj, name, value);
}

void edit_add(struct arena *a, struct json *obj, const char *name, struct json value)
{
    size_t room = room_of(obj->members);
    if (obj->n >= room) {
        struct json_member *more = with_room(a, room ? room * 2 : 8, sizeof(*more));
        if (obj->n)
            memcpy(more, obj->members, obj->n * sizeof(*more));
        obj->members = more;
    }
    members(obj)[obj->n++] = (struct json_member){arena_strdup(a, name), value};
}

struct json *edit_object(struct arena *a, struct json *obj, const char *name)
{
    struct json *there = edit_get(obj, name);
    if (there && there->type == JSON_OBJECT)
        return there;
    edit_set(a, obj, name, edit_new_object(a, 8));
    return edit_get(obj, name);
}

void edit_set_str(struct arena *a, struct json *obj, const char *name, const char *s)
{
    if (s)
        edit_set(a, obj, name, edit_new_str(a, s));
    else
        edit_remove(obj, name);
}

void edit_set_int(struct arena *a, struct json *obj, const char *name, int64_t v)
{
    edit_set(a, obj, name, edit_new_int(a, v));
}

void edit_set_bool(struct arena *a, struct json *obj, const char *name, bool v)
{
    edit_set(a, obj, name, edit_new_bool(v));
}

void edit_remove(struct json *obj, const char *name)
{
    struct json *there = edit_get(obj, name);
    if (!there)
        return;
    struct json_member *m = container_of(there, struct json_member, value);
    size_t i = (size_t)(m - obj->members);
    memmove(m, m + 1, (obj->n - i - 1) * sizeof(*m));
    obj->n--;
}

void edit_append(struct arena *a, struct json *array, struct json item)
{
    size_t room = room_of(array->items);
    if (array->n >= room) {
        struct json *more = with_room(a, room ? room * 2 : 8, sizeof(*more));
        if (array->n)
            memcpy(more, array->items, array->n * sizeof(*more));
        array->items = more;
    }
    ((struct json *)array->items)[array->n++] = item;
}

void edit_remove_item(struct json *array, size_t i)
{
    struct json *items = (struct json *)array->items;
    memmove(items + i, items + i + 1, (array->n - i - 1) * sizeof(*items));
    array->n--;
}

void edit_default(struct arena *a, struct json *obj, const char *name, struct json value)
{
    if (!edit_get(obj, name))
        edit_set(a, obj, name, value);
}

void edit_default_str(struct arena *a, struct json *obj, const char *name, const char *s)
{
    if (!edit_get(obj, name))
        edit_set_str(a, obj, name, s);
}

void edit_default_int(struct arena *a, struct json *obj, const char *name, int64_t v)
{
    if (!edit_get(obj, name))
        edit_set_int(a, obj, name, v);
}

struct json edit_copy(struct arena *a, const struct json *j, size_t spare)
{
    if (j->type == JSON_OBJECT) {
        struct json out = edit_new_object(a, j->n + spare);
        for (size_t i = 0; i < j->n; i++)
            members(&out)[i] =
                (struct json_member){j->members[i].name, edit_copy(a, &j->members[i].value, spare)};
        out.n = j->n;
        return out;
    }
    if (j->type == JSON_ARRAY) {
        struct json out = edit_new_array(a, j->n + spare);
        for (size_t i = 0; i < j->n; i++)
            ((struct json *)out.items)[i] = edit_copy(a, &j->items[i], spare);
        out.n = j->n;
        return out;
    }
    return *j;
}
