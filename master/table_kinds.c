/*
 * Columns and cells of every kind, as kubectl has always shown them. "<none>" and "<unknown>" are part of
 * that; an age is computed when it is asked for.
 */
#include "lib/clock.h"
#include "master/table.h"
#include "master/table_pod.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536
#define SHOWN_MAX 3

static const char *text(const struct json *j, const char *name)
{
    const char *s = json_str(json_get(j, name));
    return s ? s : "";
}

static void cell(struct json_out *o, const char *s)
{
    json_out_str(o, NULL, s);
}

static void cell_or(struct json_out *o, const char *s, const char *otherwise)
{
    cell(o, s && *s ? s : otherwise);
}

static void age_text(const char *when, char *out, size_t n)
{
    int64_t ns;
    if (when && clock_parse(when, &ns)) {
        int64_t ago = clock_now_ns() - ns;
        clock_age(ago < 0 ? 0 : ago, out, n);
    } else {
        snprintf(out, n, "<unknown>");
    }
}

void table_age(struct json_out *o, const char *when)
{
    char age[32];
    age_text(when, age, sizeof(age));
    cell(o, age);
}

static void name_cell(struct json_out *o, const struct json *obj)
{
    cell(o, text(json_get(obj, "metadata"), "name"));
}

static void age_cell(struct json_out *o, const struct json *obj)
{
    table_age(o, json_str(json_at(obj, "metadata", "creationTimestamp", NULL)));
}

static void int_cell(struct json_out *o, const struct json *j)
{
    int64_t v = 0;
    json_int(j, &v);
    json_out_int(o, NULL, v);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct json_member *)a)->name, ((const struct json_member *)b)->name);
}

static void selector_cell(struct json_out *o, struct arena *a, const struct json *map)
{
    auto_buf b = BUF_INIT(TEXT_MAX);
    if (map && map->type == JSON_OBJECT && map->n) {
        struct json_member *m = arena_array(a, map->n, sizeof(*m));
        memcpy(m, map->members, map->n * sizeof(*m));
        qsort(m, map->n, sizeof(*m), by_name);
        for (size_t i = 0; i < map->n; i++)
            buf_addf(&b, "%s%s=%s", i ? "," : "", m[i].name, json_str(&m[i].value));
    }
    cell_or(o, buf_str(&b), "<none>");
}

/* ---- Namespace, Node ---- */

#define NAME                                                                                                 \
    {                                                                                                        \
        "Name", "string", "name", 0, "Name of the object, unique within its namespace."                      \
    }
#define AGE                                                                                                  \
    {                                                                                                        \
        "Age", "string", "", 0, "Time since the object was created."                                         \
    }

static const struct column namespace_columns[] = {
    NAME, {"Status", "string", "", 0, "The status of the namespace"}, AGE};

static void namespace_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    name_cell(o, obj);
    cell(o, text(json_get(obj, "status"), "phase"));
    age_cell(o, obj);
}

static const struct column node_columns[] = {
    NAME,
    {"Status", "string", "", 0, "The status of the node"},
    {"Roles", "string", "", 0, "The roles of the node"},
    AGE,
    {"Version", "string", "", 0, "Version of the kubelet of the node."},
    {"Internal-IP", "string", "", 1, "Address of the node within the cluster."},
    {"External-IP", "string", "", 1, "Address of the node as seen from outside."},
    {"OS-Image", "string", "", 1, "Operating system of the node."},
    {"Kernel-Version", "string", "", 1, "Version of the node's kernel."},
    {"Container-Runtime", "string", "", 1, "Container runtime of the node."},
};

static void node_status(struct json_out *o, const struct json *obj)
{
    const char *status = "Unknown";
    json_each_item (c, json_at(obj, "status", "conditions", NULL)) {
        if (!strcmp(text(c, "type"), "Ready"))
            status = !strcmp(text(c, "status"), "True") ? "Ready" : "NotReady";
    }
    char out[64];
    snprintf(out, sizeof(out), "%s%s", status,
        json_bool(json_at(obj, "spec", "unschedulable", NULL), false) ? ",SchedulingDisabled" : "");
    cell(o, out);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void node_roles(struct json_out *o, struct arena *a, const struct json *obj)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    const struct json *labels = json_at(obj, "metadata", "labels", NULL);
    const char **roles = arena_array(a, (labels ? labels->n : 0) + 1u, sizeof(*roles));
    size_t n = 0;
    json_each_member (m, labels) {
        const char *value = json_str(&m->value);
        if (!strncmp(m->name, prefix, sizeof(prefix) - 1) && m->name[sizeof(prefix) - 1])
            roles[n++] = m->name + sizeof(prefix) - 1;
        else if (!strcmp(m->name, "kubernetes.io/role") && value && *value)
            roles[n++] = value;
    }
    qsort(roles, n, sizeof(*roles), by_text);
    auto_buf b = BUF_INIT(TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i ? "," : "", roles[i]);
    cell_or(o, buf_str(&b), "<none>");
}

