/* Pods: what is set when one is made, and what may change afterwards. */
#include "lib/clock.h"
#include "master/edit.h"
#include "master/pod_spec.h"
#include <string.h>

static void defaults(struct admission *x, struct json *pod)
{
    pod_defaults(x->arena, pod);
}

/* A Pod stays five minutes on a node that is not ready or not heard of, unless it says otherwise. */
static void tolerate(struct arena *a, struct json *spec, const char *key)
{
    struct json *list = edit_get(spec, "tolerations");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct json *t = &list->items[i];
        const char *k = json_str(json_get(t, "key")), *effect = json_str(json_get(t, "effect"));
        bool this_key = !k || !strcmp(k, key), this_effect = !effect || !strcmp(effect, "NoExecute");
        if (this_key && this_effect)
            return;
    }
    if (!list) {
        edit_set(a, spec, "tolerations", edit_new_array(a, 4));
        list = edit_get(spec, "tolerations");
    }
    struct json t = edit_new_object(a, 5);
    edit_set_str(a, &t, "key", key);
    edit_set_str(a, &t, "operator", "Exists");
    edit_set_str(a, &t, "effect", "NoExecute");
    edit_set_int(a, &t, "tolerationSeconds", 300);
    edit_append(a, list, t);
}

static void refuse(struct admission *x, const struct json *pod, const char *why)
{
    const char *name = json_str(json_at(pod, "metadata", "name", NULL));
    if (!x->refusal)
        x->refusal = status_forbidden(x->arena, "", "pods", name ? name : "", why);
}

static const struct {
    const char *name;
    int value;
} priority_classes[] = {
    {"system-cluster-critical", 2000000000},
    {"system-node-critical", 2000001000},
};

static void set_priority(struct admission *x, const struct json *pod, struct json *spec)
{
    const char *class = json_str(edit_get(spec, "priorityClassName"));
    int64_t given, value = 0;
    bool known = !class || !*class;
    for (size_t i = 0; class && i < ARRAY_SIZE(priority_classes); i++)
        if (!strcmp(class, priority_classes[i].name)) {
            value = priority_classes[i].value;
            known = true;
        }
    if (!known)
        refuse(x, pod, arena_printf(x->arena, "no PriorityClass with name %s was found", class));
    else if (json_int(edit_get(spec, "priority"), &given) && given != value)
        refuse(x, pod,
            arena_printf(x->arena,
                "the integer value of priority (%lld) must not be provided in pod spec; priority admission "
                "controller computed %lld from the given PriorityClass name",
                (long long)given, (long long)value));
    edit_set_int(x->arena, spec, "priority", value);
    edit_default_str(x->arena, spec, "preemptionPolicy", "PreemptLowerPriority");
}

static bool is_mirror(const struct json *pod)
{
    return json_at(pod, "metadata", "annotations", "kubernetes.io/config.mirror", NULL) != NULL;
}

static void set_account(struct admission *x, const struct json *pod, struct json *spec)
{
    const char *ns = json_str(json_at(pod, "metadata", "namespace", NULL));
    if (is_mirror(pod))
        return;
    edit_default_str(x->arena, spec, "serviceAccountName", "default");
    const char *name = json_str(edit_get(spec, "serviceAccountName"));
    edit_set_str(x->arena, spec, "serviceAccount", name);
    if (!registry_latest(x->cluster->registry, KIND_SERVICE_ACCOUNT, ns, name))
        refuse(x, pod,
            arena_printf(x->arena, "error looking up service account %s/%s: serviceaccount \"%s\" not found",
                ns, name, name));
}

static void new_status(struct arena *a, struct json *pod)
{
    const struct json *spec = json_get(pod, "spec"), *gates = json_get(spec, "schedulingGates");
    struct json status = edit_new_object(a, 24);
    edit_set_str(a, &status, "phase", "Pending");
    if (gates && gates->n) {
        struct json list = edit_new_array(a, 2), c = edit_new_object(a, 8);
        char when[CLOCK_TEXT];
        clock_rfc3339(clock_now_ns(), when);
        edit_set_str(a, &c, "type", "PodScheduled");
        edit_set_str(a, &c, "status", "False");
        edit_set(a, &c, "lastProbeTime", json_null);
        edit_set_str(a, &c, "lastTransitionTime", when);
        edit_set_str(a, &c, "reason", "SchedulingGated");
        edit_set_str(a, &c, "message", "Scheduling is blocked due to non-empty scheduling gates");
        edit_append(a, &list, c);
        edit_set(a, &status, "conditions", list);
    }
    edit_set_str(a, &status, "qosClass", pod_qos_class(spec));
    edit_set(a, pod, "status", status);
}

