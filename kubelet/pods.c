/* The table of Pods and the master's watch, see pods.h. */
#include "kubelet/pods.h"
#include "kubelet/admit.h"
#include "kubelet/cgroups.h"
#include "kubelet/cni.h"
#include "kubelet/events.h"
#include "kubelet/mirror.h"
#include "kubelet/node_agent.h"
#include "kubelet/report.h"
#include "kubelet/restore.h"
#include "kubelet/status.h"
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct pods {
    struct kubelet *kubelet;
    struct worker *first;
    struct deferred *turn;
    struct kube_watch *watch;
    bool synced[2];
    bool listing[2]; /* all that a source desires is being read */
};

/* --- the table */

struct worker *pods_first(struct kubelet *k)
{
    return k->pods->first;
}

struct worker *pods_by_uid(struct kubelet *k, const char *uid)
{
    struct worker *w = k->pods->first;
    while (w && strcmp(w->uid, uid) != 0)
        w = w->next;
    return w;
}

struct worker *pods_by_name(struct kubelet *k, const char *ns, const char *name)
{
    struct worker *found = NULL;
    for (struct worker *w = k->pods->first; w; w = w->next)
        if (strcmp(w->ns, ns) == 0 && strcmp(w->name, name) == 0 && (!found || found->leaving))
            found = w;
    return found;
}

void pods_add(struct kubelet *k, struct worker *w)
{
    struct worker **p = &k->pods->first;
    while (*p)
        p = &(*p)->next;
    *p = w;
}

/* Nothing of the Pod is left but its records. */
void pods_remove(struct kubelet *k, struct worker *w)
{
    struct worker **p = &k->pods->first;
    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    auto_free char *dir = mem_printf("%s/%s", k->path.run_pods, w->uid);
    auto_free char *logs = mem_printf("%s/%s_%s_%s", k->path.logs, w->ns, w->name, w->uid);
    log_err(LOG_WARN, w->keys, file_remove_tree(AT_FDCWD, dir));
    log_err(LOG_WARN, w->keys, file_remove_tree(AT_FDCWD, logs));
    log_info(w->keys, "gone");
    worker_free(w);
    if (!k->stopping)
        cgroups_update_levels(k);
}

static void take_turn(void *arg)
{
    struct pods *p = arg;
    struct kubelet *k = p->kubelet;
    for (struct worker *w = p->first, *next; w; w = next) {
        next = w->next;
        if (w->dirty)
            worker_reconcile(w);
        if (!w->finished)
            continue;
        auto_free char *ns = mem_strdup(w->ns), *name = mem_strdup(w->name);
        bool manifest = w->source == WORKER_MANIFEST;
        pods_remove(k, w);
        if (manifest)
            mirror_gone(k, ns, name);
    }
}

void pods_turn(struct kubelet *k)
{
    deferred_call(k->pods->turn);
}

struct pods *pods_new(struct kubelet *k)
{
    struct pods *p = mem_new(struct pods);
    p->kubelet = k;
    p->turn = deferred_new(k->loop, take_turn, p);
    return p;
}

/* The kubelet ends, its Pods do not: workers are forgotten. */
void pods_free(struct pods *p)
{
    if (!p)
        return;
    kube_watch_free(p->watch);
    while (p->first) {
        struct worker *w = p->first;
        p->first = w->next;
        worker_free(w);
    }
    deferred_free(p->turn);
    free(p);
}

/* --- what is desired */

static void reject(struct worker *w, const char *reason, const char *message)
{
    events_pod(w, EVENT_WARNING, reason, "%s", message);
    w->rejected = true;
    w->stop_reason = mem_strdup(reason);
    w->stop_message = mem_printf("Pod was rejected: %s", message);
}

static void check_admission(struct kubelet *k, struct worker *w)
{
    auto_arena *a = arena_new();
    const char *reason, *message;
    size_t n = 0;
    for (struct worker *o = k->pods->first; o; o = o->next)
        n++;
    const struct pod_spec **others = arena_array(a, n + 1, sizeof(*others));
    n = 0;
    for (struct worker *o = k->pods->first; o; o = o->next)
        /* What is deleted for good is only on its way out: the scheduler counts on its share already. */
        if (o != w && !o->terminal && !o->rejected && !o->gone)
            others[n++] = o->desired->pod->spec;
    struct admit_in in = {.pod = w->desired->pod,
        .others = others,
        .n_others = n,
        .node = k->kube ? node_agent_node(k) : NULL,
        .milli_cpu = node_agent_milli_cpu(k),
        .memory = node_agent_memory(k),
        .max_pods = node_agent_max_pods(k),
        .apparmor = file_exists(AT_FDCWD, "/sys/module/apparmor/parameters/enabled")};
    if (!admit(a, &in, &reason, &message))
        reject(w, reason, message);
}

/* What a status that we did not make says of a Pod that we know nothing of: the node was started anew, or our
 * records were lost. */
static void restore_from_api(struct worker *w)
{
    const struct pod *p = w->desired->pod;
    if (!p->status || !p->status->start_time)
        return;
    status_restore_api(w, p->status);
}

static void deletion(struct worker *w, const struct object_meta *m)
{
    if (m->deletion_timestamp && w->source == WORKER_API)
        worker_leave(w, 1000 * opt_int_or(m->deletion_grace_period_seconds, 0), false);
}

static void begin(struct kubelet *k, struct worker *w)
{
    w->listed = false;
    if (!w->terminal && !w->attempted_before)
        check_admission(k, w);
    report_record_pod(w);
    deletion(w, w->desired->pod->metadata);
    worker_begin(w);
}

