/* Field errors: their texts, and the Status that carries them. */
#include "master/invalid.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)
#define CAUSES_MAX 200

static void write_path(struct buf *b, const struct path *p)
{
    if (!p)
        return;
    write_path(b, p->up);
    if (p->name)
        buf_addf(b, "%s%s", b->len ? "." : "", p->name);
    else if (p->key)
        buf_addf(b, "[%s]", p->key);
    else
        buf_addf(b, "[%zu]", p->index);
}

const char *path_text(struct arena *a, const struct path *p)
{
    auto_buf b = BUF_INIT(TEXT_MAX);
    write_path(&b, p);
    return arena_strdup(a, buf_str(&b));
}

static void add(struct invalid *v, const char *reason, const struct path *p, const char *message)
{
    if (v->n == CAUSES_MAX)
        return;
    if (!v->causes)
        v->causes = arena_array(v->arena, CAUSES_MAX, sizeof(*v->causes));
    v->causes[v->n++] = (struct status_cause){reason, message, path_text(v->arena, p)};
}

void invalid_quote(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        static const char from[] = "\n\t\r\a\b\f\v", to[] = "ntrabfv";
        const char *at = strchr(from, *p);
        if (at)
            buf_addf(b, "\\%c", to[at - from]);
        else if (*p == '"' || *p == '\\')
            buf_addf(b, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            buf_addf(b, "\\x%02x", *p);
        else
            buf_addc(b, (char)*p);
    }
    buf_addc(b, '"');
}

static const char *quoted(struct arena *a, const char *s)
{
    auto_buf b = BUF_INIT(TEXT_MAX);
    invalid_quote(&b, s);
    return arena_strdup(a, buf_str(&b));
}

void invalid_required(struct invalid *v, const struct path *p, const char *detail)
{
    add(v, "FieldValueRequired", p,
        *detail ? arena_printf(v->arena, "Required value: %s", detail) : "Required value");
}

void invalid_raw(struct invalid *v, const struct path *p, const char *value, const char *detail)
{
    add(v, "FieldValueInvalid", p, arena_printf(v->arena, "Invalid value: %s: %s", value, detail));
}

void invalid_str(struct invalid *v, const struct path *p, const char *value, const char *detail)
{
    invalid_raw(v, p, quoted(v->arena, value), detail);
}

void invalid_int(struct invalid *v, const struct path *p, int64_t value, const char *detail)
{
    invalid_raw(v, p, arena_printf(v->arena, "%lld", (long long)value), detail);
}

void invalid_value(struct invalid *v, const struct path *p, const struct json *value, const char *detail)
{
    if (!value || value->type == JSON_NULL) {
        invalid_raw(v, p, "null", detail);
    } else if (value->type == JSON_STRING) {
        invalid_str(v, p, value->text, detail);
    } else {
        auto_buf b = BUF_INIT(TEXT_MAX);
        json_write(&b, value, 0);
        invalid_raw(v, p, buf_str(&b), detail);
    }
}

void invalid_duplicate(struct invalid *v, const struct path *p, const char *value)
{
    add(v, "FieldValueDuplicate", p, arena_printf(v->arena, "Duplicate value: %s", quoted(v->arena, value)));
}

void invalid_duplicate_raw(struct invalid *v, const struct path *p, const char *value)
{
    add(v, "FieldValueDuplicate", p, arena_printf(v->arena, "Duplicate value: %s", value));
}

void invalid_forbidden(struct invalid *v, const struct path *p, const char *detail)
{
    add(v, "FieldValueForbidden", p, arena_printf(v->arena, "Forbidden: %s", detail));
}

void invalid_too_long(struct invalid *v, const struct path *p, unsigned max)
{
    add(v, "FieldValueTooLong", p, arena_printf(v->arena, "Too long: may not be more than %u bytes", max));
}

void invalid_not_found(struct invalid *v, const struct path *p, const char *value)
{
    add(v, "FieldValueNotFound", p, arena_printf(v->arena, "Not found: %s", quoted(v->arena, value)));
}

void invalid_unsupported(
    struct invalid *v, const struct path *p, const char *value, const char *const *choices)
{
    auto_buf b = BUF_INIT(TEXT_MAX);
    buf_adds(&b, "Unsupported value: ");
    invalid_quote(&b, value);
    buf_adds(&b, ": supported values: ");
    for (size_t i = 0; choices[i]; i++) {
        buf_adds(&b, i ? ", " : "");
        invalid_quote(&b, choices[i]);
    }
    add(v, "FieldValueNotSupported", p, arena_strdup(v->arena, buf_str(&b)));
}

bool invalid_choice(
    struct invalid *v, const struct path *p, const struct json *value, const char *const *choices)
{
    const char *s = json_str(value);
    for (size_t i = 0; choices[i]; i++)
        if (s && !strcmp(s, choices[i]))
            return true;
    invalid_unsupported(v, p, s ? s : "", choices);
    return false;
}

void invalid_warn(struct invalid *v, const char *fmt, ...)
{
    struct str_list *w = &v->warnings;
    if (!w->v)
        w->v = arena_array(v->arena, CAUSES_MAX, sizeof(*w->v));
    if (w->n == CAUSES_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    char text[2048];
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    w->v[w->n++] = arena_strdup(v->arena, text);
}

/* The same error twice is one in the message. */
static bool said_before(const struct invalid *v, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!strcmp(v->causes[k].field, v->causes[i].field) &&
            !strcmp(v->causes[k].message, v->causes[i].message))
            return true;
    return false;
}

struct status *invalid_status(
    const struct invalid *v, const char *group, const char *kind_name, const char *name)
{
    struct arena *a = v->arena;
    auto_buf b = BUF_INIT(TEXT_MAX * 4);
    size_t distinct = 0, shown = 0;
    for (size_t i = 0; i < v->n; i++)
        distinct += !said_before(v, i);
    buf_addf(&b, "%s%s%s \"%s\" is invalid: %s", kind_name, *group ? "." : "", group, name,
        distinct > 1 ? "[" : "");
    for (size_t i = 0; i < v->n; i++)
        if (!said_before(v, i))
            buf_addf(&b, "%s%s: %s", shown++ ? ", " : "", v->causes[i].field, v->causes[i].message);
    buf_adds(&b, distinct > 1 ? "]" : "");
    struct status *s = status_new(a, 422, "Invalid", "%s", buf_str(&b));
    s->details = true;
    s->name = name;
    s->group = group;
    s->kind = kind_name;
    s->n_causes = v->n;
    s->causes = v->causes;
    return s;
}
