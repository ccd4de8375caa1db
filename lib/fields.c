/*
 * Field tables: decoding. The way to a field is kept as a list on the C stack, from the innermost name
 * outwards, and made into text only when something is wrong. Encoding is in fields_write.c.
 */
#include "lib/fields.h"
#include "lib/tls.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One step of the path: a name, or where that is NULL an index. */
struct step {
    const struct step *up;
    const char *name;
    size_t index;
};

/* FIELD_LIST(type), struct str_list, ... of whatever type: read and written with memcpy. */
struct any_list {
    size_t n;
    void *v;
};

static void add_path(struct buf *b, const struct step *s)
{
    if (!s)
        return;
    add_path(b, s->up);
    if (!s->name)
        buf_addf(b, "[%zu]", s->index);
    else if (*s->name && !s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                  "0123456789_-$")])
        buf_addf(b, "%s%s", b->len ? "." : "", s->name);
    else
        buf_addf(b, "[%.200s]", s->name); /* a map's name: labels[example.com/x] */
}

static struct err *at(const struct step *s, struct err *e)
{
    auto_buf path = BUF_INIT(4096);
    add_path(&path, s);
    return path.len ? err_wrap(e, "%s", buf_str(&path)) : e;
}

/* "not an integer: VALUE", with as much of the value as a person wants to see. */
static struct err *wrong(const struct step *s, const char *wanted, const struct json *j)
{
    auto_buf text = BUF_INIT(1 << 22);
    json_write(&text, j, 0);
    bool cut = text.len > 64;
    return at(s,
        err_new(ERR_INVALID, "not %s: %.64s%s", wanted, text.over ? "" : buf_str(&text), cut ? "..." : ""));
}

static struct err *get_str(const struct step *s, const struct json *j, const char **ret)
{
    if (j->type != JSON_STRING)
        return wrong(s, "a string", j);
    *ret = json_str(j);
    if (!*ret)
        return wrong(s, "a string without NUL bytes", j);
    return NULL;
}

static struct err *get_scalar(const struct step *s, const struct json *j, const char **ret)
{
    if (j->type == JSON_NUMBER) {
        *ret = j->text;
        return NULL;
    }
    if (j->type != JSON_STRING)
        return wrong(s, "a string or a number", j);
    return get_str(s, j, ret);
}

static struct err *get_int(const struct step *s, const struct json *j, int64_t *ret)
{
    return json_int(j, ret) ? NULL : wrong(s, "an integer", j);
}

static struct err *decode_int(
    const struct field *f, const struct step *s, const struct json *j, struct opt_int *out)
{
    TRY(get_int(s, j, &out->v));
    if ((f->min || f->max) && (out->v < f->min || out->v > f->max))
        return at(s, err_new(ERR_INVALID, "%lld is not in %lld..%lld", (long long)out->v, (long long)f->min,
                         (long long)f->max));
    out->set = true;
    return NULL;
}

static struct err *decode_double(const struct step *s, const struct json *j, struct opt_double *out)
{
    if (j->type != JSON_NUMBER)
        return wrong(s, "a number", j);
    out->v = strtod(j->text, NULL);
    if (!isfinite(out->v))
        return wrong(s, "a number in range", j);
    out->set = true;
    return NULL;
}

static struct err *decode_bytes(
    struct arena *a, const struct step *s, const struct json *j, struct bytes **out)
{
    const char *text;
    TRY(get_str(s, j, &text));
    auto_buf plain = BUF_INIT(strlen(text));
    auto_err *e = base64_decode(text, &plain);
    if (e)
        return wrong(s, "base64", j);
    unsigned char *data = arena_alloc(a, plain.len + 1);
    memcpy(data, buf_str(&plain), plain.len);
    *out = arena_new_obj(a, struct bytes);
    **out = (struct bytes){plain.len, data};
    return NULL;
}

static struct err *decode_struct(
    const struct fields *f, struct arena *a, const struct step *up, const struct json *j, void *out);

