/*
 * JSON text out of values. What is written is always valid JSON: bytes that are no UTF-8 (a program's output,
 * a file name) become U+FFFD.
 */
#include "lib/json.h"
#include "lib/utf8.h"
#include <string.h>

/* How many bytes from the front stand for themselves. */
static size_t plain_run(const unsigned char *s, size_t n)
{
    static const bool plain[256] = {
        [0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true, ['\\' + 1 ... 0x7e] = true};
    size_t run = 0;
    while (run < n && plain[s[run]])
        run++;
    return run;
}

static void escape(struct buf *b, unsigned char c)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        buf_add(b, (char[]){'\\', to[at - from]}, 2);
    else
        buf_addf(b, "\\u%04x", c);
}

static void write_string(struct buf *b, const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t run = plain_run(s, n);
    if (run == n) { /* almost always */
        char *to = buf_room(b, n + 2);
        if (!to)
            return;
        to[0] = to[n + 1] = '"';
        if (n)
            memcpy(to + 1, text, n);
        buf_grown(b, n + 2);
        return;
    }
    buf_addc(b, '"');
    for (size_t i = 0; i < n; run = plain_run(s + i, n - i)) {
        buf_add(b, s + i, run);
        i += run;
        if (i == n)
            break;
        if (s[i] < 0x80) {
            escape(b, s[i++]);
            continue;
        }
        size_t len = utf8_sequence(text + i, n - i);
        buf_add(b, len ? (const char *)s + i : "\xef\xbf\xbd", len ? len : 3);
        i += len ? len : 1;
    }
    buf_addc(b, '"');
}

/* What stands before a value: a comma after a sibling, its name. */
static void lead(struct json_out *o, const char *name)
{
    if (o->comma)
        buf_addc(o->buf, ',');
    o->comma = true;
    if (name) {
        write_string(o->buf, name, strlen(name));
        buf_addc(o->buf, ':');
    }
}

static void open_with(struct json_out *o, const char *name, char c)
{
    lead(o, name);
    buf_addc(o->buf, c);
    o->comma = false;
}

static void close_with(struct json_out *o, char c)
{
    buf_addc(o->buf, c);
    o->comma = true;
}

void json_out_object(struct json_out *o, const char *name)
{
    open_with(o, name, '{');
}

void json_out_array(struct json_out *o, const char *name)
{
    open_with(o, name, '[');
}

void json_out_end_object(struct json_out *o)
{
    close_with(o, '}');
}

void json_out_end_array(struct json_out *o)
{
    close_with(o, ']');
}

void json_out_strn(struct json_out *o, const char *name, const char *s, size_t n)
{
    lead(o, name);
    write_string(o->buf, s, n);
}

void json_out_str(struct json_out *o, const char *name, const char *s)
{
    if (s)
        json_out_strn(o, name, s, strlen(s));
    else
        json_out_null(o, name);
}

void json_out_int(struct json_out *o, const char *name, int64_t v)
{
    lead(o, name);
    buf_addf(o->buf, "%lld", (long long)v);
}

void json_out_bool(struct json_out *o, const char *name, bool v)
{
    lead(o, name);
    buf_adds(o->buf, v ? "true" : "false");
}

void json_out_null(struct json_out *o, const char *name)
{
    lead(o, name);
    buf_adds(o->buf, "null");
}

void json_out_raw(struct json_out *o, const char *name, const char *text, size_t n)
{
    lead(o, name);
    buf_add(o->buf, text, n);
}

void json_out_value(struct json_out *o, const char *name, const struct json *j)
{
    switch (j ? j->type : JSON_NULL) {
    case JSON_NULL:
        json_out_null(o, name);
        break;
    case JSON_BOOL:
        json_out_bool(o, name, j->boolean);
        break;
    case JSON_NUMBER:
        json_out_raw(o, name, j->text, j->n);
        break;
    case JSON_STRING:
        json_out_strn(o, name, j->text, j->n);
        break;
    case JSON_ARRAY:
        json_out_array(o, name);
        json_each_item (it, j)
            json_out_value(o, NULL, it);
        json_out_end_array(o);
        break;
    case JSON_OBJECT:
        json_out_object(o, name);
        json_each_member (m, j)
            json_out_value(o, m->name, &m->value);
        json_out_end_object(o);
        break;
    }
}

static void new_line(struct buf *b, unsigned spaces)
{
    buf_addc(b, '\n');
    for (unsigned i = 0; i < spaces; i++)
        buf_addc(b, ' ');
}

static void write_pretty(struct buf *b, const struct json *j, unsigned indent, unsigned at)
{
    bool object = j->type == JSON_OBJECT;
    if ((!object && j->type != JSON_ARRAY) || !j->n) {
        struct json_out o = {b};
        json_out_value(&o, NULL, j);
        return;
    }
    buf_addc(b, object ? '{' : '[');
    for (uint32_t i = 0; i < j->n; i++) {
        if (i)
            buf_addc(b, ',');
        new_line(b, at + indent);
        if (object) {
            write_string(b, j->members[i].name, strlen(j->members[i].name));
            buf_adds(b, ": ");
        }
        write_pretty(b, object ? &j->members[i].value : &j->items[i], indent, at + indent);
    }
    new_line(b, at);
    buf_addc(b, object ? '}' : ']');
}

void json_write(struct buf *b, const struct json *j, unsigned indent)
{
    if (indent) {
        write_pretty(b, j ? j : &json_null, indent, 0);
        return;
    }
    struct json_out o = {b};
    json_out_value(&o, NULL, j);
}
