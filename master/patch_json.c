/*
 * JSON patch, RFC 6902, on immutable trees: each operation makes a new path from the root to the place and
 * shares the rest. Copies share, too, so what they would weigh when written is counted.
 */
#include "master/changing.h"
#include "master/edit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX 10000
#define COPIED_NODES_MAX 100000

enum op { OP_ADD, OP_REPLACE, OP_REMOVE };

struct pointer { /* a JSON pointer, cut up */
    const char *part[64];
    size_t n;
};

/* false: no pointer, or too deep. */
static bool parse_pointer(struct arena *a, const char *text, struct pointer *p)
{
    p->n = 0;
    if (!*text)
        return true;
    if (*text != '/')
        return false;
    while (*text) {
        size_t n = strcspn(++text, "/");
        if (p->n == ARRAY_SIZE(p->part))
            return false;
        char *part = arena_strndup(a, text, n), *to = part;
        for (const char *s = part; *s; s++) {
            if (s[0] == '~' && (s[1] == '0' || s[1] == '1'))
                *to++ = *++s == '0' ? '~' : '/';
            else
                *to++ = *s;
        }
        *to = 0;
        p->part[p->n++] = part;
        text += n;
    }
    return true;
}

/* An index of an array of n items; "-" is n where `end` is allowed. -1: none. */
static long array_index(const char *text, size_t n, bool end)
{
    if (!strcmp(text, "-"))
        return end ? (long)n : -1;
    char *rest;
    if (!*text || (text[0] == '0' && text[1]) || strspn(text, "0123456789") != strlen(text) ||
        strlen(text) > 9)
        return -1;
    long i = strtol(text, &rest, 10);
    return i < (long)n || (end && i == (long)n) ? i : -1;
}

static const struct json *at_pointer(const struct json *doc, const struct pointer *p)
{
    for (size_t i = 0; doc && i < p->n; i++) {
        if (doc->type == JSON_ARRAY) {
            long k = array_index(p->part[i], doc->n, false);
            doc = k < 0 ? NULL : &doc->items[k];
        } else {
            doc = json_get(doc, p->part[i]);
        }
    }
    return doc;
}

static const struct json *in_array(
    struct arena *a, enum op op, const struct json *array, long at, const struct json *value)
{
    struct json *out = arena_new_obj(a, struct json);
    *out = edit_new_array(a, array->n + 1);
    for (long i = 0; i < (long)array->n; i++) {
        if (i == at && op == OP_ADD)
            edit_append(a, out, *value);
        if (i != at || op == OP_ADD)
            edit_append(a, out, array->items[i]);
        else if (op == OP_REPLACE)
            edit_append(a, out, *value);
    }
    if (at == (long)array->n)
        edit_append(a, out, *value);
    return out;
}

/* NULL: there is no such place. */
static const struct json *change_at(struct arena *a, enum op op, const struct json *doc,
    const struct pointer *p, size_t depth, const struct json *value)
{
    const char *name = p->part[depth];
    bool last = depth + 1 == p->n;
    if (doc->type == JSON_ARRAY) {
        long at = array_index(name, doc->n, last && op == OP_ADD);
        if (at < 0)
            return NULL;
        if (last)
            return in_array(a, op, doc, at, value);
        const struct json *inner = change_at(a, op, &doc->items[at], p, depth + 1, value);
        return inner ? in_array(a, OP_REPLACE, doc, at, inner) : NULL;
    }
    const struct json *there = json_get(doc, name);
    if (doc->type != JSON_OBJECT || (!there && !(last && op == OP_ADD)))
        return NULL;
    if (last)
        return json_with(a, doc, name, op == OP_REMOVE ? NULL : value);
    const struct json *inner = change_at(a, op, there, p, depth + 1, value);
    return inner ? json_with(a, doc, name, inner) : NULL;
}

static const struct json *change_doc(
    struct arena *a, enum op op, const struct json *doc, const struct pointer *p, const struct json *value)
{
    if (!p->n)
        return op == OP_REMOVE ? NULL : value;
    return change_at(a, op, doc, p, 0, value);
}

static size_t weigh(const struct json *j, size_t limit)
{
    size_t n = 1;
    for (size_t i = 0; i < j->n && n < limit; i++) {
        if (j->type == JSON_ARRAY)
            n += weigh(&j->items[i], limit - n);
        else if (j->type == JSON_OBJECT)
            n += weigh(&j->members[i].value, limit - n);
        else
            break;
    }
    return n;
}

struct run {
    struct changing *x;
    const struct json *doc;
    size_t copied;
};

/* false: it does not apply. */
static bool run_op(struct run *r, const struct json *op)
{
    struct arena *a = r->x->arena;
    const char *name = json_str(json_get(op, "op")), *path = json_str(json_get(op, "path"));
    const char *from = json_str(json_get(op, "from"));
    const struct json *value = json_get(op, "value"), *out = NULL;
    struct pointer to, source;
    if (!name || !path || !parse_pointer(a, path, &to))
        return false;
    bool takes = !strcmp(name, "move") || !strcmp(name, "copy");
    if (takes && (!from || !parse_pointer(a, from, &source) || !(value = at_pointer(r->doc, &source))))
        return false;
    if (takes && (r->copied += weigh(value, COPIED_NODES_MAX)) >= COPIED_NODES_MAX)
        return false;
    if (!strcmp(name, "test")) {
        const struct json *there = at_pointer(r->doc, &to);
        return there ? json_equal(there, value ? value : &json_null) : !value || value->type == JSON_NULL;
    }
    if (!strcmp(name, "remove"))
        out = change_doc(a, OP_REMOVE, r->doc, &to, NULL);
    else if (!strcmp(name, "replace") && value)
        out = at_pointer(r->doc, &to) ? change_doc(a, OP_REPLACE, r->doc, &to, value) : NULL;
    else if (!strcmp(name, "move"))
        out = change_doc(a, OP_REMOVE, r->doc, &source, NULL);
    else if ((!strcmp(name, "add") || !strcmp(name, "copy")) && value)
        out = change_doc(a, OP_ADD, r->doc, &to, value);
    if (out && !strcmp(name, "move"))
        out = change_doc(a, OP_ADD, out, &to, value);
    if (!out)
        return false;
    r->doc = out;
    return true;
}

const struct json *patch_json(struct changing *x, const struct json *doc, const struct json *patch)
{
    struct run r = {.x = x, .doc = doc};
    if (!patch || patch->type != JSON_ARRAY) {
        changing_fail(x, status_bad_request(x->arena,
                             "error decoding patch: json: cannot unmarshal %s into Go value of type "
                             "jsonpatch.Patch",
                             json_type_name(patch ? patch : &json_null)));
        return NULL;
    }
    if (patch->n > OPERATIONS_MAX) {
        changing_fail(
            x, status_new(x->arena, 413, "RequestEntityTooLarge",
                   "The allowed maximum operations in a JSON patch is %d, got %u", OPERATIONS_MAX, patch->n));
        return NULL;
    }
    json_each_item (op, patch) {
        if (run_op(&r, op))
            continue;
        struct status *s = status_new(
            x->arena, 422, "Invalid", "the server rejected our request due to an error in our request");
        s->details = true; /* what is wrong with which operation Kubernetes keeps to itself */
        changing_fail(x, s);
        return NULL;
    }
    return r.doc;
}
