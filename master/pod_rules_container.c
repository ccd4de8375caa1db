/* The rules of containers: names, ports, environment, mounts, security. */
#include "master/meta.h"
#include "master/pod_spec.h"
#include <stdio.h>
#include <string.h>

#define PORT_RULE "must be between 1 and 65535, inclusive"

/* ---- Ports ---- */

static void check_port(struct invalid *v, const struct json *port, bool host_network, const struct path *p)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
    int64_t number = 0, host = 0;
    const char *name = pod_text(port, "name");
    if (*name)
        meta_check_port_name(v, PATH(p, "name"), name);
    json_int(json_get(port, "containerPort"), &number);
    if (!number)
        invalid_required(v, PATH(p, "containerPort"), "");
    else if (number < 1 || number > 65535)
        invalid_int(v, PATH(p, "containerPort"), number, PORT_RULE);
    if (json_int(json_get(port, "hostPort"), &host) && (host < 1 || host > 65535))
        invalid_int(v, PATH(p, "hostPort"), host, PORT_RULE);
    if (!*pod_text(port, "protocol"))
        invalid_required(v, PATH(p, "protocol"), "");
    else
        invalid_choice(v, PATH(p, "protocol"), json_get(port, "protocol"), protocols);
    if (host_network && host && host != number)
        invalid_int(v, PATH(p, "hostPort"), host, "must match `containerPort` when `hostNetwork` is true");
}

static void check_ports(struct invalid *v, const struct json *ports, bool host_network, const struct path *p)
{
    for (size_t i = 0; ports && i < ports->n; i++) {
        const struct json *port = &ports->items[i];
        const char *name = pod_text(port, "name");
        check_port(v, port, host_network, PATH_ITEM(p, i));
        for (size_t k = 0; *name && k < i; k++)
            if (!strcmp(name, pod_text(&ports->items[k], "name"))) {
                invalid_duplicate(v, PATH(PATH_ITEM(p, i), "name"), name);
                break;
            }
    }
}

/* Two containers of a Pod cannot have the same port of the host. */
static void check_host_ports(struct invalid *v, const struct json *containers, const struct path *p)
{
    struct taken {
        const char *protocol, *ip;
        int64_t port;
    } taken[256];
    size_t n = 0;
    for (size_t i = 0; containers && i < containers->n; i++) {
        const struct json *ports = json_get(&containers->items[i], "ports");
        for (size_t k = 0; ports && k < ports->n; k++) {
            struct taken t = {
                pod_text(&ports->items[k], "protocol"), pod_text(&ports->items[k], "hostIP"), 0};
            if (!json_int(json_get(&ports->items[k], "hostPort"), &t.port) || !t.port)
                continue;
            bool again = false;
            for (size_t j = 0; j < n; j++)
                again = again || (taken[j].port == t.port && !strcmp(taken[j].protocol, t.protocol) &&
                                     !strcmp(taken[j].ip, t.ip));
            if (again)
                invalid_duplicate(v, PATH(PATH_ITEM(PATH(PATH_ITEM(p, i), "ports"), k), "hostPort"),
                    arena_printf(v->arena, "%s/%s/%lld", t.protocol, t.ip, (long long)t.port));
            else if (n < ARRAY_SIZE(taken))
                taken[n++] = t;
        }
    }
}

/* ---- Environment ---- */

static void check_field_ref(struct invalid *v, const struct json *ref, const struct path *p)
{
    static const char *const known[] = {"metadata.name", "metadata.namespace", "metadata.uid",
        "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
        "status.podIPs"};
    const char *path = pod_text(ref, "fieldPath");
    if (!*path) {
        invalid_required(v, PATH(p, "fieldPath"), "");
        return;
    }
    if (!strncmp(path, "metadata.labels['", 17) || !strncmp(path, "metadata.annotations['", 22))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(path, known[i]))
            return;
    invalid_str(v, PATH(p, "fieldPath"), path,
        arena_printf(v->arena, "error converting fieldPath: field label not supported: %s", path));
}

static void check_key_ref(struct invalid *v, const struct json *ref, const struct path *p)
{
    if (ref && !*pod_text(ref, "key"))
        invalid_required(v, PATH(p, "key"), "");
}

static void check_value_from(struct invalid *v, const struct json *env, const struct path *at)
{
    static const char *const kinds_of[] = {
        "fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"};
    const struct json *from = json_get(env, "valueFrom");
    const struct path *p = PATH(at, "valueFrom");
    size_t n = 0;
    if (!from)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(kinds_of); i++)
        n += json_get(from, kinds_of[i]) != NULL;
    if (json_get(from, "fieldRef"))
        check_field_ref(v, json_get(from, "fieldRef"), PATH(p, "fieldRef"));
    check_key_ref(v, json_get(from, "configMapKeyRef"), PATH(p, "configMapKeyRef"));
    check_key_ref(v, json_get(from, "secretKeyRef"), PATH(p, "secretKeyRef"));
    if (!n)
        invalid_str(v, p, "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
            "`fileKeyRef`");
    else if (n > 1)
        invalid_str(v, p, "", "may not have more than one field specified at a time");
    if (n && *pod_text(env, "value"))
        invalid_str(v, p, "", "may not be specified when `value` is not empty");
}