static struct err *decode_list(
    const struct field *f, struct arena *a, const struct step *s, const struct json *j, void *out)
{
    if (j->type != JSON_ARRAY)
        return wrong(s, "an array", j);
    size_t size = f->type == FIELD_STRUCTS ? f->sub->size
                  : f->type == FIELD_STRS  ? sizeof(const char *)
                                           : sizeof(int64_t);
    struct any_list list = {j->n, j->n ? arena_array(a, j->n, size) : NULL};
    for (size_t i = 0; i < list.n; i++) {
        struct step here = {s, NULL, i};
        char *to = (char *)list.v + i * size;
        if (f->type == FIELD_STRUCTS)
            TRY(decode_struct(f->sub, a, &here, &j->items[i], to));
        else if (f->type == FIELD_STRS)
            TRY(get_str(&here, &j->items[i], (const char **)to));
        else
            TRY(get_int(&here, &j->items[i], (int64_t *)to));
    }
    memcpy(out, &list, sizeof(list));
    return NULL;
}

static struct err *decode_map(
    struct arena *a, const struct step *s, const struct json *j, struct str_map *out)
{
    if (j->type != JSON_OBJECT)
        return wrong(s, "an object", j);
    struct str_map map = {0, j->n ? arena_array(a, j->n, sizeof(struct str_pair)) : NULL};
    json_each_member (m, j) {
        struct step here = {s, m->name, 0};
        struct str_pair *p = &map.v[map.n++];
        p->name = m->name;
        p->value = ""; /* null: Go's zero value */
        if (m->value.type != JSON_NULL)
            TRY(get_scalar(&here, &m->value, &p->value));
    }
    *out = map;
    return NULL;
}

static struct err *decode_sub(
    const struct field *f, struct arena *a, const struct step *s, const struct json *j, void **out)
{
    void *sub = arena_alloc(a, f->sub->size);
    TRY(decode_struct(f->sub, a, s, j, sub));
    *out = sub;
    return NULL;
}

static struct err *decode_field(
    const struct field *f, struct arena *a, const struct step *s, const struct json *j, void *out)
{
    switch (f->type) {
    case FIELD_STR:
        return get_str(s, j, out);
    case FIELD_SCALAR:
        return get_scalar(s, j, out);
    case FIELD_INT:
        return decode_int(f, s, j, out);
    case FIELD_BOOL:
        if (j->type != JSON_BOOL)
            return wrong(s, "a boolean", j);
        *(struct opt_bool *)out = (struct opt_bool){true, j->boolean};
        return NULL;
    case FIELD_DOUBLE:
        return decode_double(s, j, out);
    case FIELD_BYTES:
        return decode_bytes(a, s, j, out);
    case FIELD_STRUCT:
        return decode_sub(f, a, s, j, out);
    case FIELD_STRUCTS:
    case FIELD_STRS:
    case FIELD_INTS:
        return decode_list(f, a, s, j, out);
    case FIELD_STR_MAP:
        return decode_map(a, s, j, out);
    case FIELD_JSON:
        *(const struct json **)out = j;
        return NULL;
    }
    return at(s, err_new(ERR_BUG, "field type %d", (int)f->type));
}

static struct err *decode_struct(
    const struct fields *f, struct arena *a, const struct step *up, const struct json *j, void *out)
{
    if (j->type != JSON_OBJECT)
        return wrong(up, "an object", j);
    memset(out, 0, f->size);
    for (const struct field *field = f->list; field->name; field++) {
        const struct json *value = json_get(j, field->name);
        struct step here = {up, field->name, 0};
        if (value && value->type != JSON_NULL)
            TRY(decode_field(field, a, &here, value, (char *)out + field->offset));
        else if (field->flags & FIELD_REQUIRED)
            return at(&here, err_new(ERR_INVALID, "required"));
    }
    return NULL;
}

struct err *fields_decode(const struct fields *f, struct arena *a, const struct json *j, void *out)
{
    return decode_struct(f, a, NULL, j ? j : &json_null, out);
}

struct err *fields_parse(const struct fields *f, struct arena *a, const char *text, size_t len, void *out)
{
    const struct json *j;
    TRY(json_parse(a, text, len, NULL, &j));
    return fields_decode(f, a, j, out);
}

const char *str_map_get(const struct str_map *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (!strcmp(m->v[i].name, name))
            return m->v[i].value;
    return NULL;
}