static const char *node_address(const struct json *obj, const char *type)
{
    json_each_item (a, json_at(obj, "status", "addresses", NULL)) {
        if (!strcmp(text(a, "type"), type))
            return text(a, "address");
    }
    return "";
}

static void node_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    const struct json *info = json_at(obj, "status", "nodeInfo", NULL);
    name_cell(o, obj);
    node_status(o, obj);
    node_roles(o, a, obj);
    age_cell(o, obj);
    cell(o, text(info, "kubeletVersion"));
    cell_or(o, node_address(obj, "InternalIP"), "<none>");
    cell_or(o, node_address(obj, "ExternalIP"), "<none>");
    cell_or(o, text(info, "osImage"), "<unknown>");
    cell_or(o, text(info, "kernelVersion"), "<unknown>");
    cell_or(o, text(info, "containerRuntimeVersion"), "<unknown>");
}

/* ---- Pod, ReplicationController ---- */

static const struct column pod_columns[] = {
    NAME,
    {"Ready", "string", "", 0, "How many of the pod's containers are ready."},
    {"Status", "string", "", 0, "State of the containers, in a word."},
    {"Restarts", "string", "", 0, "How often containers were restarted, and when last."},
    AGE,
    {"IP", "string", "", 1, "Address of the pod."},
    {"Node", "string", "", 1, "Node that the pod is on."},
    {"Nominated Node", "string", "", 1, "Node where the pod may come, once there is room."},
    {"Readiness Gates", "string", "", 1, "How many of the pod's readiness gates are open."},
};

static const struct column rc_columns[] = {
    NAME,
    {"Desired", "integer", "", 0, "How many pods there should be."},
    {"Current", "integer", "", 0, "How many pods there are."},
    {"Ready", "integer", "", 0, "How many of them are ready."},
    AGE,
    {"Containers", "string", "", 1, "Names of each container in the template."},
    {"Images", "string", "", 1, "Images referenced by each container in the template."},
    {"Selector", "string", "", 1, "Labels of the pods that are counted."},
};

static void joined(struct json_out *o, const struct json *containers, const char *field)
{
    auto_buf b = BUF_INIT(TEXT_MAX);
    json_each_item (c, containers)
        buf_addf(&b, "%s%s", b.len ? "," : "", text(c, field));
    cell(o, buf_str(&b));
}

static void rc_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    const struct json *containers = json_at(obj, "spec", "template", "spec", "containers", NULL);
    name_cell(o, obj);
    int_cell(o, json_at(obj, "spec", "replicas", NULL));
    int_cell(o, json_at(obj, "status", "replicas", NULL));
    int_cell(o, json_at(obj, "status", "readyReplicas", NULL));
    age_cell(o, obj);
    joined(o, containers, "name");
    joined(o, containers, "image");
    selector_cell(o, a, json_at(obj, "spec", "selector", NULL));
}

/* ---- Service, Endpoints, EndpointSlice ---- */

static const struct column service_columns[] = {
    NAME,
    {"Type", "string", "", 0, "How the service can be reached."},
    {"Cluster-IP", "string", "", 0, "Address of the service within the cluster."},
    {"External-IP", "string", "", 0, "Addresses of the service from outside."},
    {"Port(s)", "string", "", 0, "Ports of the service, and node ports."},
    AGE,
    {"Selector", "string", "", 1, "Labels of the pods behind the service."},
};