static void check_env_name(struct invalid *v, const char *name, const struct path *p)
{
    if (!*name) {
        invalid_required(v, p, "");
        return;
    }
    for (const char *s = name; *s; s++)
        if (*s == '=' || *s < ' ' || *s > '~') {
            invalid_str(v, p, name,
                "a valid environment variable name must consist only of printable ASCII characters other "
                "than "
                "'='");
            return;
        }
}

static void check_env(struct invalid *v, const struct json *c, const struct path *p)
{
    const struct json *env = json_get(c, "env"), *from = json_get(c, "envFrom");
    for (size_t i = 0; from && i < from->n; i++) {
        const struct json *map = json_get(&from->items[i], "configMapRef");
        const struct json *secret = json_get(&from->items[i], "secretRef");
        const struct path *at = PATH(p, "envFrom"), *item = PATH_ITEM(at, i);
        if (map && !*pod_text(map, "name"))
            invalid_required(v, PATH(PATH(item, "configMapRef"), "name"), "");
        if (secret && !*pod_text(secret, "name"))
            invalid_required(v, PATH(PATH(item, "secretRef"), "name"), "");
        if (!map && !secret)
            invalid_str(v, at, "", "must specify one of: `configMapRef` or `secretRef`");
        else if (map && secret)
            invalid_str(v, at, "", "may not have more than one field specified at a time");
    }
    for (size_t i = 0; env && i < env->n; i++) {
        const struct path *at = PATH_ITEM(PATH(p, "env"), i);
        check_env_name(v, pod_text(&env->items[i], "name"), PATH(at, "name"));
        check_value_from(v, &env->items[i], at);
    }
}

/* ---- Mounts ---- */

static const struct json *find_volume(const struct json *volumes, const char *name)
{
    json_each_item (vol, volumes) {
        if (!strcmp(pod_text(vol, "name"), name))
            return vol;
    }
    return NULL;
}

static bool goes_up(const char *path)
{
    return !strcmp(path, "..") || !strncmp(path, "../", 3) || strstr(path, "/../") ||
           (strlen(path) > 2 && !strcmp(path + strlen(path) - 3, "/.."));
}

static void check_mount(struct invalid *v, const struct json *m, const struct json *volumes, bool privileged,
    const struct path *list, size_t i)
{
    static const char *const propagations[] = {"Bidirectional", "HostToContainer", "None", NULL};
    const struct path *p = PATH_ITEM(list, i);
    const char *sub = pod_text(m, "subPath"), *expr = pod_text(m, "subPathExpr");
    if (!*pod_text(m, "name"))
        invalid_required(v, PATH(p, "name"), "");
    if (!*pod_text(m, "mountPath"))
        invalid_required(v, PATH(p, "mountPath"), "");
    if (*pod_text(m, "name") && !find_volume(volumes, pod_text(m, "name")))
        invalid_not_found(v, PATH(p, "name"), pod_text(m, "name"));
    if (*sub == '/') /* these paths name no item: so do Kubernetes' */
        invalid_str(v, PATH(list, "subPath"), sub, "must be a relative path");
    else if (goes_up(sub))
        invalid_str(v, PATH(list, "subPath"), sub, "must not contain '..'");
    if (*sub && *expr)
        invalid_str(v, PATH(p, "subPathExpr"), expr, "subPathExpr and subPath are mutually exclusive");
    const struct json *propagation = json_get(m, "mountPropagation");
    if (!propagation)
        return;
    invalid_choice(v, PATH(list, "mountPropagation"), propagation, propagations);
    if (!strcmp(pod_text(m, "mountPropagation"), "Bidirectional") && !privileged)
        invalid_forbidden(v, PATH(list, "mountPropagation"),
            "Bidirectional mount propagation is available only to privileged containers");
}

