/*
 * Strategic merge patch: a merge patch that knows, from the schema, which lists are maps in disguise and by
 * which field their items are told apart. Directives: $patch (replace, delete, merge), $retainKeys,
 * $setElementOrder/LIST and $deleteFromPrimitiveList/LIST.
 */
#include "master/changing.h"
#include "master/edit.h"
#include <stdio.h>
#include <string.h>

#define ORDER "$setElementOrder/"
#define DELETE_PRIMITIVE "$deleteFromPrimitiveList/"

struct merging {
    struct arena *a;
    const char *error;
};

static struct json merge_object(
    struct merging *m, const struct schema *s, const struct json *doc, const struct json *patch);

static const char *directive(const struct json *patch)
{
    return json_str(json_get(patch, "$patch"));
}

/* What a patch adds where nothing was: itself, without directives and without nulls. */
static struct json clean(struct merging *m, const struct json *patch)
{
    if (patch->type == JSON_ARRAY) {
        struct json out = edit_new_array(m->a, patch->n);
        json_each_item (it, patch) {
            const char *d = directive(it);
            if (d && strcmp(d, "merge") != 0 && (!strcmp(d, "delete") || !strcmp(d, "replace")))
                continue;
            edit_append(m->a, &out, clean(m, it));
        }
        return out;
    }
    if (patch->type != JSON_OBJECT)
        return *patch;
    struct json out = edit_new_object(m->a, patch->n);
    json_each_member (f, patch) {
        if (*f->name != '$' && f->value.type != JSON_NULL)
            edit_add(m->a, &out, f->name, clean(m, &f->value));
    }
    return out;
}

static bool same_key(const struct json *x, const struct json *y, const char *key)
{
    if (!key)
        return json_equal(x, y);
    const struct json *k = json_get(x, key), *l = json_get(y, key);
    return k && l && json_equal(k, l);
}

static long find_item(const struct json *list, const struct json *like, const char *key)
{
    for (long i = 0; list && i < (long)list->n; i++)
        if (same_key(&list->items[i], like, key))
            return i;
    return -1;
}

/* Whether x stands before y in the list the server had; *ret_known: both stood there. */
static bool stood_before(
    const struct json *server, const struct json *x, const struct json *y, const char *key, bool *ret_known)
{
    long i = find_item(server, x, key), k = find_item(server, y, key);
    *ret_known = i >= 0 && k >= 0;
    return *ret_known && i < k;
}

/* Items named by the patch (or by its order list) in the order given there, woven with the server's other
 * items, which keep their order. */
static struct json weave(struct merging *m, const struct json *merged, const struct json *named,
    const struct json *server, const char *key)
{
    struct json mine = edit_new_array(m->a, merged->n), others = edit_new_array(m->a, merged->n);
    json_each_item (it, named) {
        long i = find_item(merged, it, key);
        if (i >= 0 && find_item(&mine, it, key) < 0)
            edit_append(m->a, &mine, merged->items[i]);
    }
    json_each_item (it, merged) {
        if (find_item(named, it, key) < 0)
            edit_append(m->a, &others, *it);
    }
    struct json out = edit_new_array(m->a, merged->n);
    size_t i = 0, k = 0;
    while (i < others.n || k < mine.n) {
        bool known = false, before = false;
        if (i < others.n && k < mine.n)
            before = stood_before(server, &others.items[i], &mine.items[k], key, &known);
        if (k == mine.n || (known && before))
            edit_append(m->a, &out, others.items[i++]);
        else
            edit_append(m->a, &out, mine.items[k++]);
    }
    return out;
}

static struct json merge_scalars(struct merging *m, const struct json *doc, const struct json *patch,
    const struct json *order, const struct json *dropped)
{
    struct json out = edit_new_array(m->a, doc->n + (patch ? patch->n : 0));
    json_each_item (it, doc) {
        if (find_item(dropped, it, NULL) < 0)
            edit_append(m->a, &out, *it);
    }
    json_each_item (it, patch) {
        if (find_item(&out, it, NULL) < 0)
            edit_append(m->a, &out, *it);
    }
    const struct json *named = order ? order : patch;
    return named ? weave(m, &out, named, doc, NULL) : out;
}