static void external_ip(struct json_out *o, const struct json *obj)
{
    const struct json *spec = json_get(obj, "spec");
    const char *type = text(spec, "type");
    auto_buf b = BUF_INIT(TEXT_MAX);
    if (!strcmp(type, "ExternalName")) {
        cell(o, text(spec, "externalName"));
        return;
    }
    json_each_item (in, json_at(obj, "status", "loadBalancer", "ingress", NULL))
        buf_addf(&b, "%s%s", b.len ? "," : "", *text(in, "ip") ? text(in, "ip") : text(in, "hostname"));
    json_each_item (ip, json_get(spec, "externalIPs"))
        buf_addf(&b, "%s%s", b.len ? "," : "", json_str(ip));
    cell_or(o, buf_str(&b), !strcmp(type, "LoadBalancer") ? "<pending>" : "<none>");
}

static void service_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    const struct json *spec = json_get(obj, "spec");
    auto_buf ports = BUF_INIT(TEXT_MAX);
    name_cell(o, obj);
    cell(o, text(spec, "type"));
    cell_or(o, text(spec, "clusterIP"), "<none>");
    external_ip(o, obj);
    json_each_item (p, json_get(spec, "ports")) {
        const struct json *port = json_get(p, "port"), *node = json_get(p, "nodePort");
        buf_addf(&ports, "%s%s", ports.len ? "," : "", port ? port->text : "");
        if (node)
            buf_addf(&ports, ":%s", node->text);
        buf_addf(&ports, "/%s", text(p, "protocol"));
    }
    cell_or(o, buf_str(&ports), "<none>");
    age_cell(o, obj);
    selector_cell(o, a, json_get(spec, "selector"));
}

/* The first few of a list, and how many more there are. */
struct few {
    struct buf b;
    size_t n;
};

static void few_add(struct few *f, const char *what, const char *port)
{
    if (f->n++ < SHOWN_MAX)
        buf_addf(&f->b, "%s%s%s%s", f->b.len ? "," : "", what, *port ? ":" : "", port);
}

static void few_cell(struct json_out *o, struct few *f, const char *none)
{
    if (f->n > SHOWN_MAX)
        buf_addf(&f->b, " + %zu more...", f->n - SHOWN_MAX);
    cell_or(o, buf_str(&f->b), none);
    buf_done(&f->b);
}

static const struct column endpoints_columns[] = {
    NAME, {"Endpoints", "string", "", 0, "Addresses and ports behind the service."}, AGE};

static void endpoints_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    struct few f = {.b = BUF_INIT(TEXT_MAX)};
    json_each_item (s, json_get(obj, "subsets")) {
        const struct json *ports = json_get(s, "ports");
        if (!ports || !ports->n)
            json_each_item (ip, json_get(s, "addresses"))
                few_add(&f, text(ip, "ip"), "");
        json_each_item (p, ports)
            json_each_item (ip, json_get(s, "addresses"))
                few_add(&f, text(ip, "ip"), json_get(p, "port")->text);
    }
    name_cell(o, obj);
    few_cell(o, &f, "<none>");
    age_cell(o, obj);
}

static const struct column slice_columns[] = {
    NAME,
    {"AddressType", "string", "", 0, "Family of the addresses."},
    {"Ports", "string", "", 0, "Ports of every endpoint."},
    {"Endpoints", "string", "", 0, "Addresses of the endpoints."},
    AGE,
};

static void slice_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    struct few ports = {.b = BUF_INIT(TEXT_MAX)}, ips = {.b = BUF_INIT(TEXT_MAX)};
    json_each_item (p, json_get(obj, "ports")) {
        const struct json *n = json_get(p, "port");
        few_add(&ports, n ? n->text : "*", "");
    }
    json_each_item (e, json_get(obj, "endpoints"))
        json_each_item (ip, json_get(e, "addresses"))
            few_add(&ips, json_str(ip), "");
    name_cell(o, obj);
    cell(o, text(obj, "addressType"));
    few_cell(o, &ports, "<unset>");
    few_cell(o, &ips, "<unset>");
    age_cell(o, obj);
}

/* ---- ConfigMap, Secret, ServiceAccount, Lease ---- */

static const struct column data_columns[] = {NAME, {"Data", "string", "", 0, "Number of entries."}, AGE};

static void data_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    const struct json *data = json_get(obj, "data"), *binary = json_get(obj, "binaryData");
    name_cell(o, obj);
    json_out_int(o, NULL, (data ? data->n : 0) + (int64_t)(binary ? binary->n : 0));
    age_cell(o, obj);
}

static const struct column secret_columns[] = {NAME, {"Type", "string", "", 0, "What the secret is for."},
    {"Data", "string", "", 0, "Number of entries."}, AGE};

