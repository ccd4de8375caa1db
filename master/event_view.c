/*
 * Events as v1 and as events.k8s.io/v1 show them: the same object under other names. They are stored as v1.
 */
#include "master/changing.h"
#include <string.h>

static const struct {
    const char *core, *view;
} names[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
};

static const struct json *rename_members(struct arena *a, const struct json *ev, bool to_core)
{
    struct json *out = arena_new_obj(a, struct json);
    struct json_member *members = arena_array(a, ev->n + 1u, sizeof(*members));
    for (size_t i = 0; i < ev->n; i++) {
        members[i] = ev->members[i];
        for (size_t k = 0; k < ARRAY_SIZE(names); k++)
            if (!strcmp(members[i].name, to_core ? names[k].view : names[k].core)) {
                members[i].name = to_core ? names[k].core : names[k].view;
                break;
            }
    }
    *out = (struct json){.type = JSON_OBJECT, .n = ev->n, .members = members};
    return json_with(a, out, "apiVersion", json_new_str(a, to_core ? "v1" : "events.k8s.io/v1"));
}

const struct json *event_view_to_core(struct arena *a, const struct json *ev)
{
    return rename_members(a, ev, true);
}

const struct json *event_view_from_core(struct arena *a, const struct json *ev)
{
    return rename_members(a, ev, false);
}
