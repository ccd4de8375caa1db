/*
 * Decoding by the schema. What Go's JSON decoder and encoder do to an object on its way through an API
 * server is done here in one pass over the tree: wrong types are errors (with the texts that clients know),
 * absent, null and zero are told apart as the Go type would.
 */
#include "master/decode.h"
#include "lib/api/quantity.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "master/edit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where we are: a chain on the stack, written out only when something is to be said about it. */
struct where {
    const struct where *up;
    const char *name; /* NULL: item `index` */
    size_t index;
};

static bool decode_struct(struct decode *d, const struct schema *s, const struct json *in,
    const struct where *at, struct json *ret);

static void write_path(struct buf *b, const struct where *at, bool items)
{
    if (!at)
        return;
    write_path(b, at->up, items);
    if (at->name)
        buf_addf(b, "%s%s", b->len ? "." : "", at->name);
    else if (items)
        buf_addf(b, "[%zu]", at->index);
}

static const char *path_text(struct decode *d, const struct where *at, bool items)
{
    auto_buf b = BUF_INIT(8192);
    write_path(&b, at, items);
    return arena_strdup(d->arena, buf_str(&b));
}

#define PROBLEMS_MAX 100
static void problem(struct decode *d, const char *what, const struct where *at)
{
    struct str_list *l = &d->problems;
    if (l->n == PROBLEMS_MAX)
        return;
    if (!l->v)
        l->v = arena_array(d->arena, PROBLEMS_MAX, sizeof(*l->v));
    l->v[l->n++] = arena_printf(d->arena, "%s field \"%s\"", what, path_text(d, at, true));
}

/* How Go names the type of a field, as well as the schema knows it. */
static const char *go_type(struct decode *d, const struct schema_field *f, enum schema_shape shape)
{
    static const char *const names[] = {
        [SCHEMA_STRING] = "string",
        [SCHEMA_INT32] = "int32",
        [SCHEMA_INT64] = "int64",
        [SCHEMA_BOOL] = "bool",
        [SCHEMA_DOUBLE] = "float64",
        [SCHEMA_BYTES] = "[]uint8",
        [SCHEMA_QUANTITY] = "resource.Quantity",
        [SCHEMA_INTSTR] = "intstr.IntOrString",
        [SCHEMA_TIME] = "v1.Time",
        [SCHEMA_MICROTIME] = "v1.MicroTime",
        [SCHEMA_ANY] = "v1.FieldsV1",
    };
    const char *base = f->sub ? arena_printf(d->arena, "v1.%s", schema_short(f->sub)) : names[f->base];
    if (f->base == SCHEMA_STRING && !strcmp(f->name, "add") && shape == SCHEMA_LIST)
        base = "v1.Capability";
    if (f->base == SCHEMA_STRING && !strcmp(f->name, "drop") && shape == SCHEMA_LIST)
        base = "v1.Capability";
    return arena_printf(d->arena, "%s%s",
        shape == SCHEMA_LIST  ? "[]"
        : shape == SCHEMA_MAP ? "map[string]"
                              : "",
        base);
}

static bool wrong_type(struct decode *d, const struct schema *s, const struct schema_field *f,
    enum schema_shape shape, const struct json *in, const struct where *at)
{
    bool number = in->type == JSON_NUMBER && (f->base == SCHEMA_INT32 || f->base == SCHEMA_INT64);
    d->failure = arena_printf(d->arena, "json: cannot unmarshal %s%s%s into Go struct field %s.%s of type %s",
        json_type_name(in), number ? " " : "", number ? in->text : "", schema_short(s),
        path_text(d, at, false), go_type(d, f, shape));
    return false;
}

static bool decode_time(struct decode *d, bool micro, const struct json *in, struct json *ret)
{
    int64_t ns;
    if (!in->n) { /* "" is no time */
        *ret = json_null;
        return true;
    }
    if (!json_str(in) || !clock_parse(in->text, &ns)) {
        d->failure = arena_printf(d->arena,
            "parsing time \"%s\" as \"2006-01-02T15:04:05%sZ07:00\": cannot parse \"%s\" as \"2006\"",
            in->text, micro ? ".000000" : "", in->text);
        return false;
    }
    char text[CLOCK_TEXT];
    if (micro)
        clock_rfc3339_micro(ns, text);
    else
        clock_rfc3339(ns, text);
    *ret = edit_new_str(d->arena, text);
    return true;
}

static bool decode_quantity(struct decode *d, const struct json *in, struct json *ret)
{
    struct quantity q;
    auto_err *e = quantity_parse(in->text, &q);
    if (e) {
        d->failure = "quantities must match the regular expression "
                     "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        return false;
    }
    char text[QUANTITY_TEXT];
    quantity_text(&q, text);
    *ret = edit_new_str(d->arena, text);
    return true;
}

