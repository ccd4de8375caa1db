/*
 * The values that a Pod's absent fields have: of a Pod itself and of the template of a
 * ReplicationController, whose Pods get the rest when they are made.
 */
#include "lib/api/quantity.h"
#include "master/edit.h"
#include "master/pod_spec.h"
#include <string.h>

static void default_probe(struct arena *a, struct json *probe)
{
    if (!probe)
        return;
    struct json *http = edit_get(probe, "httpGet"), *grpc = edit_get(probe, "grpc");
    if (http) {
        edit_default_str(a, http, "path", "/");
        edit_default_str(a, http, "scheme", "HTTP");
    }
    if (grpc)
        edit_default_str(a, grpc, "service", "");
    edit_default_int(a, probe, "timeoutSeconds", 1);
    edit_default_int(a, probe, "periodSeconds", 10);
    edit_default_int(a, probe, "successThreshold", 1);
    edit_default_int(a, probe, "failureThreshold", 3);
}

static void default_handler(struct arena *a, struct json *handler)
{
    struct json *http = edit_get(handler, "httpGet");
    if (!http)
        return;
    edit_default_str(a, http, "path", "/");
    edit_default_str(a, http, "scheme", "HTTP");
}

/* Always for what may change under its name: no tag, or "latest". */
static const char *pull_policy(const char *image)
{
    if (!image)
        return "Always";
    if (strchr(image, '@'))
        return "IfNotPresent";
    const char *slash = strrchr(image, '/'), *tag = strchr(slash ? slash : image, ':');
    return tag && strcmp(tag, ":latest") != 0 ? "IfNotPresent" : "Always";
}

static void default_field_ref(struct arena *a, struct json *source)
{
    struct json *field = edit_get(source, "fieldRef");
    if (field)
        edit_default_str(a, field, "apiVersion", "v1");
}

static void default_container(struct arena *a, struct json *c, bool host_network)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    edit_default_str(a, c, "terminationMessagePath", "/dev/termination-log");
    edit_default_str(a, c, "terminationMessagePolicy", "File");
    edit_default_str(a, c, "imagePullPolicy", pull_policy(json_str(edit_get(c, "image"))));
    struct json *ports = edit_get(c, "ports"), *env = edit_get(c, "env");
    for (size_t i = 0; ports && i < ports->n; i++) {
        struct json *p = edit_item(ports, i), *number = edit_get(p, "containerPort");
        edit_default_str(a, p, "protocol", "TCP");
        if (host_network && number)
            edit_default(a, p, "hostPort", *number);
    }
    for (size_t i = 0; env && i < env->n; i++)
        default_field_ref(a, edit_get(edit_item(env, i), "valueFrom"));
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
        default_probe(a, edit_get(c, probes[i]));
    default_handler(a, edit_at(c, "lifecycle", "postStart", NULL));
    default_handler(a, edit_at(c, "lifecycle", "preStop", NULL));
}

static void default_items(struct arena *a, struct json *source)
{
    struct json *items = edit_get(source, "items");
    for (size_t i = 0; items && i < items->n; i++)
        default_field_ref(a, edit_item(items, i));
}

static void default_projected(struct arena *a, struct json *projected)
{
    struct json *sources = edit_get(projected, "sources");
    edit_default_int(a, projected, "defaultMode", 420);
    for (size_t i = 0; sources && i < sources->n; i++) {
        struct json *s = edit_item(sources, i), *token = edit_get(s, "serviceAccountToken");
        if (token)
            edit_default_int(a, token, "expirationSeconds", 3600);
        default_items(a, edit_get(s, "downwardAPI"));
    }
}

/* Volume sources with a single text to fill in. */
static const struct {
    const char *source, *field, *value;
} volume_texts[] = {
    {"hostPath", "type", ""},
    {"iscsi", "iscsiInterface", "default"},
    {"rbd", "pool", "rbd"},
    {"rbd", "user", "admin"},
    {"rbd", "keyring", "/etc/ceph/keyring"},
    {"azureDisk", "cachingMode", "ReadWrite"},
    {"azureDisk", "fsType", "ext4"},
    {"azureDisk", "kind", "Shared"},
    {"scaleIO", "storageMode", "ThinProvisioned"},
    {"scaleIO", "fsType", "xfs"},
};