static void check_mounts(
    struct invalid *v, const struct json *c, const struct json *volumes, const struct path *at)
{
    const struct json *mounts = json_get(c, "volumeMounts"), *devices = json_get(c, "volumeDevices");
    const struct path *p = PATH(at, "volumeMounts");
    bool privileged = json_bool(json_at(c, "securityContext", "privileged", NULL), false);
    for (size_t i = 0; mounts && i < mounts->n; i++) {
        const char *path = pod_text(&mounts->items[i], "mountPath");
        check_mount(v, &mounts->items[i], volumes, privileged, p, i);
        for (size_t k = 0; *path && k < i; k++)
            if (!strcmp(path, pod_text(&mounts->items[k], "mountPath"))) {
                invalid_str(v, PATH(PATH_ITEM(p, i), "mountPath"), path, "must be unique");
                break;
            }
    }
    for (size_t i = 0; devices && i < devices->n; i++) {
        const char *name = pod_text(&devices->items[i], "name");
        const struct json *vol = find_volume(volumes, name);
        const struct path *item = PATH_ITEM(PATH(at, "volumeDevices"), i);
        if (!vol)
            invalid_not_found(v, PATH(item, "name"), name);
        else if (!json_get(vol, "persistentVolumeClaim") && !json_get(vol, "ephemeral"))
            invalid_str(v, PATH(item, "name"), name,
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    }
}

/* ---- Security ---- */

/* The whole context as Go would show it: the one message that does so. */
static void contradiction(struct invalid *v, const struct json *sc, const struct path *p)
{
    static const char *const fields[] = {"Capabilities", "Privileged", "SELinuxOptions", "WindowsOptions",
        "RunAsUser", "RunAsGroup", "RunAsNonRoot", "ReadOnlyRootFilesystem", "AllowPrivilegeEscalation",
        "ProcMount", "SeccompProfile", "AppArmorProfile"};
    auto_buf b = BUF_INIT(16384);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        char name[40];
        snprintf(name, sizeof(name), "%c%s", fields[i][0] + 32, fields[i] + 1);
        if (!strncmp(fields[i], "SEL", 3))
            snprintf(name, sizeof(name), "seLinuxOptions");
        const struct json *value = json_get(sc, name);
        buf_addf(&b, "%s\"%s\":", i ? "," : "{", fields[i]);
        if (value)
            json_write(&b, value, 0);
        else
            buf_adds(&b, "null");
    }
    buf_adds(&b, "}");
    invalid_raw(v, p, buf_str(&b), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
}

static void check_security(struct invalid *v, const struct json *sc, const struct path *p)
{
    static const char *const proc_mounts[] = {"Default", "Unmasked", NULL};
    if (!sc)
        return;
    pod_rules_identity(v, sc, p);
    if (json_get(sc, "procMount"))
        invalid_choice(v, PATH(p, "procMount"), json_get(sc, "procMount"), proc_mounts);
    bool privileged = json_bool(json_get(sc, "privileged"), false);
    if (privileged && !json_bool(json_get(sc, "allowPrivilegeEscalation"), true))
        contradiction(v, sc, p);
}

/* ---- All of it ---- */

struct checked {
    struct invalid *v;
    const struct json *spec, *volumes;
    bool host_network;
};

static void check_image(struct invalid *v, const struct json *c, const struct path *p)
{
    const char *image = pod_text(c, "image");
    size_t n = strlen(image);
    if (!n)
        invalid_required(v, PATH(p, "image"), "");
    else if (strchr(" \t\n\r", image[0]) || strchr(" \t\n\r", image[n - 1]))
        invalid_str(v, PATH(p, "image"), image, "must not have leading or trailing whitespace");
}

static void check_container(struct checked *x, const struct json *c, bool init, const struct path *p)
{
    static const char *const policies[] = {"File", "FallbackToLogsOnError", NULL};
    static const char *const pulls[] = {"Always", "IfNotPresent", "Never", NULL};
    struct invalid *v = x->v;
    const char *name = pod_text(c, "name"), *why = meta_check_label_1123(v->arena, name);
    if (!*name)
        invalid_required(v, PATH(p, "name"), "");
    else if (why)
        invalid_str(v, PATH(p, "name"), name, why);
    check_image(v, c, p);
    invalid_choice(v, PATH(p, "terminationMessagePolicy"), json_get(c, "terminationMessagePolicy"), policies);
    check_ports(v, json_get(c, "ports"), x->host_network, PATH(p, "ports"));
    check_env(v, c, p);
    check_mounts(v, c, x->volumes, p);
    invalid_choice(v, PATH(p, "imagePullPolicy"), json_get(c, "imagePullPolicy"), pulls);
    pod_rules_resources(v, json_get(c, "resources"), PATH(p, "resources"));
    check_security(v, json_get(c, "securityContext"), PATH(p, "securityContext"));
    pod_rules_probes(v, c, init, p);
}

static bool name_is_taken(const struct json *list, size_t n, const char *name)
{
    for (size_t i = 0; list && i < n; i++)
        if (!strcmp(pod_text(&list->items[i], "name"), name))
            return true;
    return false;
}

void pod_rules_containers(struct invalid *v, const struct json *spec, const struct path *at)
{
    const struct json *list = json_get(spec, "containers"), *init = json_get(spec, "initContainers");
    struct checked x = {v, spec, json_get(spec, "volumes"), json_bool(json_get(spec, "hostNetwork"), false)};
    const struct path *p = PATH(at, "containers"), *q = PATH(at, "initContainers");
    if (!list || !list->n)
        invalid_required(v, p, "");
    for (size_t i = 0; list && i < list->n; i++) {
        const char *name = pod_text(&list->items[i], "name");
        check_container(&x, &list->items[i], false, PATH_ITEM(p, i));
        if (*name && name_is_taken(list, i, name))
            invalid_duplicate(v, PATH(PATH_ITEM(p, i), "name"), name);
    }
    check_host_ports(v, list, p);
    for (size_t i = 0; init && i < init->n; i++) {
        const char *name = pod_text(&init->items[i], "name");
        check_container(&x, &init->items[i], true, PATH_ITEM(q, i));
        if (*name && (name_is_taken(init, i, name) || (list && name_is_taken(list, list->n, name))))
            invalid_duplicate(v, PATH(PATH_ITEM(q, i), "name"), name);
    }
}