/* Numbers that are integers may be written as 80.0 or 8e1. */
static bool decode_int(struct decode *d, const struct json *in, int64_t min, int64_t max, struct json *ret)
{
    int64_t v;
    if (!json_int(in, &v)) {
        char *end;
        double x = strtod(in->text, &end);
        if (*end || x != (double)(int64_t)x || x > 9e15 || x < -9e15)
            return false;
        v = (int64_t)x;
    }
    if (v < min || v > max)
        return false;
    *ret = edit_new_int(d->arena, v);
    return true;
}

static bool decode_bytes(struct decode *d, const struct json *in)
{
    auto_buf raw = BUF_INIT((size_t)4 << 20);
    auto_err *e = base64_decode(in->text, &raw);
    if (!e)
        return true;
    size_t good = strspn(in->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    d->failure =
        arena_printf(d->arena, "illegal base64 data at input byte %zu", in->text[good] ? good : good & ~3ul);
    return false;
}

static bool decode_scalar(struct decode *d, const struct schema *s, const struct schema_field *f,
    const struct json *in, const struct where *at, struct json *ret)
{
    bool ok = false;
    *ret = *in;
    if (in->type == JSON_STRING && !json_str(in)) { /* nothing that is text has one; binaryData may */
        d->failure = arena_printf(d->arena, "%s: a string with a NUL byte", path_text(d, at, true));
        return false;
    }
    switch (f->base) {
    case SCHEMA_STRING:
        ok = in->type == JSON_STRING;
        break;
    case SCHEMA_BYTES:
        if (in->type == JSON_STRING)
            return decode_bytes(d, in);
        break;
    case SCHEMA_BOOL:
        ok = in->type == JSON_BOOL;
        break;
    case SCHEMA_INT32:
        ok = in->type == JSON_NUMBER && decode_int(d, in, INT32_MIN, INT32_MAX, ret);
        break;
    case SCHEMA_INT64:
        ok = in->type == JSON_NUMBER && decode_int(d, in, INT64_MIN, INT64_MAX, ret);
        break;
    case SCHEMA_DOUBLE:
        ok = in->type == JSON_NUMBER;
        break;
    case SCHEMA_INTSTR:
        ok = in->type == JSON_STRING ||
             (in->type == JSON_NUMBER && decode_int(d, in, INT32_MIN, INT32_MAX, ret));
        break;
    case SCHEMA_QUANTITY:
        if (in->type == JSON_STRING || in->type == JSON_NUMBER)
            return decode_quantity(d, in, ret);
        break;
    case SCHEMA_TIME:
    case SCHEMA_MICROTIME:
        if (in->type == JSON_STRING)
            return decode_time(d, f->base == SCHEMA_MICROTIME, in, ret);
        break;
    case SCHEMA_ANY:
        ok = true;
        break;
    case SCHEMA_STRUCT:
        return in->type == JSON_OBJECT ? decode_struct(d, f->sub, in, at, ret)
                                       : wrong_type(d, s, f, SCHEMA_ONE, in, at);
    }
    return ok || wrong_type(d, s, f, SCHEMA_ONE, in, at);
}

static struct json zero_of(struct decode *d, const struct schema_field *f);

static struct json zero_struct(struct decode *d, const struct schema *s)
{
    struct json out = edit_new_object(d->arena, s->n);
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].always)
            edit_set(d->arena, &out, s->fields[i].name, zero_of(d, &s->fields[i]));
    return out;
}

/* What Go writes for a field without omitempty that was never set. */
static struct json zero_of(struct decode *d, const struct schema_field *f)
{
    if (f->shape != SCHEMA_ONE)
        return json_null;
    switch (f->base) {
    case SCHEMA_STRING:
        return edit_new_str(d->arena, "");
    case SCHEMA_QUANTITY:
        return edit_new_str(d->arena, "0");
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_INTSTR:
        return edit_new_int(d->arena, 0);
    case SCHEMA_BOOL:
        return edit_new_bool(false);
    case SCHEMA_STRUCT:
        return zero_struct(d, f->sub);
    default:
        return json_null;
    }
}

static bool is_zero(const struct schema_field *f, const struct json *v)
{
    if (v->type == JSON_NULL)
        return true;
    if (f->shape != SCHEMA_ONE)
        return !v->n && !f->required;
    if (f->keep_zero)
        return false;
    switch (v->type) {
    case JSON_STRING:
        return !v->n && f->base != SCHEMA_QUANTITY;
    case JSON_NUMBER:
        return f->base != SCHEMA_INTSTR && !strcmp(v->text, "0");
    case JSON_BOOL:
        return !v->boolean;
    default:
        return false;
    }
}

