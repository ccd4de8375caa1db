/*
 * A client that loads a Kubernetes API and says what it measured, as one JSON object on stdout. Works with
 * any server.
 *
 *   load KUBECONFIG pods N IMAGE          N Pods, one after the other: POST to Running, median and p99 in ms
 *   load KUBECONFIG burst N IMAGE         N Pods at once: ms until all are Running
 *   load KUBECONFIG get CLIENTS SECONDS   GETs of one ConfigMap per second
 *   load KUBECONFIG create CLIENTS SECONDS   POSTs of ConfigMaps per second
 *
 * Pods and ConfigMaps are labelled bench=load and deleted at the end.
 */
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 120000, PODS_MAX = 1000, CLIENTS_MAX = 256 };

struct load {
    uv_loop_t loop;
    struct kube *kube;
    const char *kubeconfig, *image;
    int wanted, posted, running;
    double posted_ms[PODS_MAX], took_ms[PODS_MAX];
    bool seen[PODS_MAX], serial;
    struct kube_watch *watch;
    struct timer *deadline;
    const char *failure;
    /* rates */
    struct kube *clients[CLIENTS_MAX];
    bool create;
    long done, next;
    double until_ms;
    int alive;
};

static double now_ms(void)
{
    return (double)clock_now_ns() / 1e6;
}

static void fail(struct load *l, const char *why)
{
    if (!l->failure)
        l->failure = mem_strdup(why);
    uv_stop(&l->loop);
}

static void on_deadline(void *arg)
{
    fail(arg, "not done within the time");
}

/* --- Pods --------------------------------------------------------------------------------------------------
 */

static void on_posted(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)status;
    (void)body;
    if (e)
        fail(arg, err_message(e));
}

static void post_pod(struct load *l)
{
    int i = l->posted++;
    auto_free char *body = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"load-"
                                      "%d-%d\",\"labels\":{\"bench\":\"load\"}},"
                                      "\"spec\":{\"terminationGracePeriodSeconds\":0,\"containers\":[{"
                                      "\"name\":\"c\",\"image\":\"%s\",\"imagePullPolicy\":\"IfNotPresent\","
                                      "\"command\":[\"sleep\",\"infinity\"]}]}}",
        (int)getpid(), i, l->image);
    l->posted_ms[i] = now_ms();
    kube_request(l->kube, "POST", "/api/v1/namespaces/default/pods", NULL, body, strlen(body), on_posted, l);
}

static void on_pod(void *arg, const struct json *pod)
{
    struct load *l = arg;
    int pid, i;
    const char *name = json_str(json_at(pod, "metadata", "name", NULL)),
               *phase = json_str(json_at(pod, "status", "phase", NULL));
    if (!name || !phase || strcmp(phase, "Running") != 0 || sscanf(name, "load-%d-%d", &pid, &i) != 2 ||
        pid != getpid())
        return;
    if (i < 0 || i >= l->posted || l->seen[i])
        return;
    l->seen[i] = true;
    l->took_ms[i] = now_ms() - l->posted_ms[i];
    l->running++;
    if (l->running == l->wanted)
        uv_stop(&l->loop);
    else if (l->serial)
        post_pod(l);
}

static void on_deleted(void *arg, const struct json *pod)
{
    (void)arg;
    (void)pod;
}

static void on_synced(void *arg)
{
    struct load *l = arg;
    while (l->posted < (l->serial ? 1 : l->wanted))
        post_pod(l);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void run_pods(struct load *l, int n, bool serial)
{
    static const struct kube_watch_events events = {NULL, on_pod, on_deleted, on_synced, NULL};
    l->wanted = n;
    l->serial = serial;
    l->watch = kube_watch(l->kube, "/api/v1/namespaces/default/pods?labelSelector=bench%3Dload", &events, l);
    double begun = now_ms();
    uv_run(&l->loop, UV_RUN_DEFAULT);
    double all = now_ms() - begun;
    kube_watch_free(l->watch);
    qsort(l->took_ms, (size_t)l->running, sizeof(double), compare);
    if (!l->failure && serial)
        printf("{\"pods\":%d,\"median_ms\":%.1f,\"p99_ms\":%.1f}\n", n, l->took_ms[n / 2],
            l->took_ms[(n * 99 - 1) / 100]);
    else if (!l->failure)
        printf("{\"pods\":%d,\"all_ms\":%.1f}\n", n, all);
}

/* --- rates
 * ------------------------------------------------------------------------------------------------------ */

struct client {
    struct load *load;
    struct kube *kube;
};

static void ask(struct client *c);

static void on_answer(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)status;
    (void)body;
    struct client *c = arg;
    if (e) {
        fail(c->load, err_message(e));
        return;
    }
    c->load->done++;
    if (now_ms() < c->load->until_ms)
        ask(c);
    else if (--c->load->alive == 0)
        uv_stop(&c->load->loop);
}

