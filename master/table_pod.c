/*
 * A Pod's STATUS is its phase until something is more telling: an init container that works or fails, a
 * container that waits or has ended, a deletion under way.
 */
#include "master/table_pod.h"
#include "lib/clock.h"
#include <stdio.h>
#include <string.h>

#define REASON_MAX 256

struct summary {
    char reason[REASON_MAX];
    int64_t restarts, last_restart; /* ns; 0: never */
    size_t total, ready;
};

static const char *text(const struct json *j, const char *name)
{
    const char *s = json_str(json_get(j, name));
    return s ? s : "";
}

static bool condition_is_true(const struct json *pod, const char *type)
{
    json_each_item (c, json_at(pod, "status", "conditions", NULL)) {
        if (!strcmp(text(c, "type"), type))
            return !strcmp(text(c, "status"), "True");
    }
    return false;
}

static void note_restarts(struct summary *s, const struct json *status)
{
    int64_t n = 0, when;
    json_int(json_get(status, "restartCount"), &n);
    s->restarts += n;
    const char *finished = json_str(json_at(status, "lastState", "terminated", "finishedAt", NULL));
    if (finished && clock_parse(finished, &when) && when > s->last_restart)
        s->last_restart = when;
}

static void ended(char reason[REASON_MAX], const char *prefix, const struct json *terminated)
{
    int64_t signal = 0, code = 0;
    json_int(json_get(terminated, "signal"), &signal);
    json_int(json_get(terminated, "exitCode"), &code);
    if (*text(terminated, "reason"))
        snprintf(reason, REASON_MAX, "%s%s", prefix, text(terminated, "reason"));
    else if (signal)
        snprintf(reason, REASON_MAX, "%sSignal:%lld", prefix, (long long)signal);
    else
        snprintf(reason, REASON_MAX, "%sExitCode:%lld", prefix, (long long)code);
}

static bool is_sidecar(const struct json *pod, const char *name)
{
    json_each_item (c, json_at(pod, "spec", "initContainers", NULL)) {
        if (!strcmp(text(c, "name"), name))
            return !strcmp(text(c, "restartPolicy"), "Always");
    }
    return false;
}

/* true: an init container is not done; reason says how it stands. */
static bool summarize_init(struct summary *s, const struct json *pod)
{
    const struct json *specs = json_at(pod, "spec", "initContainers", NULL);
    size_t i = 0;
    json_each_item (c, json_at(pod, "status", "initContainerStatuses", NULL)) {
        const struct json *terminated = json_at(c, "state", "terminated", NULL);
        const char *waiting = text(json_at(c, "state", "waiting", NULL), "reason");
        int64_t code = -1;
        json_int(json_get(terminated, "exitCode"), &code);
        note_restarts(s, c);
        i++;
        if (terminated && !code)
            continue;
        if (is_sidecar(pod, text(c, "name")) && json_bool(json_get(c, "started"), false)) {
            s->total++;
            s->ready += json_bool(json_get(c, "ready"), false);
            continue;
        }
        if (terminated)
            ended(s->reason, "Init:", terminated);
        else if (*waiting && strcmp(waiting, "PodInitializing") != 0)
            snprintf(s->reason, REASON_MAX, "Init:%s", waiting);
        else
            snprintf(s->reason, REASON_MAX, "Init:%zu/%u", i - 1, specs ? specs->n : 0);
        return true;
    }
    return false;
}

static void summarize_containers(struct summary *s, const struct json *pod)
{
    const struct json *list = json_at(pod, "status", "containerStatuses", NULL);
    bool running = false;
    s->restarts = 0;
    for (size_t i = list ? list->n : 0; i-- > 0;) {
        const struct json *c = &list->items[i], *terminated = json_at(c, "state", "terminated", NULL);
        const char *waiting = text(json_at(c, "state", "waiting", NULL), "reason");
        note_restarts(s, c);
        if (*waiting) {
            snprintf(s->reason, REASON_MAX, "%s", waiting);
        } else if (terminated) {
            ended(s->reason, "", terminated);
        } else if (json_bool(json_get(c, "ready"), false) && json_at(c, "state", "running", NULL)) {
            running = true;
            s->ready++;
        }
    }
    if (!strcmp(s->reason, "Completed") && running)
        snprintf(s->reason, REASON_MAX, "%s", condition_is_true(pod, "Ready") ? "Running" : "NotReady");
}

static void summarize(struct summary *s, const struct json *pod)
{
    const struct json *status = json_get(pod, "status"), *list = json_at(pod, "spec", "containers", NULL);
    const char *phase = text(status, "phase"), *why = text(status, "reason");
    snprintf(s->reason, REASON_MAX, "%s", *why ? why : phase);
    s->total = list ? list->n : 0;
    json_each_item (c, json_get(status, "conditions")) {
        if (!strcmp(text(c, "type"), "PodScheduled") && !strcmp(text(c, "reason"), "SchedulingGated"))
            snprintf(s->reason, REASON_MAX, "SchedulingGated");
    }
    if (!summarize_init(s, pod) || condition_is_true(pod, "Initialized"))
        summarize_containers(s, pod);
    bool over = !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
    if (!*text(json_get(pod, "metadata"), "deletionTimestamp"))
        return;
    if (!strcmp(why, "NodeLost"))
        snprintf(s->reason, REASON_MAX, "Unknown");
    else if (!over)
        snprintf(s->reason, REASON_MAX, "Terminating");
}

static const char *gates(struct arena *a, const struct json *pod)
{
    const struct json *list = json_at(pod, "spec", "readinessGates", NULL);
    size_t open = 0;
    if (!list || !list->n)
        return "<none>";
    json_each_item (g, list)
        open += condition_is_true(pod, text(g, "conditionType"));
    return arena_printf(a, "%zu/%u", open, list->n);
}

static void cell_or_none(struct json_out *o, const char *s)
{
    json_out_str(o, NULL, *s ? s : "<none>");
}

void table_pod_cells(struct json_out *o, struct arena *a, const struct json *pod)
{
    struct summary s = {0};
    const struct json *status = json_get(pod, "status"), *ips = json_get(status, "podIPs");
    summarize(&s, pod);
    const char *restarts = arena_printf(a, "%lld", (long long)s.restarts);
    if (s.restarts && s.last_restart) {
        char age[32];
        clock_age(clock_now_ns() - s.last_restart, age, sizeof(age));
        restarts = arena_printf(a, "%lld (%s ago)", (long long)s.restarts, age);
    }
    json_out_str(o, NULL, text(json_get(pod, "metadata"), "name"));
    json_out_str(o, NULL, arena_printf(a, "%zu/%zu", s.ready, s.total));
    json_out_str(o, NULL, s.reason);
    json_out_str(o, NULL, restarts);
    table_age(o, json_str(json_at(pod, "metadata", "creationTimestamp", NULL)));
    cell_or_none(o, ips && ips->n ? text(&ips->items[0], "ip") : text(status, "podIP"));
    cell_or_none(o, text(json_get(pod, "spec"), "nodeName"));
    cell_or_none(o, text(status, "nominatedNodeName"));
    json_out_str(o, NULL, gates(a, pod));
}
