/*
 * JSON text to a tree. yajl does the lexing and the grammar and calls back for each value; what is kept here
 * are the open containers (frames) and, on one stack for all of them, the values that are finished but whose
 * container is still open. A container that closes moves its part of that stack into the arena.
 */
#include "lib/json.h"
#include "lib/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

const struct json_limits json_limits_default = {.bytes = 3 << 20, .depth = 64, .nodes = 400000};

struct pending {
    struct json_member member; /* name NULL in an array */
    size_t offset;             /* of the name's end, for errors */
};

struct frame {
    size_t first; /* its first value on the stack */
    const char *name;
    size_t offset;
};

struct reader {
    struct arena *arena;
    const struct json_limits *lim;
    const char *text;
    size_t len, nodes;
    yajl_handle yajl;
    struct pending *stack;
    size_t n, cap;
    struct frame *frames;
    unsigned depth;
    const char *name; /* the next value's */
    size_t name_offset;
    struct err *error;
};

static struct err *error_at(const struct reader *r, enum err_kind kind, size_t offset, const char *what)
{
    size_t line = 1, start = 0;
    if (offset > r->len)
        offset = r->len;
    for (size_t i = 0; i + 1 < offset; i++)
        if (r->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    return err_new(kind, "line %zu, column %zu: %s", line, offset > start ? offset - start : 1, what);
}

static int fail(struct reader *r, enum err_kind kind, const char *what)
{
    r->error = error_at(r, kind, yajl_get_bytes_consumed(r->yajl), what);
    return 0;
}

static int push(struct reader *r, struct json value)
{
    if (++r->nodes > r->lim->nodes)
        return fail(r, ERR_LIMIT, "too many values");
    if (r->n == r->cap) {
        r->cap *= 2;
        r->stack = mem_realloc(r->stack, r->cap, sizeof(*r->stack));
    }
    r->stack[r->n++] = (struct pending){{r->name, value}, r->name_offset};
    r->name = NULL;
    return 1;
}

static int on_null(void *ctx)
{
    return push(ctx, json_null);
}

static int on_bool(void *ctx, int v)
{
    return push(ctx, (struct json){.type = JSON_BOOL, .boolean = v});
}

static const char *keep(struct reader *r, const char *text, size_t n)
{
    char *copy = arena_strndup(r->arena, text, n);
    if (memchr(text, 0, n)) { /* rare: a string that holds NUL bytes */
        copy = arena_alloc(r->arena, n + 1);
        memcpy(copy, text, n);
    }
    return copy;
}

static int on_number(void *ctx, const char *text, size_t n)
{
    struct reader *r = ctx;
    return push(r, (struct json){.type = JSON_NUMBER, .n = (uint32_t)n, .text = keep(r, text, n)});
}

static int on_string(void *ctx, const unsigned char *text, size_t n)
{
    struct reader *r = ctx;
    return push(
        r, (struct json){.type = JSON_STRING, .n = (uint32_t)n, .text = keep(r, (const char *)text, n)});
}

static int on_name(void *ctx, const unsigned char *text, size_t n)
{
    struct reader *r = ctx;
    if (memchr(text, 0, n))
        return fail(r, ERR_INVALID, "a name with a NUL byte");
    r->name = arena_strndup(r->arena, (const char *)text, n);
    r->name_offset = yajl_get_bytes_consumed(r->yajl);
    return 1;
}

static int open_container(void *ctx)
{
    struct reader *r = ctx;
    if (r->depth == r->lim->depth)
        return fail(r, ERR_LIMIT, "nested too deeply");
    r->frames[r->depth++] = (struct frame){r->n, r->name, r->name_offset};
    r->name = NULL;
    return 1;
}

/* Ends the innermost container: its values leave the stack, it becomes a value itself. */
static int close_container(struct reader *r, struct json value)
{
    struct frame *f = &r->frames[--r->depth];
    r->n = f->first;
    r->name = f->name;
    r->name_offset = f->offset;
    return push(r, value);
}

static int by_name(const void *a, const void *b)
{
    const struct pending *x = *(const struct pending *const *)a, *y = *(const struct pending *const *)b;
    int order = strcmp(x->member.name, y->member.name);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* The member whose name was there before, NULL where all names differ. */
static const struct pending *duplicate(const struct pending *p, size_t n)
{
    if (n <= 16) {
        for (size_t i = 1; i < n; i++)
            for (size_t k = 0; k < i; k++)
                if (!strcmp(p[i].member.name, p[k].member.name))
                    return &p[i];
        return NULL;
    }
    auto_free const struct pending **order = mem_array(n, sizeof(*order));
    for (size_t i = 0; i < n; i++)
        order[i] = &p[i];
    qsort(order, n, sizeof(*order), by_name);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(order[i - 1]->member.name, order[i]->member.name))
            return order[i];
    return NULL;
}

static int end_object(void *ctx)
{
    struct reader *r = ctx;
    struct frame *f = &r->frames[r->depth - 1];
    size_t n = r->n - f->first;
    const struct pending *again = r->lim->duplicates ? NULL : duplicate(r->stack + f->first, n);
    if (again) {
        auto_free char *what = mem_printf("duplicate name \"%.80s\"", again->member.name);
        r->error = error_at(r, ERR_INVALID, again->offset, what);
        return 0;
    }
    struct json_member *members = n ? arena_array(r->arena, n, sizeof(*members)) : NULL;
    for (size_t i = 0; i < n; i++)
        members[i] = r->stack[f->first + i].member;
    return close_container(r, (struct json){.type = JSON_OBJECT, .n = (uint32_t)n, .members = members});
}

static int end_array(void *ctx)
{
    struct reader *r = ctx;
    struct frame *f = &r->frames[r->depth - 1];
    size_t n = r->n - f->first;
    struct json *items = n ? arena_array(r->arena, n, sizeof(*items)) : NULL;
    for (size_t i = 0; i < n; i++)
        items[i] = r->stack[f->first + i].member.value;
    return close_container(r, (struct json){.type = JSON_ARRAY, .n = (uint32_t)n, .items = items});
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = open_container,
    .yajl_map_key = on_name,
    .yajl_end_map = end_object,
    .yajl_start_array = open_container,
    .yajl_end_array = end_array,
};

/* yajl's words, without its prefix, full stop and line ends. */
static struct err *yajl_error(const struct reader *r)
{
    unsigned char *said = yajl_get_error(r->yajl, 0, NULL, 0);
    const char *what = said ? (const char *)said : "not JSON";
    const char *colon = strstr(what, ": ");
    if (colon)
        what = colon + 2;
    auto_free char *text = mem_strdup(what);
    for (size_t n = strlen(text); n && strchr(".\n ", text[n - 1]); n--)
        text[n - 1] = 0;
    if (said)
        yajl_free_error(r->yajl, said);
    bool early = !strcmp(text, "premature EOF");
    return error_at(r, ERR_INVALID, early ? r->len : yajl_get_bytes_consumed(r->yajl),
        early ? "unexpected end of the JSON text" : text);
}

static struct err *run(struct reader *r)
{
    size_t valid = utf8_valid(r->text, r->len); /* yajl's own check lets overlong forms pass */
    if (valid < r->len)
        return error_at(r, ERR_INVALID, valid + 1, "invalid UTF-8");
    yajl_config(r->yajl, yajl_dont_validate_strings, 1);
    yajl_status s = yajl_parse(r->yajl, (const unsigned char *)r->text, r->len);
    if (s == yajl_status_ok)
        s = yajl_complete_parse(r->yajl);
    if (r->error)
        return r->error;
    if (s != yajl_status_ok)
        return yajl_error(r);
    if (r->n != 1)
        return error_at(r, ERR_INVALID, r->len, "unexpected end of the JSON text");
    return NULL;
}

struct err *json_parse(
    struct arena *a, const char *text, size_t len, const struct json_limits *lim, const struct json **ret)
{
    if (!lim)
        lim = &json_limits_default;
    if (len > lim->bytes)
        return err_new(ERR_LIMIT, "a JSON text of %zu bytes: more than %zu", len, lim->bytes);
    struct reader r = {.arena = a, .lim = lim, .text = text, .len = len};
    r.frames = mem_array(lim->depth, sizeof(*r.frames));
    r.cap = 64;
    r.stack = mem_array(r.cap, sizeof(*r.stack));
    r.yajl = yajl_alloc(&callbacks, NULL, &r);
    if (!r.yajl)
        abort();
    struct err *e = run(&r);
    if (!e) {
        struct json *root = arena_new_obj(a, struct json);
        *root = r.stack[0].member.value;
        *ret = root;
    }
    yajl_free(r.yajl);
    free(r.frames);
    free(r.stack);
    return e;
}