static void ask(struct client *c)
{
    if (!c->load->create) {
        kube_request(
            c->kube, "GET", "/api/v1/namespaces/default/configmaps/load-get", NULL, NULL, 0, on_answer, c);
        return;
    }
    auto_free char *body = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
                                      "\"load-%d-%ld\",\"labels\":{\"bench\":\"load\"}},"
                                      "\"data\":{\"key\":\"value\"}}",
        (int)getpid(), c->load->next++);
    kube_request(
        c->kube, "POST", "/api/v1/namespaces/default/configmaps", NULL, body, strlen(body), on_answer, c);
}

static void on_prepared(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)body;
    struct load *l = arg;
    if (e && status != 409)
        fail(l, err_message(e));
    uv_stop(&l->loop);
}

static void run_rate(struct load *l, int clients, int seconds, bool create)
{
    static struct client c[CLIENTS_MAX];
    const char *body = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"load-get\","
                       "\"labels\":{\"bench\":\"load\"}},\"data\":{\"key\":\"value\"}}";
    kube_request(
        l->kube, "POST", "/api/v1/namespaces/default/configmaps", NULL, body, strlen(body), on_prepared, l);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    l->create = create;
    l->alive = clients;
    double begun = now_ms();
    l->until_ms = begun + seconds * 1000.0;
    for (int i = 0; i < clients && !l->failure; i++) {
        struct err *e = kube_open(&l->loop, l->kubeconfig, &l->clients[i]);
        if (e) {
            fail(l, err_message(e));
            return;
        }
        c[i] = (struct client){l, l->clients[i]};
        ask(&c[i]);
    }
    uv_run(&l->loop, UV_RUN_DEFAULT);
    if (!l->failure)
        printf(
            "{\"clients\":%d,\"per_second\":%.0f}\n", clients, (double)l->done * 1000.0 / (now_ms() - begun));
    for (int i = 0; i < clients; i++)
        kube_close(l->clients[i]);
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------------ */

static void on_cleaned(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)status;
    (void)body;
    struct load *l = arg;
    if (e)
        fail(l, err_message(e));
    uv_stop(&l->loop);
}

static void clean(struct load *l, const char *resource)
{
    auto_free char *path = mem_printf(
        "/api/v1/namespaces/default/%s?labelSelector=bench%%3Dload&gracePeriodSeconds=0", resource);
    timer_start(l->deadline, DEADLINE_MS);
    kube_request(l->kube, "DELETE", path, NULL, NULL, 0, on_cleaned, l);
    uv_run(&l->loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    static struct load l;
    if (argc != 5) {
        fprintf(stderr,
            "usage: load KUBECONFIG pods|burst N IMAGE | load KUBECONFIG get|create CLIENTS SECONDS\n");
        return 2;
    }
    int n = atoi(argv[3]);
    bool pods = strcmp(argv[2], "pods") == 0 || strcmp(argv[2], "burst") == 0;
    if (n < 1 || n > (pods ? PODS_MAX : CLIENTS_MAX)) {
        fprintf(stderr, "load: %s: 1 to %d\n", argv[3], pods ? PODS_MAX : CLIENTS_MAX);
        return 2;
    }
    uv_loop_init(&l.loop);
    l.kubeconfig = argv[1];
    l.image = argv[4];
    struct err *e = kube_open(&l.loop, argv[1], &l.kube);
    if (e) {
        fprintf(stderr, "load: %s\n", err_message(e));
        return 1;
    }
    l.deadline = timer_new(&l.loop, on_deadline, &l);
    timer_start(l.deadline, DEADLINE_MS);
    if (pods)
        run_pods(&l, n, strcmp(argv[2], "pods") == 0);
    else
        run_rate(&l, n, atoi(argv[4]), strcmp(argv[2], "create") == 0);
    clean(&l, pods ? "pods" : "configmaps");
    if (l.failure)
        fprintf(stderr, "load: %s\n", l.failure);
    return l.failure ? 1 : 0;
}
