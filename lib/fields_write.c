/* Field tables: encoding, the mirror of fields.c. */
#include "lib/fields.h"
#include "lib/tls.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct any_list {
    size_t n;
    void *v;
};

/* A port by number or by name, a quantity: what was a plain integer is written as one. */
static void write_scalar(struct json_out *o, const char *name, const char *text)
{
    const char *digits = text + (text[0] == '-');
    size_t n = strlen(digits);
    bool number = n && n <= 18 && !digits[strspn(digits, "0123456789")] && (digits[0] != '0' || n == 1);
    if (number)
        json_out_raw(o, name, text, strlen(text));
    else
        json_out_str(o, name, text);
}

/* The shortest decimal that reads back as v. */
static void write_double(struct json_out *o, const char *name, double v)
{
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    json_out_raw(o, name, text, strlen(text));
}

static void write_bytes(struct json_out *o, const char *name, const struct bytes *bytes)
{
    auto_buf text = BUF_INIT(bytes->n / 3 * 4 + 4);
    base64_encode(bytes->v, bytes->n, &text);
    json_out_strn(o, name, buf_str(&text), text.len);
}

static void write_list(const struct field *f, const void *in, struct json_out *o)
{
    struct any_list list;
    memcpy(&list, in, sizeof(list));
    if (!list.n && !(f->flags & FIELD_KEEP_EMPTY))
        return;
    json_out_array(o, f->name);
    for (size_t i = 0; i < list.n; i++) {
        if (f->type == FIELD_STRUCTS)
            fields_encode(f->sub, (const char *)list.v + i * f->sub->size, o, NULL);
        else if (f->type == FIELD_STRS)
            json_out_str(o, NULL, ((const char **)list.v)[i]);
        else
            json_out_int(o, NULL, ((const int64_t *)list.v)[i]);
    }
    json_out_end_array(o);
}

static void write_map(const struct field *f, const struct str_map *m, struct json_out *o)
{
    if (!m->n && !(f->flags & FIELD_KEEP_EMPTY))
        return;
    json_out_object(o, f->name);
    for (size_t i = 0; i < m->n; i++)
        json_out_str(o, m->v[i].name, m->v[i].value);
    json_out_end_object(o);
}

/* The fields that are one pointer: NULL is absent. */
static void write_pointed(const struct field *f, const void *p, struct json_out *o)
{
    switch (f->type) {
    case FIELD_STR:
        json_out_str(o, f->name, p);
        break;
    case FIELD_SCALAR:
        write_scalar(o, f->name, p);
        break;
    case FIELD_BYTES:
        write_bytes(o, f->name, p);
        break;
    case FIELD_STRUCT:
        fields_encode(f->sub, p, o, f->name);
        break;
    default:
        json_out_value(o, f->name, p);
    }
}

static void write_field(const struct field *f, const void *in, struct json_out *o)
{
    switch (f->type) {
    case FIELD_INT: {
        const struct opt_int *v = in;
        if (v->set)
            json_out_int(o, f->name, v->v);
        break;
    }
    case FIELD_BOOL: {
        const struct opt_bool *v = in;
        if (v->set)
            json_out_bool(o, f->name, v->v);
        break;
    }
    case FIELD_DOUBLE: {
        const struct opt_double *v = in;
        if (v->set)
            write_double(o, f->name, v->v);
        break;
    }
    case FIELD_STRUCTS:
    case FIELD_STRS:
    case FIELD_INTS:
        write_list(f, in, o);
        break;
    case FIELD_STR_MAP:
        write_map(f, in, o);
        break;
    default: {
        const void *p;
        memcpy(&p, in, sizeof(p));
        if (p)
            write_pointed(f, p, o);
    }
    }
}

void fields_encode_members(const struct fields *f, const void *in, struct json_out *o)
{
    for (const struct field *field = f->list; field->name; field++)
        write_field(field, (const char *)in + field->offset, o);
}

void fields_encode(const struct fields *f, const void *in, struct json_out *o, const char *name)
{
    json_out_object(o, name);
    fields_encode_members(f, in, o);
    json_out_end_object(o);
}
