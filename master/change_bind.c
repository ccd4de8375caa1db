/* POST pods/NAME/binding: the scheduler's decision. */
#include "lib/clock.h"
#include "master/changing.h"
#include "master/decode.h"
#include "master/edit.h"
#include <string.h>

static void set_scheduled(struct arena *a, struct json *pod)
{
    struct json *status = edit_object(a, pod, "status"), *list = edit_get(status, "conditions");
    char when[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), when);
    for (size_t i = list ? list->n : 0; i-- > 0;) {
        const char *type = json_str(json_get(&list->items[i], "type"));
        if (type && !strcmp(type, "PodScheduled"))
            edit_remove_item(list, i);
    }
    if (!list) {
        edit_set(a, status, "conditions", edit_new_array(a, 4));
        list = edit_get(status, "conditions");
    }
    struct json c = edit_new_object(a, 8);
    edit_set_str(a, &c, "type", "PodScheduled");
    int64_t generation;
    if (json_int(json_at(pod, "metadata", "generation", NULL), &generation))
        edit_set_int(a, &c, "observedGeneration", generation);
    edit_set_str(a, &c, "status", "True");
    edit_set(a, &c, "lastProbeTime", json_null);
    edit_set_str(a, &c, "lastTransitionTime", when);
    edit_append(a, list, c);
}

static const struct status *refuse(
    struct changing *x, const struct object *old, const struct json *binding, const struct json *pod)
{
    struct arena *a = x->arena;
    const char *node = json_str(json_at(binding, "target", "name", NULL));
    const char *kind = json_str(json_at(binding, "target", "kind", NULL));
    const char *uid = json_str(json_at(binding, "metadata", "uid", NULL));
    const char *there = json_str(json_at(pod, "spec", "nodeName", NULL));
    const struct json *gates = json_at(pod, "spec", "schedulingGates", NULL);
    const char *why = NULL;
    const char *name = json_str(json_at(binding, "metadata", "name", NULL));
    if (!name || strcmp(name, x->name) != 0)
        return status_bad_request(a, "name in URL does not match name in Binding object");
    if (!node || !*node)
        return status_new(a, 500, NULL, "target.name: Required value");
    if (kind && *kind && strcmp(kind, "Node") != 0 && strcmp(kind, "") != 0)
        return status_new(a, 500, NULL,
            "target.kind: Unsupported value: \"%s\": supported values: \"Node\", \"<empty>\"", kind);
    if (uid && *uid && strcmp(uid, old->uid) != 0)
        why = arena_printf(
            a, "Precondition failed: UID in precondition: %s, UID in object meta: %s", uid, old->uid);
    else if (old->deleting)
        why = arena_printf(a, "pod %s is being deleted, cannot be assigned to a host", x->name);
    else if (there && *there)
        why = arena_printf(a, "pod %s is already assigned to node \"%s\"", x->name, there);
    else if (gates && gates->n)
        why = arena_printf(a, "pod %s has non-empty .spec.schedulingGates", x->name);
    return why ? status_conflict(a, "", "pods/binding", x->name, why) : NULL;
}

void change_run_binding(struct changing *x)
{
    struct arena *a = x->arena;
    struct registry *r = x->admission.cluster->registry;
    const struct object *old = registry_latest(r, KIND_POD, x->c->ns, x->name);
    struct decode d = {.arena = a};
    struct json binding;
    if (!old) {
        changing_fail(x, changing_not_found(x));
        return;
    }
    if (!x->c->body || !decode_object(&d, schema_find("core.v1.Binding"), x->c->body, &binding)) {
        changing_fail(x, status_bad_request(a, "Binding in version \"v1\" cannot be handled as a Binding: %s",
                             d.failure ? d.failure : "the body is empty"));
        return;
    }
    struct json pod = edit_copy(a, object_tree(a, old), 4);
    const struct status *s = refuse(x, old, &binding, &pod);
    if (s) {
        changing_fail(x, s);
        return;
    }
    edit_set_str(
        a, edit_object(a, &pod, "spec"), "nodeName", json_str(json_at(&binding, "target", "name", NULL)));
    set_scheduled(a, &pod);
    changing_stage(x, 201, object_new(x->kind, &pod, registry_next_revision(r)), REGISTRY_OBJECT);
}
