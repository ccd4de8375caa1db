/*
 * Reading protobuf by the schema's field numbers. The wire format is small: a field is a number with a type
 * (varint, 8 bytes, length and bytes, 4 bytes), a message is its fields in any order, a list is a field that
 * comes again. What a stranger sends is bounded by its length, by depth, and by the count of values.
 */
#include "master/proto.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "lib/utf8.h"
#include "master/edit.h"
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64
#define VALUES_MAX 400000

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct reading {
    struct arena *a;
    size_t values;
    unsigned depth;
};
struct span {
    const unsigned char *p, *end;
};
struct wire_field {
    unsigned number;
    enum wire type;
    uint64_t value;    /* of a varint or fixed field */
    struct span bytes; /* WIRE_BYTES */
};

static struct err *broken(const char *what)
{
    return err_new(ERR_INVALID, "proto: %s", what);
}

static struct err *read_varint(struct span *s, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (s->p == s->end)
            return broken("unexpected EOF");
        unsigned char c = *s->p++;
        *ret |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return NULL;
    }
    return broken("integer overflow");
}

static struct err *read_fixed(struct span *s, unsigned n, uint64_t *ret)
{
    if ((size_t)(s->end - s->p) < n)
        return broken("unexpected EOF");
    *ret = 0;
    for (unsigned i = 0; i < n; i++)
        *ret |= (uint64_t)s->p[i] << (8 * i);
    s->p += n;
    return NULL;
}

static struct err *read_field(struct span *s, struct wire_field *f)
{
    uint64_t key, n;
    TRY(read_varint(s, &key));
    *f = (struct wire_field){.number = (unsigned)(key >> 3), .type = (enum wire)(key & 7)};
    switch (f->type) {
    case WIRE_VARINT:
        return read_varint(s, &f->value);
    case WIRE_64:
        return read_fixed(s, 8, &f->value);
    case WIRE_32:
        return read_fixed(s, 4, &f->value);
    case WIRE_BYTES:
        TRY(read_varint(s, &n));
        if (n > (size_t)(s->end - s->p))
            return broken("unexpected EOF");
        f->bytes = (struct span){s->p, s->p + n};
        s->p += n;
        return NULL;
    }
    return broken("unknown wire type");
}

static struct err *text_of(struct reading *r, struct span s, struct json *ret)
{
    size_t n = (size_t)(s.end - s.p);
    if (n && utf8_valid((const char *)s.p, n) != n)
        return broken("string field contains invalid UTF-8");
    char *copy = arena_alloc(r->a, n + 1);
    if (n)
        memcpy(copy, s.p, n);
    *ret = (struct json){.type = JSON_STRING, .n = (uint32_t)n, .text = copy};
    return NULL;
}

/* The small messages behind scalars: up to three fields by number. */
struct small {
    uint64_t value[4];
    struct span bytes[4];
};

static struct err *read_small(struct span s, struct small *ret)
{
    memset(ret, 0, sizeof(*ret));
    while (s.p < s.end) {
        struct wire_field f;
        TRY(read_field(&s, &f));
        if (f.number < ARRAY_SIZE(ret->value)) {
            ret->value[f.number] = f.value;
            ret->bytes[f.number] = f.bytes;
        }
    }
    return NULL;
}

static struct err *read_time(struct reading *r, bool micro, struct span s, struct json *ret)
{
    struct small m;
    char text[CLOCK_TEXT];
    TRY(read_small(s, &m));
    int64_t seconds = (int64_t)m.value[1], nanos = (int64_t)m.value[2];
    *ret = json_null; /* the zero time */
    if (!seconds && !nanos)
        return NULL;
    if (seconds < 0 || seconds > 9000000000 || nanos < 0 || nanos > 999999999)
        return broken("a time out of range");
    if (micro)
        clock_rfc3339_micro(seconds * 1000000000 + nanos, text);
    else
        clock_rfc3339(seconds * 1000000000 + nanos, text);
    *ret = edit_new_str(r->a, text);
    return NULL;
}

static struct err *read_bytes(struct reading *r, struct span s, struct json *ret)
{
    auto_buf b = BUF_INIT((size_t)8 << 20);
    base64_encode(s.p, (size_t)(s.end - s.p), &b);
    *ret = edit_new_str(r->a, buf_str(&b));
    return NULL;
}

static struct err *read_message(
    struct reading *r, const struct schema *s, unsigned outer, struct span in, struct json *out);