/* The items of a keyed list, merged; not yet in order. */
static bool merge_items(struct merging *m, const struct schema_field *f, const struct json *doc,
    const struct json *patch, struct json *out)
{
    const char *key = f->merge_key;
    *out = edit_new_array(m->a, doc->n + patch->n);
    json_each_item (it, doc)
        edit_append(m->a, out, *it);
    json_each_item (it, patch) {
        const char *d = directive(it);
        if (d && !strcmp(d, "replace"))
            out->n = 0;
    }
    json_each_item (it, patch) {
        const char *d = directive(it);
        if (d && !strcmp(d, "replace"))
            continue;
        if (!json_get(it, key)) {
            m->error = arena_printf(
                m->a, "map: %s does not contain declared merge key: %s", it->n ? "" : "map[]", key);
            return false;
        }
        long i = find_item(out, it, key);
        if (d && !strcmp(d, "delete")) {
            for (; i >= 0; i = find_item(out, it, key))
                edit_remove_item(out, (size_t)i);
        } else if (i >= 0) {
            struct json merged = merge_object(m, f->sub, &out->items[i], it);
            *edit_item(out, (size_t)i) = merged;
        } else {
            edit_append(m->a, out, clean(m, it));
        }
    }
    return true;
}

static struct json merge_list(struct merging *m, const struct schema_field *f, const struct json *doc,
    const struct json *patch, const struct json *order)
{
    struct json out;
    if (!merge_items(m, f, doc, patch, &out))
        return *doc;
    struct json named = edit_new_array(m->a, patch->n);
    json_each_item (it, patch) {
        if (!directive(it) || !strcmp(directive(it), "merge"))
            edit_append(m->a, &named, *it);
    }
    return weave(m, &out, order ? order : &named, doc, f->merge_key);
}

static const struct json *beside(
    struct merging *m, const struct json *patch, const char *prefix, const char *name)
{
    return json_get(patch, arena_printf(m->a, "%s%s", prefix, name));
}

static void merge_member(struct merging *m, const struct schema *s, struct json *out,
    const struct json *patch, const char *name, const struct json *value)
{
    const struct schema_field *f = s ? schema_field(s, name) : NULL;
    const struct json *there = edit_get(out, name);
    bool list = f && f->shape == SCHEMA_LIST && f->merge;
    const struct json *order = list ? beside(m, patch, ORDER, name) : NULL;
    const struct json *dropped = list ? beside(m, patch, DELETE_PRIMITIVE, name) : NULL;
    if (value && value->type == JSON_NULL) {
        edit_remove(out, name);
    } else if (!there || (value && there->type != value->type)) {
        if (value)
            edit_set(m->a, out, name, clean(m, value));
    } else if (list && there->type == JSON_ARRAY) {
        static const struct json nothing = {.type = JSON_ARRAY};
        edit_set(m->a, out, name,
            f->merge_key ? merge_list(m, f, there, value ? value : &nothing, order)
                         : merge_scalars(m, there, value, order, dropped));
    } else if (value && value->type == JSON_OBJECT) {
        const struct schema *sub = f && f->shape == SCHEMA_ONE ? f->sub : NULL;
        edit_set(m->a, out, name, merge_object(m, sub, there, value));
    } else if (value) {
        edit_set(m->a, out, name, clean(m, value));
    }
}

/* Members that are not in the list of $retainKeys go. */
static void retain(struct json *out, const struct json *keys)
{
    for (size_t i = out->n; i-- > 0;) {
        bool kept = false;
        json_each_item (k, keys)
            kept = kept || (json_str(k) && !strcmp(json_str(k), out->members[i].name));
        if (!kept)
            edit_remove(out, out->members[i].name);
    }
}

static struct json merge_object(
    struct merging *m, const struct schema *s, const struct json *doc, const struct json *patch)
{
    const char *d = directive(patch);
    if (d && !strcmp(d, "replace"))
        return clean(m, patch);
    if (d && !strcmp(d, "delete"))
        return edit_new_object(m->a, 0);
    if (d && strcmp(d, "merge") != 0) {
        m->error = arena_printf(m->a, "unknown patch type: %s", d);
        return *doc;
    }
    struct json out = edit_new_object(m->a, doc->n + patch->n);
    json_each_member (f, doc)
        edit_add(m->a, &out, f->name, f->value);
    const struct json *keys = json_get(patch, "$retainKeys");
    if (keys)
        retain(&out, keys);
    json_each_member (f, patch) {
        if (*f->name != '$') {
            merge_member(m, s, &out, patch, f->name, &f->value);
            continue;
        }
        /* An order or a deletion whose list is not in the patch itself. */
        const char *name = strchr(f->name, '/');
        bool about_list = !strncmp(f->name, ORDER, sizeof(ORDER) - 1) ||
                          !strncmp(f->name, DELETE_PRIMITIVE, sizeof(DELETE_PRIMITIVE) - 1);
        if (about_list && !json_get(patch, name + 1))
            merge_member(m, s, &out, patch, name + 1, NULL);
    }
    return out;
}

const struct json *patch_strategic(struct arena *a, const struct schema *s, const struct json *doc,
    const struct json *patch, const char **ret_error)
{
    struct merging m = {.a = a};
    struct json *out = arena_new_obj(a, struct json);
    *out = merge_object(&m, s, doc, patch);
    *ret_error = m.error;
    return m.error ? NULL : out;
}
