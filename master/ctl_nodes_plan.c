#include "master/ctl_nodes_plan.h"

#include "lib/clock.h"
#include "lib/mem.h"
#include <string.h>

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const struct json *condition(const struct json *node, const char *type)
{
    json_each_item (c, json_at(node, "status", "conditions", NULL))
        if (same(json_str(json_get(c, "type")), type))
            return c;
    return NULL;
}

static const char *condition_status(const struct json *node, const char *type)
{
    return json_str(json_get(condition(node, type), "status"));
}

/* --- taints */

/* The taints that are ours: each stands while its condition has this status. */
static const struct rule {
    const char *key, *effect, *condition, *status;
} rules[] = {
    {"node.kubernetes.io/not-ready", "NoSchedule", "Ready", "False"},
    {"node.kubernetes.io/not-ready", "NoExecute", "Ready", "False"},
    {"node.kubernetes.io/unreachable", "NoSchedule", "Ready", "Unknown"},
    {"node.kubernetes.io/unreachable", "NoExecute", "Ready", "Unknown"},
    {"node.kubernetes.io/memory-pressure", "NoSchedule", "MemoryPressure", "True"},
    {"node.kubernetes.io/disk-pressure", "NoSchedule", "DiskPressure", "True"},
    {"node.kubernetes.io/pid-pressure", "NoSchedule", "PIDPressure", "True"},
    {"node.kubernetes.io/network-unavailable", "NoSchedule", "NetworkUnavailable", "True"},
    {"node.kubernetes.io/unschedulable", "NoSchedule", NULL, NULL}, /* spec.unschedulable */
};

static bool applies(const struct rule *r, const struct json *node)
{
    if (!r->condition)
        return json_bool(json_at(node, "spec", "unschedulable", NULL), false);
    const char *status = condition_status(node, r->condition);
    if (!status && strcmp(r->condition, "Ready") == 0)
        status = "False"; /* it has registered, and has not said yet how it is */
    return same(status, r->status);
}

static const struct json *find_taint(const struct json *list, const struct rule *r)
{
    json_each_item (t, list)
        if (same(json_str(json_get(t, "key")), r->key) && same(json_str(json_get(t, "effect")), r->effect))
            return t;
    return NULL;
}

static bool is_managed(const struct json *taint)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (same(json_str(json_get(taint, "key")), rules[i].key))
            return true;
    return false;
}

const struct json *nodes_taints(struct arena *a, const struct json *node, const char *now)
{
    const struct json *is = json_at(node, "spec", "taints", NULL), *want = &json_empty_array;
    json_each_item (t, is)
        if (!is_managed(t))
            want = json_append(a, want, t);
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (!applies(&rules[i], node))
            continue;
        const struct json *there = find_taint(is, &rules[i]);
        const struct json *t = json_with(a, NULL, "key", json_new_str(a, rules[i].key));
        t = json_with(a, t, "effect", json_new_str(a, rules[i].effect));
        if (strcmp(rules[i].effect, "NoExecute") == 0)
            t = json_with(a, t, "timeAdded", json_new_str(a, now));
        want = json_append(a, want, there ? there : t);
    }
    bool equal = want->n == (is ? is->n : 0);
    json_each_item (t, want) {
        bool found = false;
        json_each_item (u, is)
            found |= json_equal(t, u);
        equal &= found;
    }
    return equal ? NULL : want;
}

/* --- conditions of a silent node */

const struct json *nodes_lost_conditions(struct arena *a, const struct json *node, const char *now)
{
    static const char *const reported[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
    const struct json *list = &json_empty_array;
    bool differs = false;
    json_each_item (c, json_at(node, "status", "conditions", NULL)) {
        bool ours = false;
        for (size_t i = 0; i < ARRAY_SIZE(reported); i++)
            ours |= same(json_str(json_get(c, "type")), reported[i]);
        const struct json *next = c;
        if (ours && !same(json_str(json_get(c, "status")), "Unknown")) {
            differs = true;
            next = json_with(a, next, "status", json_new_str(a, "Unknown"));
            next = json_with(a, next, "reason", json_new_str(a, "NodeStatusUnknown"));
            next = json_with(a, next, "message", json_new_str(a, "Kubelet stopped posting node status."));
            next = json_with(a, next, "lastTransitionTime", json_new_str(a, now));
        }
        list = json_append(a, list, next);
    }
    return differs ? list : NULL;
}

/* --- Pods that have to leave */

/* Seconds that the Pod tolerates the taint: -1 for ever, -2 not at all. */
enum { FOREVER = -1, NOT_AT_ALL = -2 };
static int64_t tolerated_seconds(const struct pod_spec *spec, const struct taint *t)
{
    int64_t least = NOT_AT_ALL;
    for (size_t i = 0; i < spec->tolerations.n; i++) {
        const struct toleration *l = &spec->tolerations.v[i];
        bool exists = same(l->operator_, "Exists"), any_key = !l->key || !*l->key;
        bool match = any_key ? exists : same(l->key, t->key) && (exists || same(l->value, t->value));
        if (!match || (l->effect && *l->effect && !same(l->effect, t->effect)))
            continue;
        int64_t seconds =
            l->toleration_seconds.set ? (l->toleration_seconds.v > 0 ? l->toleration_seconds.v : 0) : FOREVER;
        if (least == NOT_AT_ALL || least == FOREVER || (seconds != FOREVER && seconds < least))
            least = seconds;
    }
    return least;
}

int64_t nodes_evict_at(const struct pod_spec *spec, const struct taint *taints, size_t n)
{
    int64_t soonest = NODES_STAY;
    for (size_t i = 0; i < n; i++) {
        if (!same(taints[i].effect, "NoExecute"))
            continue;
        int64_t seconds = tolerated_seconds(spec, &taints[i]), added = 0;
        if (seconds == FOREVER)
            continue;
        if (seconds == NOT_AT_ALL || !taints[i].time_added || !clock_parse(taints[i].time_added, &added))
            return 0;
        int64_t at = added + seconds * 1000000000;
        soonest = soonest == NODES_STAY || at < soonest ? at : soonest;
    }
    return soonest;
}