/* An item of a list or map: null stands for the zero value. */
static bool decode_element(struct decode *d, const struct schema *s, const struct schema_field *f,
    const struct json *in, const struct where *at, struct json *ret)
{
    if (in->type == JSON_NULL) {
        *ret = zero_of(d, &(struct schema_field){.base = f->base, .sub = f->sub});
        return true;
    }
    return decode_scalar(d, s, f, in, at, ret);
}

static bool decode_list(struct decode *d, const struct schema *s, const struct schema_field *f,
    const struct json *in, const struct where *at, struct json *ret)
{
    if (in->type != JSON_ARRAY)
        return wrong_type(d, s, f, SCHEMA_LIST, in, at);
    *ret = edit_new_array(d->arena, in->n + 2);
    for (size_t i = 0; i < in->n; i++) {
        struct where here = {at, NULL, i};
        struct json item;
        if (!decode_element(d, s, f, &in->items[i], &here, &item))
            return false;
        edit_append(d->arena, ret, item);
    }
    return true;
}

struct order {
    const char *name;
    size_t index;
};
static int by_name(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

#define FEW 16
static bool repeats(const struct json *in)
{
    for (size_t i = 1; i < in->n; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(in->members[i].name, in->members[k].name))
                return true;
    return false;
}

/* Which members stood before under the same name; NULL: none did. */
static const bool *find_repeats(struct decode *d, const struct json *in)
{
    bool *again = NULL;
    if (in->n <= FEW && !repeats(in))
        return NULL;
    auto_free struct order *o = mem_array(in->n + 1u, sizeof(*o));
    for (size_t i = 0; i < in->n; i++)
        o[i] = (struct order){in->members[i].name, i};
    qsort(o, in->n, sizeof(*o), by_name);
    for (size_t i = 1; i < in->n; i++)
        if (!strcmp(o[i].name, o[i - 1].name)) {
            if (!again)
                again = arena_array(d->arena, in->n, sizeof(*again));
            again[o[i].index] = true;
        }
    return again;
}

static bool decode_map(struct decode *d, const struct schema *s, const struct schema_field *f,
    const struct json *in, const struct where *at, struct json *ret)
{
    if (in->type != JSON_OBJECT)
        return wrong_type(d, s, f, SCHEMA_MAP, in, at);
    const bool *again = find_repeats(d, in);
    *ret = edit_new_object(d->arena, in->n + 2);
    for (size_t i = 0; i < in->n; i++) {
        const struct json_member *m = &in->members[i];
        struct where here = {at, m->name, 0};
        struct json value;
        if (!decode_element(d, s, f, &m->value, at, &value))
            return false;
        if (again && again[i]) {
            problem(d, "duplicate", &here);
            edit_set(d->arena, ret, m->name, value);
        } else {
            edit_add(d->arena, ret, m->name, value);
        }
    }
    return true;
}

static bool decode_field(struct decode *d, const struct schema *s, const struct schema_field *f,
    const struct json *in, const struct where *at, struct json *ret)
{
    if (in->type == JSON_NULL) {
        *ret = json_null;
        return true;
    }
    switch (f->shape) {
    case SCHEMA_LIST:
        return decode_list(d, s, f, in, at, ret);
    case SCHEMA_MAP:
        return decode_map(d, s, f, in, at, ret);
    default:
        return decode_scalar(d, s, f, in, at, ret);
    }
}

static bool decode_struct(
    struct decode *d, const struct schema *s, const struct json *in, const struct where *at, struct json *ret)
{
    const bool *again = find_repeats(d, in);
    *ret = edit_new_object(d->arena, s->n + 1);
    for (size_t i = 0; i < in->n; i++) {
        const struct json_member *m = &in->members[i];
        struct where here = {at, m->name, 0};
        const struct schema_field *f = schema_field(s, m->name);
        if (again && again[i])
            problem(d, "duplicate", &here);
        if (!f) {
            problem(d, "unknown", &here);
            continue;
        }
        struct json value;
        if (!decode_field(d, s, f, &m->value, &here, &value))
            return false;
        if (is_zero(f, &value))
            edit_remove(ret, m->name);
        else
            edit_set(d->arena, ret, m->name, value);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].always && !edit_get(ret, s->fields[i].name))
            edit_set(d->arena, ret, s->fields[i].name, zero_of(d, &s->fields[i]));
    return true;
}

bool decode_object(struct decode *d, const struct schema *s, const struct json *in, struct json *ret)
{
    if (in->type != JSON_OBJECT) {
        d->failure = arena_printf(d->arena, "json: cannot unmarshal %s into Go value of type %s%s",
            json_type_name(in), "v1.", schema_short(s));
        return false;
    }
    return decode_struct(d, s, in, NULL, ret);
}
