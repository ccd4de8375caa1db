/*
 * A JSON tree as block-style YAML, through libyaml's emitter, set as kubectl's is: names sorted "naturally"
 * (a2 before a10), no folding of long lines, text of several lines as a literal block.
 */
#include "lib/yaml.h"
#include "lib/yaml_scalar.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static int append(void *ctx, unsigned char *data, size_t n)
{
    struct buf *b = ctx;
    buf_add(b, data, n);
    return !b->over;
}

static int is_letter(unsigned char c)
{
    return isalpha(c) || c >= 0x80;
}

/* The number that starts at s[i], and where it ends. */
static unsigned long long run_of_digits(const char *s, size_t i, unsigned long long v, size_t *end)
{
    for (; isdigit((unsigned char)s[i]); i++)
        v = v * 10 + (unsigned long long)(s[i] - '0');
    *end = i;
    return v;
}

/* Letters after everything else, runs of digits by their value. */
static int compare(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && a[i] == b[i])
        i++;
    if (!a[i] || !b[i])
        return (a[i] != 0) - (b[i] != 0);
    int al = is_letter((unsigned char)a[i]), bl = is_letter((unsigned char)b[i]);
    if (al && bl)
        return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
    if (al || bl)
        return bl ? -1 : 1;
    unsigned long long lead = 0;
    if (a[i] == '0' || b[i] == '0')
        for (size_t k = i; k && isdigit((unsigned char)a[k - 1]); k--)
            if (a[k - 1] != '0')
                lead = 1;
    size_t a_end, b_end;
    unsigned long long an = run_of_digits(a, i, lead, &a_end), bn = run_of_digits(b, i, lead, &b_end);
    if (an != bn)
        return an < bn ? -1 : 1;
    if (a_end != b_end)
        return a_end < b_end ? -1 : 1;
    return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;
    return compare((*x)->name, (*y)->name);
}

static bool emit(yaml_emitter_t *out, yaml_event_t *e)
{
    return yaml_emitter_emit(out, e); /* takes the event, also where it fails */
}

static bool emit_text(yaml_emitter_t *out, const char *text, size_t n, yaml_scalar_style_t style)
{
    yaml_event_t e;
    /* not UTF-8: the event cannot be made */
    if (!yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)n, 1, 1, style))
        return false;
    return emit(out, &e);
}

static bool emit_string(yaml_emitter_t *out, const char *text, size_t n)
{
    bool odd = strlen(text) != n;
    yaml_scalar_style_t style = memchr(text, '\n', n)                   ? YAML_LITERAL_SCALAR_STYLE
                                : odd || yaml_scalar_needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                                        : YAML_PLAIN_SCALAR_STYLE;
    return emit_text(out, text, n, style);
}

static bool emit_value(yaml_emitter_t *out, const struct json *j);

static bool emit_object(yaml_emitter_t *out, const struct json *j)
{
    yaml_event_t e;
    yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    bool good = emit(out, &e);
    auto_free const struct json_member **order = mem_array(j->n, sizeof(*order));
    for (uint32_t i = 0; i < j->n; i++)
        order[i] = &j->members[i];
    qsort(order, j->n, sizeof(*order), by_name);
    for (uint32_t i = 0; i < j->n && good; i++)
        good = emit_string(out, order[i]->name, strlen(order[i]->name)) && emit_value(out, &order[i]->value);
    if (!good)
        return false;
    yaml_mapping_end_event_initialize(&e);
    return emit(out, &e);
}

static bool emit_array(yaml_emitter_t *out, const struct json *j)
{
    yaml_event_t e;
    yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
    bool good = emit(out, &e);
    for (uint32_t i = 0; i < j->n && good; i++)
        good = emit_value(out, &j->items[i]);
    if (!good)
        return false;
    yaml_sequence_end_event_initialize(&e);
    return emit(out, &e);
}

static bool emit_value(yaml_emitter_t *out, const struct json *j)
{
    switch (j->type) {
    case JSON_OBJECT:
        return emit_object(out, j);
    case JSON_ARRAY:
        return emit_array(out, j);
    case JSON_STRING:
        return emit_string(out, j->text, j->n);
    case JSON_NUMBER:
        return emit_text(out, j->text, j->n, YAML_PLAIN_SCALAR_STYLE);
    case JSON_BOOL:
        return emit_text(out, j->boolean ? "true" : "false", j->boolean ? 4 : 5, YAML_PLAIN_SCALAR_STYLE);
    case JSON_NULL:
        break;
    }
    return emit_text(out, "null", 4, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_document(yaml_emitter_t *out, const struct json *j)
{
    yaml_event_t e;
    yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING);
    if (!emit(out, &e))
        return false;
    yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1);
    if (!emit(out, &e) || !emit_value(out, j))
        return false;
    yaml_document_end_event_initialize(&e, 1);
    if (!emit(out, &e))
        return false;
    yaml_stream_end_event_initialize(&e);
    return emit(out, &e);
}

void yaml_write(struct buf *b, const struct json *j)
{
    yaml_emitter_t out;
    if (!yaml_emitter_initialize(&out))
        abort();
    yaml_emitter_set_output(&out, append, b);
    yaml_emitter_set_unicode(&out, 1);
    yaml_emitter_set_width(&out, -1);
    size_t before = b->len;
    bool good = emit_document(&out, j ? j : &json_null);
    yaml_emitter_delete(&out);
    if (good || b->over)
        return;
    /* What YAML cannot hold (bytes that are no UTF-8) is written as JSON, which is YAML too. */
    b->len = before;
    json_write(b, j, 2);
    buf_addc(b, '\n');
}
