/* JSON merge patch, RFC 7386. Depth is bounded by the parser's. */
#include "master/changing.h"
#include "master/edit.h"

const struct json *patch_merge(struct arena *a, const struct json *doc, const struct json *patch)
{
    if (patch->type != JSON_OBJECT)
        return patch;
    struct json *out = arena_new_obj(a, struct json);
    *out = edit_new_object(a, (doc && doc->type == JSON_OBJECT ? doc->n : 0) + patch->n + 1);
    json_each_member (m, doc)
        edit_add(a, out, m->name, m->value);
    json_each_member (m, patch) {
        if (m->value.type == JSON_NULL)
            edit_remove(out, m->name);
        else
            edit_set(a, out, m->name, *patch_merge(a, edit_get(out, m->name), &m->value));
    }
    return out;
}