static void default_volume(struct arena *a, struct json *v)
{
    static const char *const with_mode[] = {"secret", "configMap", "downwardAPI"};
    if (v->n <= 1) {
        edit_set(a, v, "emptyDir", edit_new_object(a, 2));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(with_mode); i++) {
        struct json *source = edit_get(v, with_mode[i]);
        if (!source)
            continue;
        edit_default_int(a, source, "defaultMode", 420);
        default_items(a, source);
    }
    struct json *image = edit_get(v, "image"), *disk = edit_get(v, "azureDisk");
    struct json *claim = edit_at(v, "ephemeral", "volumeClaimTemplate", "spec", NULL);
    if (edit_get(v, "projected"))
        default_projected(a, edit_get(v, "projected"));
    for (size_t i = 0; i < ARRAY_SIZE(volume_texts); i++)
        if (edit_get(v, volume_texts[i].source))
            edit_default_str(
                a, edit_get(v, volume_texts[i].source), volume_texts[i].field, volume_texts[i].value);
    if (image)
        edit_default_str(a, image, "pullPolicy", pull_policy(json_str(edit_get(image, "reference"))));
    if (disk)
        edit_default(a, disk, "readOnly", edit_new_bool(false));
    if (claim)
        edit_default_str(a, claim, "volumeMode", "Filesystem");
}

void pod_spec_defaults(struct arena *a, struct json *spec)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    edit_default_str(a, spec, "restartPolicy", "Always");
    edit_default_int(a, spec, "terminationGracePeriodSeconds", 30);
    edit_default_str(a, spec, "dnsPolicy", "ClusterFirst");
    edit_default(a, spec, "securityContext", edit_new_object(a, 8));
    edit_default_str(a, spec, "schedulerName", "default-scheduler");
    /* The old name of serviceAccountName is kept in step with it. */
    struct json *account = edit_get(spec, "serviceAccountName"), *old = edit_get(spec, "serviceAccount");
    if (account)
        edit_set_str(a, spec, "serviceAccount", json_str(account));
    else if (old)
        edit_set_str(a, spec, "serviceAccountName", json_str(old));
    bool host_network = json_bool(edit_get(spec, "hostNetwork"), false);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct json *list = edit_get(spec, lists[i]);
        for (size_t k = 0; list && k < list->n; k++)
            default_container(a, edit_item(list, k), host_network);
    }
    struct json *volumes = edit_get(spec, "volumes");
    for (size_t i = 0; volumes && i < volumes->n; i++)
        default_volume(a, edit_item(volumes, i));
}

/* A limit without a request asks for as much as it allows. */
static void default_requests(struct arena *a, struct json *c)
{
    struct json *r = edit_get(c, "resources"), *limits = edit_get(r, "limits");
    if (!limits || !limits->n)
        return;
    struct json *requests = edit_object(a, r, "requests");
    limits = edit_get(r, "limits");
    json_each_member (m, limits)
        edit_default(a, requests, m->name, m->value);
}

void pod_defaults(struct arena *a, struct json *pod)
{
    struct json *spec = edit_object(a, pod, "spec");
    pod_spec_defaults(a, spec);
    edit_default(a, spec, "enableServiceLinks", edit_new_bool(true));
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct json *list = edit_get(spec, lists[i]);
        for (size_t k = 0; list && k < list->n; k++)
            default_requests(a, edit_item(list, k));
    }
}

/* ---- Quality of service ---- */

struct totals {
    bool any, guaranteed;
};

static const char *amount(const struct json *r, const char *list, const char *name)
{
    return json_str(json_at(r, list, name, NULL));
}

static void classify(struct totals *t, const struct json *c)
{
    static const char *const counted[] = {"cpu", "memory"};
    const struct json *r = json_get(c, "resources");
    for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
        int64_t limit = quantity_millis(amount(r, "limits", counted[i]), 0);
        int64_t request = quantity_millis(amount(r, "requests", counted[i]), 0);
        t->any = t->any || limit || request;
        if (!limit || (request && request != limit))
            t->guaranteed = false;
    }
}

const char *pod_qos_class(const struct json *spec)
{
    struct totals t = {false, true};
    classify(&t, spec); /* what is said for the whole Pod counts alone */
    if (!t.any) {
        t.guaranteed = true;
        json_each_item (c, json_get(spec, "containers"))
            classify(&t, c);
        json_each_item (c, json_get(spec, "initContainers"))
            classify(&t, c);
    }
    return !t.any ? "BestEffort" : t.guaranteed ? "Guaranteed" : "Burstable";
}
