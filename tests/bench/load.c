/*
 * A client that loads a Kubernetes API and says what it measured, as one JSON object on stdout. Works with
 * any server.
 *
 *   load KUBECONFIG pods N IMAGE          N Pods, one after the other: POST to Running, median and p99 in ms
 *   load KUBECONFIG burst N IMAGE         N Pods at once: ms until all are Running
 *
 * Pods are labelled bench=load and deleted at the end. Rates of requests: rate.c.
 */
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 120000, PODS_MAX = 1000 };

struct load {
    uv_loop_t loop;
    struct kube *kube;
    const char *image;
    int wanted, posted, running;
    double posted_ms[PODS_MAX], took_ms[PODS_MAX];
    bool seen[PODS_MAX], serial;
    struct kube_watch *watch;
    struct timer *deadline;
    const char *failure;
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

/* --- Pods */

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

/* --- the whole */

static void on_cleaned(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)status;
    (void)body;
    struct load *l = arg;
    if (e)
        fail(l, err_message(e));
    uv_stop(&l->loop);
}

static void clean(struct load *l)
{
    timer_start(l->deadline, DEADLINE_MS);
    kube_request(l->kube, "DELETE",
        "/api/v1/namespaces/default/pods?labelSelector=bench%3Dload&gracePeriodSeconds=0", NULL, NULL, 0,
        on_cleaned, l);
    uv_run(&l->loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    static struct load l;
    int n = argc == 5 ? atoi(argv[3]) : 0;
    if (n < 1 || n > PODS_MAX) {
        fprintf(stderr, "usage: load KUBECONFIG pods|burst N IMAGE   (at most %d)\n", PODS_MAX);
        return 2;
    }
    uv_loop_init(&l.loop);
    l.image = argv[4];
    struct err *e = kube_open(&l.loop, argv[1], &l.kube);
    if (e) {
        fprintf(stderr, "load: %s\n", err_message(e));
        return 1;
    }
    l.deadline = timer_new(&l.loop, on_deadline, &l);
    timer_start(l.deadline, DEADLINE_MS);
    run_pods(&l, n, strcmp(argv[2], "pods") == 0);
    clean(&l);
    if (l.failure)
        fprintf(stderr, "load: %s\n", l.failure);
    return l.failure ? 1 : 0;
}
