/*
 * /metrics (Prometheus text) and /stats/summary (kubelet's JSON): what the node and its Pods use, read from
 * their cgroups when somebody asks.
 */
#include "kubelet/cgroups.h"
#include "kubelet/node_agent.h"
#include "kubelet/pods.h"
#include "kubelet/server.h"

#include "lib/clock.h"
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 64 << 20 };

/* --- what one cgroup uses */

static bool usage_of(struct kubelet *k, const char *path, struct cgroup_usage *u)
{
    struct err *e = cgroup_usage(k->cgroups, path, u);
    bool known = !e;
    err_free(e); /* it went between two looks */
    return known;
}

static bool pod_usage(struct worker *w, struct cgroup_usage *u)
{
    auto_free char *path = cgroups_pod_path(w);
    return w->sandbox == SANDBOX_READY && usage_of(w->kubelet, path, u);
}

static bool container_usage(const struct instance *i, struct cgroup_usage *u)
{
    auto_free char *pod = cgroups_pod_path(i->worker);
    auto_free char *path = mem_printf("%s/%s", pod, i->cid);
    return i->cid[0] && plan_is_live(i->state) && usage_of(i->worker->kubelet, path, u);
}

/* --- /metrics */

struct metric {
    const char *name, *help, *type;
    double (*value)(const struct cgroup_usage *u);
};

static double cpu_seconds(const struct cgroup_usage *u)
{
    return (double)u->cpu_ns / 1e9;
}
static double working_set(const struct cgroup_usage *u)
{
    return (double)u->memory_working_set;
}
static double oom_kills(const struct cgroup_usage *u)
{
    return (double)u->oom_kills;
}
static double processes(const struct cgroup_usage *u)
{
    return (double)u->pids;
}

static const struct metric metrics[] = {
    {"container_cpu_usage_seconds_total", "Cumulative cpu time consumed", "counter", cpu_seconds},
    {"container_memory_working_set_bytes", "Current working set", "gauge", working_set},
    {"container_oom_events_total", "Count of out of memory events", "counter", oom_kills},
    {"container_processes", "Number of processes", "gauge", processes},
};

static void write_metric(struct kubelet *k, struct buf *b, const struct metric *m)
{
    struct cgroup_usage u;
    buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
    for (struct worker *w = pods_first(k); w; w = w->next) {
        if (pod_usage(w, &u))
            buf_addf(b, "%s{container=\"\",namespace=\"%s\",pod=\"%s\"} %.9g\n", m->name, w->ns, w->name,
                m->value(&u));
        for (size_t i = 0; i < w->n_instances; i++)
            if (container_usage(w->instances[i], &u))
                buf_addf(b, "%s{container=\"%s\",namespace=\"%s\",pod=\"%s\"} %.9g\n", m->name,
                    w->instances[i]->name, w->ns, w->name, m->value(&u));
    }
}

static void count_running(struct kubelet *k, size_t *pods, size_t *containers)
{
    for (struct worker *w = pods_first(k); w; w = w->next) {
        *pods += w->sandbox == SANDBOX_READY;
        for (size_t i = 0; i < w->n_instances; i++)
            *containers += w->instances[i]->state == INSTANCE_RUNNING;
    }
}

void server_metrics(struct kubelet *k, struct http_request *r)
{
    auto_buf text = BUF_INIT(TEXT_MAX);
    size_t n_pods = 0, n_containers = 0;
    count_running(k, &n_pods, &n_containers);
    buf_addf(&text,
        "# HELP kubelet_running_pods Number of pods that have a running pod sandbox\n# TYPE "
        "kubelet_running_pods gauge\n"
        "kubelet_running_pods %zu\n",
        n_pods);
    buf_addf(&text,
        "# HELP kubelet_running_containers Number of containers currently running\n# TYPE "
        "kubelet_running_containers gauge\n"
        "kubelet_running_containers{container_state=\"running\"} %zu\n",
        n_containers);
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
        write_metric(k, &text, &metrics[i]);
    if (text.over)
        server_text(r, 500, "metrics: over %d bytes", TEXT_MAX);
    else
        http_respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.len, NULL);
}

/* --- /stats/summary */

static void write_usage(struct json_out *o, const struct cgroup_usage *u)
{
    char now[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), now);
    json_out_object(o, "cpu");
    json_out_str(o, "time", now);
    json_out_int(o, "usageCoreNanoSeconds", (int64_t)u->cpu_ns);
    json_out_end_object(o);
    json_out_object(o, "memory");
    json_out_str(o, "time", now);
    json_out_int(o, "usageBytes", (int64_t)u->memory_bytes);
    json_out_int(o, "workingSetBytes", (int64_t)u->memory_working_set);
    json_out_int(o, "rssBytes", (int64_t)u->memory_rss);
    json_out_end_object(o);
}

static void write_pod(struct json_out *o, struct worker *w)
{
    struct cgroup_usage u;
    if (!pod_usage(w, &u))
        return;
    json_out_object(o, NULL);
    json_out_object(o, "podRef");
    json_out_str(o, "name", w->name);
    json_out_str(o, "namespace", w->ns);
    json_out_str(o, "uid", w->uid);
    json_out_end_object(o);
    write_usage(o, &u);
    json_out_object(o, "process_stats");
    json_out_int(o, "process_count", (int64_t)u.pids);
    json_out_end_object(o);
    json_out_array(o, "containers");
    for (size_t i = 0; i < w->n_instances; i++) {
        if (!container_usage(w->instances[i], &u))
            continue;
        json_out_object(o, NULL);
        json_out_str(o, "name", w->instances[i]->name);
        write_usage(o, &u);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_end_object(o);
}

void server_summary(struct kubelet *k, struct http_request *r)
{
    auto_buf text = BUF_INIT(TEXT_MAX);
    struct json_out o = {.buf = &text};
    json_out_object(&o, NULL);
    json_out_object(&o, "node");
    json_out_str(&o, "nodeName", k->o.node_name);
    json_out_end_object(&o);
    json_out_array(&o, "pods");
    for (struct worker *w = pods_first(k); w; w = w->next)
        write_pod(&o, w);
    json_out_end_array(&o);
    json_out_end_object(&o);
    if (text.over)
        server_text(r, 500, "summary: over %d bytes", TEXT_MAX);
    else
        http_respond(r, 200, "application/json", text.data, text.len, NULL);
}