static void secret_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    const struct json *data = json_get(obj, "data");
    name_cell(o, obj);
    cell(o, text(obj, "type"));
    json_out_int(o, NULL, data ? data->n : 0);
    age_cell(o, obj);
}

static const struct column plain_columns[] = {NAME, AGE};

static void plain_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    name_cell(o, obj);
    age_cell(o, obj);
}

static const struct column lease_columns[] = {NAME, {"Holder", "string", "", 0, "Who holds the lease."}, AGE};

static void lease_cells(struct json_out *o, struct arena *a, const struct json *obj)
{
    (void)a;
    name_cell(o, obj);
    cell(o, text(json_get(obj, "spec"), "holderIdentity"));
    age_cell(o, obj);
}

/* ---- Event ---- */

static const struct column event_columns[] = {
    {"Last Seen", "string", "", 0, "Time since this was last seen."},
    {"Type", "string", "", 0, "Normal or Warning."},
    {"Reason", "string", "", 0, "Why, in a word."},
    {"Object", "string", "", 0, "What it is about."},
    {"Subobject", "string", "", 1, "Which part of it."},
    {"Source", "string", "", 1, "Who reports it."},
    {"Message", "string", "", 0, "What has happened."},
    {"First Seen", "string", "", 1, "Time since this was first seen."},
    {"Count", "string", "", 1, "How often it was seen."},
    {"Name", "string", "name", 1, "Name of the event."},
};

static const char *lower(struct arena *a, const char *s)
{
    char *out = arena_strdup(a, s);
    for (char *p = out; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return out;
}

static const char *first_of(const char *a, const char *b)
{
    return a && *a ? a : b;
}

static void event_cells(struct json_out *o, struct arena *a, const struct json *ev)
{
    const struct json *about = json_get(ev, "involvedObject"), *series = json_get(ev, "series");
    const char *first = first_of(text(ev, "firstTimestamp"), text(ev, "eventTime"));
    const char *last = first_of(text(series, "lastObservedTime"), first_of(text(ev, "lastTimestamp"), first));
    int64_t count = 0;
    if (!json_int(json_get(series, "count"), &count))
        json_int(json_get(ev, "count"), &count);
    char last_age[32], first_age[32];
    age_text(last, last_age, sizeof(last_age));
    age_text(first, first_age, sizeof(first_age));
    const char *message = text(ev, "message");
    message += strspn(message, " \t\r\n");
    size_t length = strlen(message);
    while (length && strchr(" \t\r\n", message[length - 1]))
        length--;
    const char *component =
        first_of(text(json_get(ev, "source"), "component"), text(ev, "reportingComponent"));
    const char *host = first_of(text(json_get(ev, "source"), "host"), text(ev, "reportingInstance"));
    cell(o, last_age);
    cell(o, text(ev, "type"));
    cell(o, text(ev, "reason"));
    cell(o, arena_printf(a, "%s/%s", lower(a, text(about, "kind")), text(about, "name")));
    cell(o, text(about, "fieldPath"));
    cell(o, *host ? arena_printf(a, "%s, %s", component, host) : component);
    json_out_strn(o, NULL, message, length);
    cell(o, first_age);
    json_out_int(o, NULL, count ? count : 1);
    name_cell(o, ev);
}

#define TABLE(columns, cells)                                                                                \
    {                                                                                                        \
        columns, sizeof(columns) / sizeof(*(columns)), cells                                                 \
    }
const struct table_kind table_kinds[KIND_N] = {
    [KIND_NAMESPACE] = TABLE(namespace_columns, namespace_cells),
    [KIND_NODE] = TABLE(node_columns, node_cells),
    [KIND_POD] = TABLE(pod_columns, table_pod_cells),
    [KIND_REPLICATION_CONTROLLER] = TABLE(rc_columns, rc_cells),
    [KIND_SERVICE] = TABLE(service_columns, service_cells),
    [KIND_ENDPOINTS] = TABLE(endpoints_columns, endpoints_cells),
    [KIND_ENDPOINT_SLICE] = TABLE(slice_columns, slice_cells),
    [KIND_CONFIG_MAP] = TABLE(data_columns, data_cells),
    [KIND_SECRET] = TABLE(secret_columns, secret_cells),
    [KIND_SERVICE_ACCOUNT] = TABLE(plain_columns, plain_cells),
    [KIND_EVENT] = TABLE(event_columns, event_cells),
    [KIND_LEASE] = TABLE(lease_columns, lease_cells),
};