static void create(struct admission *x, struct json *pod)
{
    struct json *spec = edit_get(pod, "spec");
    int64_t grace;
    if (json_int(edit_get(spec, "terminationGracePeriodSeconds"), &grace) && grace < 0)
        edit_set_int(x->arena, spec, "terminationGracePeriodSeconds", 1);
    set_account(x, pod, spec);
    set_priority(x, pod, spec);
    const char *runtime = json_str(edit_get(spec, "runtimeClassName"));
    if (runtime && *runtime)
        refuse(x, pod, arena_printf(x->arena, "pod rejected: RuntimeClass \"%s\" not found", runtime));
    tolerate(x->arena, spec, "node.kubernetes.io/not-ready");
    tolerate(x->arena, spec, "node.kubernetes.io/unreachable");
    new_status(x->arena, pod);
}

static void update(struct admission *x, struct json *pod, const struct json *old)
{
    const char *class = json_str(json_at(old, "status", "qosClass", NULL));
    if (class)
        edit_set_str(x->arena, edit_object(x->arena, pod, "status"), "qosClass", class);
}

static void validate(struct admission *x, struct json *pod)
{
    if (x->sub == SUB_STATUS)
        return;
    pod_spec_validate(&x->invalid, json_get(pod, "spec"), PATH(NULL, "spec"));
}

/* ---- What may change ---- */

static bool tolerations_kept(const struct json *now, const struct json *before)
{
    json_each_item (old, before) {
        bool kept = false;
        json_each_item (t, now) {
            auto_arena *a = arena_new();
            const struct json *seconds = json_get(old, "tolerationSeconds");
            kept = kept || json_equal(seconds ? json_with(a, t, "tolerationSeconds", seconds)
                                              : json_with(a, t, "tolerationSeconds", NULL),
                               old);
        }
        if (!kept)
            return false;
    }
    return true;
}

static const struct json *with_images(
    struct arena *a, const struct json *now, const struct json *before, const char *list)
{
    const struct json *mine = json_get(now, list), *theirs = json_get(before, list);
    if (!mine || !theirs || mine->n != theirs->n)
        return now;
    struct json out = edit_new_array(a, mine->n);
    for (size_t i = 0; i < mine->n; i++)
        edit_append(a, &out, *json_with(a, &mine->items[i], "image", json_get(&theirs->items[i], "image")));
    return json_with(a, now, list, &out);
}

/* spec with everything put back that may change. */
static const struct json *unchanged_part(struct arena *a, const struct json *now, const struct json *before)
{
    now = with_images(a, now, before, "containers");
    now = with_images(a, now, before, "initContainers");
    now = json_with(a, now, "tolerations", json_get(before, "tolerations"));
    now = json_with(a, now, "activeDeadlineSeconds", json_get(before, "activeDeadlineSeconds"));
    int64_t was = 0, is = 0;
    if (json_int(json_get(before, "terminationGracePeriodSeconds"), &was) && was < 0 &&
        json_int(json_get(now, "terminationGracePeriodSeconds"), &is) && is == 1)
        now = json_with(
            a, now, "terminationGracePeriodSeconds", json_get(before, "terminationGracePeriodSeconds"));
    const struct json *gates = json_get(before, "schedulingGates");
    if (gates && gates->n) { /* gates may go; until they have, the place may be narrowed down */
        static const char *const narrowed[] = {"schedulingGates", "nodeSelector", "affinity"};
        for (size_t i = 0; i < ARRAY_SIZE(narrowed); i++)
            now = json_with(a, now, narrowed[i], json_get(before, narrowed[i]));
    }
    return now;
}

static void validate_update(struct admission *x, struct json *pod, const struct json *old)
{
    struct arena *a = x->arena;
    struct invalid *v = &x->invalid;
    const struct path *p = PATH(NULL, "spec");
    const struct json *now = json_get(pod, "spec"), *before = json_get(old, "spec");
    if (x->sub == SUB_STATUS)
        return;
    int64_t is, was;
    bool has = json_int(json_get(now, "activeDeadlineSeconds"), &is);
    if (json_int(json_get(before, "activeDeadlineSeconds"), &was)) {
        if (!has)
            invalid_raw(v, PATH(p, "activeDeadlineSeconds"), "null",
                "must not update from a positive integer to nil value");
        else if (is > was)
            invalid_int(v, PATH(p, "activeDeadlineSeconds"), is,
                arena_printf(a, "must be less than or equal to previous value"));
    }
    if (!tolerations_kept(json_get(now, "tolerations"), json_get(before, "tolerations"))) {
        invalid_forbidden(v, PATH(p, "tolerations"),
            "existing toleration can not be modified except its tolerationSeconds");
        return;
    }
    json_each_item (gate, json_get(now, "schedulingGates")) {
        bool known = false;
        json_each_item (g, json_get(before, "schedulingGates"))
            known = known || json_equal(g, gate);
        if (!known)
            invalid_forbidden(
                v, PATH(p, "schedulingGates"), "only deletion is allowed, but found new scheduling gate");
    }
    if (!json_equal(unchanged_part(a, now, before), before))
        invalid_forbidden(v, p,
            "pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
            "`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)");
}

const struct strategy pod_strategy = {
    .defaults = defaults,
    .create = create,
    .update = update,
    .validate = validate,
    .validate_update = validate_update,
};