static struct err *read_value(
    struct reading *r, const struct schema_field *f, const struct wire_field *w, struct json *ret)
{
    struct small m;
    if (++r->values > VALUES_MAX)
        return err_new(ERR_LIMIT, "proto: too many values");
    switch (f->base) {
    case SCHEMA_STRING:
        return text_of(r, w->bytes, ret);
    case SCHEMA_BYTES:
        return read_bytes(r, w->bytes, ret);
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        *ret = edit_new_int(r->a, (int64_t)w->value);
        return NULL;
    case SCHEMA_BOOL:
        *ret = edit_new_bool(w->value != 0);
        return NULL;
    case SCHEMA_TIME:
    case SCHEMA_MICROTIME:
        return read_time(r, f->base == SCHEMA_MICROTIME, w->bytes, ret);
    case SCHEMA_QUANTITY:
        TRY(read_small(w->bytes, &m));
        if (m.bytes[1].p == m.bytes[1].end)
            *ret = edit_new_str(r->a, "0");
        else
            return text_of(r, m.bytes[1], ret);
        return NULL;
    case SCHEMA_INTSTR:
        TRY(read_small(w->bytes, &m));
        if (m.value[1])
            return text_of(r, m.bytes[3], ret);
        *ret = edit_new_int(r->a, (int32_t)m.value[2]);
        return NULL;
    case SCHEMA_STRUCT:
        *ret = edit_new_object(r->a, f->sub->n);
        return read_message(r, f->sub, 0, w->bytes, ret);
    default: /* doubles and free-form values: none in what is served */
        *ret = json_null;
        return NULL;
    }
}

/* {1: key, 2: value} */
static struct err *read_entry(
    struct reading *r, const struct schema_field *f, struct span in, struct json *map)
{
    struct json key = edit_new_str(r->a, ""), value = edit_new_str(r->a, "");
    while (in.p < in.end) {
        struct wire_field w;
        TRY(read_field(&in, &w));
        if (w.number == 1)
            TRY(text_of(r, w.bytes, &key));
        else if (w.number == 2)
            TRY(read_value(r, f, &w, &value));
    }
    if (!json_str(&key))
        return broken("a map key with a NUL byte");
    edit_add(r->a, map, key.text, value);
    return NULL;
}

static struct err *read_packed(
    struct reading *r, const struct schema_field *f, struct span in, struct json *list)
{
    while (in.p < in.end) {
        struct wire_field w = {0};
        struct json item;
        TRY(read_varint(&in, &w.value));
        TRY(read_value(r, f, &w, &item));
        edit_append(r->a, list, item);
    }
    return NULL;
}

static struct err *read_member(
    struct reading *r, const struct schema_field *f, const struct wire_field *w, struct json *out)
{
    bool number = f->base == SCHEMA_INT32 || f->base == SCHEMA_INT64 || f->base == SCHEMA_BOOL;
    struct json value;
    if (f->shape == SCHEMA_ONE) {
        if (number != (w->type == WIRE_VARINT))
            return broken("wrong wire type");
        TRY(read_value(r, f, w, &value));
        edit_set(r->a, out, f->name, value);
        return NULL;
    }
    struct json *there = edit_get(out, f->name);
    if (!there) {
        edit_set(
            r->a, out, f->name, f->shape == SCHEMA_LIST ? edit_new_array(r->a, 4) : edit_new_object(r->a, 4));
        there = edit_get(out, f->name);
    }
    if (f->shape == SCHEMA_LIST && number && w->type == WIRE_BYTES)
        return read_packed(r, f, w->bytes, there);
    if (w->type != (f->shape == SCHEMA_LIST && number ? WIRE_VARINT : WIRE_BYTES))
        return broken("wrong wire type");
    if (f->shape == SCHEMA_MAP)
        return read_entry(r, f, w->bytes, there);
    TRY(read_value(r, f, w, &value));
    edit_append(r->a, there, value);
    return NULL;
}

/* The field of that number; *ret_embeds: it is a message whose fields count as the type's own. */
static const struct schema_field *find(
    const struct schema *s, unsigned outer, unsigned number, bool *ret_embeds)
{
    *ret_embeds = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->fields[i].outer == outer && s->fields[i].number == number)
            return &s->fields[i];
        if (!outer && s->fields[i].outer && s->fields[i].outer == number)
            *ret_embeds = true;
    }
    return NULL;
}

static struct err *read_message(
    struct reading *r, const struct schema *s, unsigned outer, struct span in, struct json *out)
{
    if (++r->depth > DEPTH_MAX)
        return err_new(ERR_LIMIT, "proto: nested too deeply");
    while (in.p < in.end) {
        struct wire_field w;
        bool embeds;
        TRY(read_field(&in, &w));
        const struct schema_field *f = w.number ? find(s, outer, w.number, &embeds) : NULL;
        if (f)
            TRY_WRAP(read_member(r, f, &w, out), "%s", f->name);
        else if (w.number && embeds && w.type == WIRE_BYTES)
            TRY(read_message(r, s, w.number, w.bytes, out));
    }
    r->depth--;
    return NULL;
}

struct err *proto_read(
    struct arena *a, const struct schema *s, const void *body, size_t len, const struct json **ret)
{
    struct reading r = {.a = a};
    struct small envelope, type;
    const unsigned char *p = body;
    if (len < 4 || memcmp(p, "k8s", 4) != 0)
        return broken(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
    TRY(read_small((struct span){p + 4, p + len}, &envelope));
    TRY(read_small(envelope.bytes[1], &type));
    struct json *out = arena_new_obj(a, struct json), text;
    *out = edit_new_object(a, s->n + 2);
    TRY(read_message(&r, s, 0, envelope.bytes[2], out));
    TRY(text_of(&r, type.bytes[1], &text));
    edit_set(a, out, "apiVersion", text);
    TRY(text_of(&r, type.bytes[2], &text));
    edit_set(a, out, "kind", text);
    *ret = out;
    return NULL;
}
