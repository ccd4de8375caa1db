/* ReplicationController. */
#include "master/edit.h"
#include "master/meta.h"
#include "master/pod_spec.h"
#include <string.h>

static void defaults(struct admission *x, struct json *rc)
{
    struct arena *a = x->arena;
    struct json *spec = edit_object(a, rc, "spec"), *template = edit_get(spec, "template");
    if (template) {
        pod_spec_defaults(a, edit_object(a, template, "spec"));
        const struct json *labels = json_at(template, "metadata", "labels", NULL);
        struct json *selector = edit_get(spec, "selector"), *meta = edit_get(rc, "metadata");
        if (labels && labels->n && !selector)
            edit_set(a, spec, "selector", *labels);
        if (labels && labels->n && !edit_get(meta, "labels"))
            edit_set(a, meta, "labels", *labels);
    }
    edit_default_int(a, spec, "replicas", 1);
}

static void create(struct admission *x, struct json *rc)
{
    struct json status = edit_new_object(x->arena, 8);
    edit_set_int(x->arena, &status, "replicas", 0);
    edit_set(x->arena, rc, "status", status);
}

static bool selects(const struct json *selector, const struct json *labels)
{
    json_each_member (m, selector) {
        const struct json *v = json_get(labels, m->name);
        if (!v || !json_equal(v, &m->value))
            return false;
    }
    return true;
}

static void check_template(struct admission *x, const struct json *spec, const struct path *p)
{
    struct invalid *v = &x->invalid;
    const struct json *template = json_get(spec, "template"), *selector = json_get(spec, "selector");
    if (!template) {
        invalid_required(v, PATH(p, "template"), "");
        return;
    }
    const struct path *t = PATH(p, "template"), *labels_path = PATH(PATH(t, "metadata"), "labels");
    const struct json *labels = json_at(template, "metadata", "labels", NULL);
    const struct json *inner = json_get(template, "spec");
    if (selector && selector->n && !selects(selector, labels))
        invalid_value(v, labels_path, labels, "`selector` does not match template `labels`");
    meta_check_labels(v, labels_path, labels);
    pod_spec_validate(v, inner, PATH(t, "spec"));
    const char *policy = json_str(json_get(inner, "restartPolicy"));
    static const char *const always[] = {"Always", NULL};
    if (policy && strcmp(policy, "Always") != 0)
        invalid_unsupported(v, PATH(PATH(t, "spec"), "restartPolicy"), policy, always);
    if (json_get(inner, "activeDeadlineSeconds"))
        invalid_forbidden(v, PATH(PATH(t, "spec"), "activeDeadlineSeconds"),
            "activeDeadlineSeconds in ReplicaSet is not Supported");
}

static void validate_status(struct invalid *v, const struct json *status)
{
    static const char *const counts[] = {
        "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"};
    enum { REPLICAS, LABELED, READY, AVAILABLE, GENERATION, N };
    const struct path *p = PATH(NULL, "status");
    int64_t n[N] = {0};
    for (size_t i = 0; i < N; i++)
        if (json_int(json_get(status, counts[i]), &n[i]) && n[i] < 0)
            invalid_int(v, PATH(p, counts[i]), n[i], "must be greater than or equal to 0");
    for (size_t i = LABELED; i <= AVAILABLE; i++)
        if (n[i] > n[REPLICAS])
            invalid_int(v, PATH(p, counts[i]), n[i], "cannot be greater than status.replicas");
    if (n[AVAILABLE] > n[READY])
        invalid_int(v, PATH(p, counts[AVAILABLE]), n[AVAILABLE], "cannot be greater than readyReplicas");
}

static void validate(struct admission *x, struct json *rc)
{
    static const char *const counts[] = {"minReadySeconds", "replicas"};
    struct invalid *v = &x->invalid;
    const struct json *spec = json_get(rc, "spec"), *selector = json_get(spec, "selector");
    const struct path *p = PATH(NULL, "spec");
    if (x->sub == SUB_STATUS) {
        validate_status(v, json_get(rc, "status"));
        return;
    }
    int64_t n;
    if (!selector || !selector->n)
        invalid_required(v, PATH(p, "selector"), "");
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        if (json_int(json_get(spec, counts[i]), &n) && n < 0)
            invalid_int(v, PATH(p, counts[i]), n, "must be greater than or equal to 0");
    check_template(x, spec, p);
}

const struct strategy rc_strategy = {.defaults = defaults, .create = create, .validate = validate};