static void add(struct kubelet *k, enum worker_source source, struct desired *d)
{
    struct worker *w = worker_new(k, source, d);
    restore_from_api(w);
    if (cni_is_kept(k, w->uid)) /* of before a reboot: its address is given back before another is taken */
        w->sandbox = SANDBOX_LOST;
    w->listed = k->pods->listing[source];
    if (!w->listed)
        begin(k, w);
}

/* Nothing of what we go by: our own status, coming back. */
static bool is_same(const struct json *a, const struct json *b)
{
    static const char *const members[] = {
        "labels", "annotations", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"};
    const struct json *x = json_get(a, "metadata"), *y = json_get(b, "metadata");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const struct json *m = json_get(x, members[i]), *n = json_get(y, members[i]);
        if (!m != !n || (m && !json_equal(m, n)))
            return false;
    }
    return json_equal(json_get(a, "spec"), json_get(b, "spec"));
}

void pods_apply(struct kubelet *k, enum worker_source source, struct desired *d)
{
    struct worker *w = pods_by_uid(k, d->pod->metadata->uid);
    if (!w) {
        add(k, source, d);
        return;
    }
    w->unseen = false;
    bool same = is_same(w->desired->json, d->json) && d->pod->spec->readiness_gates.n == 0;
    if (same) {
        desired_free(d);
        return;
    }
    worker_update(w, d);
    report_record_pod(w);
    deletion(w, d->pod->metadata);
}

bool pods_are_synced(const struct kubelet *k)
{
    return k->pods->synced[WORKER_API] && k->pods->synced[WORKER_MANIFEST];
}

static void source_synced(struct kubelet *k, enum worker_source source)
{
    bool was = pods_are_synced(k);
    k->pods->synced[source] = true;
    if (!was && pods_are_synced(k))
        restore_sweep(k);
}

void pods_list_begin(struct kubelet *k, enum worker_source source)
{
    k->pods->listing[source] = true;
    for (struct worker *w = k->pods->first; w; w = w->next)
        if (w->source == source)
            w->unseen = !w->listed;
}

void pods_list_end(struct kubelet *k, enum worker_source source)
{
    k->pods->listing[source] = false;
    for (struct worker *w = k->pods->first; w; w = w->next)
        if (w->source == source && w->unseen)
            worker_leave(w, -1, true);
    /* Only now: what is gone had its share until here. */
    for (struct worker *w = k->pods->first; w; w = w->next)
        if (w->source == source && w->listed)
            begin(k, w);
    source_synced(k, source);
}

/* --- the master's watch */

/* Where it comes from and when, as the downward API may show. */
static const struct json *annotate(struct arena *a, const struct json *object, const struct worker *known)
{
    char now[CLOCK_TEXT];
    const char *seen = known ? meta_annotation(known->desired->pod->metadata, POD_ANNOTATION_SEEN) : NULL;
    clock_rfc3339_nano(clock_now_ns(), now);
    const struct json *out = json_with_at(
        a, object, json_new_str(a, seen ? seen : now), "metadata", "annotations", POD_ANNOTATION_SEEN, NULL);
    return json_with_at(
        a, out, json_new_str(a, "api"), "metadata", "annotations", POD_ANNOTATION_SOURCE, NULL);
}

static void on_changed(void *arg, const struct json *object)
{
    struct kubelet *k = arg;
    auto_arena *a = arena_new();
    const char *uid = json_str(json_at(object, "metadata", "uid", NULL));
    struct err *e = NULL;
    if (json_at(object, "metadata", "annotations", POD_ANNOTATION_MIRROR, NULL)) {
        mirror_seen(k, object);
        return;
    }
    struct desired *d = desired_new(annotate(a, object, uid ? pods_by_uid(k, uid) : NULL), &e);
    if (!d) {
        const char *name = json_str(json_at(object, "metadata", "name", NULL));
        log_err(LOG_ERROR, "", err_wrap(e, "Pod %s of the master", name ? name : "?"));
        return;
    }
    pods_apply(k, WORKER_API, d);
}

static void on_deleted(void *arg, const struct json *object)
{
    struct kubelet *k = arg;
    const char *uid = json_str(json_at(object, "metadata", "uid", NULL));
    int64_t grace = -1;
    if (json_at(object, "metadata", "annotations", POD_ANNOTATION_MIRROR, NULL)) {
        mirror_lost(k, object);
        return;
    }
    struct worker *w = uid ? pods_by_uid(k, uid) : NULL;
    if (!w)
        return;
    json_int(json_at(object, "metadata", "deletionGracePeriodSeconds", NULL), &grace);
    worker_leave(w, grace < 0 ? -1 : 1000 * grace, true);
}

static void on_relisted(void *arg)
{
    pods_list_begin(arg, WORKER_API);
}

static void on_synced(void *arg)
{
    pods_list_end(arg, WORKER_API);
}

static void on_failed(void *arg, const struct err *e)
{
    (void)arg;
    log_warn("", "watching Pods: %s", err_message(e));
}

void pods_start(struct kubelet *k)
{
    static const struct kube_watch_events ev = {.relisted = on_relisted,
        .changed = on_changed,
        .deleted = on_deleted,
        .synced = on_synced,
        .failed = on_failed};
    if (!k->kube) {
        source_synced(k, WORKER_API);
        return;
    }
    auto_free char *path = mem_printf("/api/v1/pods?fieldSelector=spec.nodeName%%3D%s", k->o.node_name);
    k->pods->watch = kube_watch(k->kube, path, &ev, k);
}
