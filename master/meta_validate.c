/* metadata of every kind. */
#include "master/edit.h"
#include "master/meta.h"
#include "master/strategy.h"
#include <string.h>

#define ANNOTATIONS_MAX 262144

typedef const char *check_fn(struct arena *a, const char *s);

static check_fn *name_rule(enum kind_id kind)
{
    switch (kind) {
    case KIND_NAMESPACE:
    case KIND_SERVICE:
        return meta_check_label_1123;
    default:
        return meta_check_subdomain;
    }
}

static void check_name(struct admission *x, const struct json *meta, const struct path *p)
{
    struct invalid *v = &x->invalid;
    const char *name = json_str(json_get(meta, "name")), *prefix = json_str(json_get(meta, "generateName"));
    check_fn *rule = name_rule(x->kind->id);
    bool dotless = rule == meta_check_label_1123;
    if (prefix && *prefix) {
        size_t n = strlen(prefix);
        bool dash = prefix[n - 1] == '-'; /* a suffix will follow */
        const char *why = rule(x->arena, arena_printf(x->arena, "%s%s", prefix, dash ? "a" : ""));
        if (why)
            invalid_str(v, PATH(p, "generateName"), prefix, why);
    }
    if (!name || !*name) {
        invalid_required(v, PATH(p, "name"), "name or generateName is required");
        return;
    }
    const char *why = dotless && strchr(name, '.') ? "must not contain dots" : rule(x->arena, name);
    if (why)
        invalid_str(v, PATH(p, "name"), name, why);
}

static void check_annotations(struct admission *x, const struct json *annotations, const struct path *p)
{
    size_t total = 0;
    json_each_member (m, annotations) {
        char *key = arena_strdup(x->arena, m->name);
        for (char *c = key; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c + 32);
        meta_check_qualified(&x->invalid, p, key);
        total += strlen(m->name) + m->value.n;
    }
    if (total > ANNOTATIONS_MAX)
        invalid_too_long(&x->invalid, p, ANNOTATIONS_MAX);
}

static void check_finalizers(struct admission *x, const struct json *list, const struct path *p)
{
    static const char *const standard[] = {"orphan", "foregroundDeletion", "kubernetes"};
    bool orphan = false, foreground = false;
    for (size_t i = 0; list && i < list->n; i++) {
        const char *s = json_str(&list->items[i]);
        bool known = false;
        for (size_t k = 0; s && k < ARRAY_SIZE(standard); k++)
            known = known || !strcmp(s, standard[k]);
        if (!s || known) {
            orphan = orphan || (s && !strcmp(s, "orphan"));
            foreground = foreground || (s && !strcmp(s, "foregroundDeletion"));
            continue;
        }
        meta_check_qualified(&x->invalid, PATH_ITEM(p, i), s);
        if (!strchr(s, '/'))
            invalid_str(&x->invalid, PATH_ITEM(p, i), s,
                "name is neither a standard finalizer name nor is it fully qualified");
    }
    if (orphan && foreground)
        invalid_value(&x->invalid, p, list, "finalizer orphan and foregroundDeletion cannot be both set");
}

static void check_owners(struct admission *x, const struct json *owners, const struct path *p)
{
    static const struct {
        const char *name, *why;
    } needed[] = {{"apiVersion", "version must not be empty"}, {"kind", "must not be empty"},
        {"name", "must not be empty"}, {"uid", "must not be empty"}};
    const struct json *controller = NULL;
    json_each_item (ref, owners) {
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
            const char *s = json_str(json_get(ref, needed[i].name));
            if (!s || !*s)
                invalid_str(&x->invalid, PATH(p, needed[i].name), "", needed[i].why);
        }
        if (!json_bool(json_get(ref, "controller"), false))
            continue;
        if (controller)
            invalid_value(&x->invalid, p, owners,
                arena_printf(x->arena,
                    "Only one reference can have Controller set to true. Found \"true\" in references for "
                    "%s/%s and %s/%s",
                    json_str(json_get(controller, "kind")), json_str(json_get(controller, "name")),
                    json_str(json_get(ref, "kind")), json_str(json_get(ref, "name"))));
        else
            controller = ref;
    }
}

void meta_validate(struct admission *x, struct json *obj)
{
    const struct json *meta = json_get(obj, "metadata");
    const struct path *p = PATH(NULL, "metadata");
    check_name(x, meta, p);
    meta_check_labels(&x->invalid, PATH(p, "labels"), json_get(meta, "labels"));
    check_annotations(x, json_get(meta, "annotations"), PATH(p, "annotations"));
    check_owners(x, json_get(meta, "ownerReferences"), PATH(p, "ownerReferences"));
    check_finalizers(x, json_get(meta, "finalizers"), PATH(p, "finalizers"));
}

static bool in_list(const struct json *list, const struct json *item)
{
    json_each_item (it, list)
        if (json_equal(it, item))
            return true;
    return false;
}

/* Of what an update must not touch only finalizers are left to check: change_store() keeps the rest. */
void meta_validate_update(struct admission *x, struct json *obj, const struct json *old)
{
    const struct path *p = PATH(PATH(NULL, "metadata"), "finalizers");
    if (!json_at(old, "metadata", "deletionTimestamp", NULL))
        return;
    auto_buf added = BUF_INIT(65536);
    json_each_item (it, json_at(obj, "metadata", "finalizers", NULL)) {
        if (in_list(json_at(old, "metadata", "finalizers", NULL), it))
            continue;
        buf_adds(&added, added.len ? ", " : "");
        invalid_quote(&added, json_str(it));
    }
    if (added.len)
        invalid_forbidden(&x->invalid, p,
            arena_printf(x->arena,
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                "[]string{%s}",
                buf_str(&added)));
}
