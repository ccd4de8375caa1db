/* Probes, see probes.h. One timer and at most one check under way per probe. */
#include "kubelet/probes.h"
#include "kubelet/events.h"
#include "kubelet/exec.h"
#include "kubelet/reach.h"
#include "lib/loop.h"
#include <stdlib.h>
#include <string.h>

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };
static const char *const names[] = {"Startup", "Liveness", "Readiness"};

struct probe_run {
    struct instance *instance;
    enum probe_kind kind;
    const struct probe *spec;
    struct timer *timer;
    struct exec *exec;
    struct reach *reach;
    int64_t good, bad; /* in a row */
    bool last_good;
};

static void probe_free(struct probe_run *p)
{
    if (!p)
        return;
    exec_cancel(p->exec);
    reach_cancel(p->reach);
    timer_free(p->timer);
    free(p);
}

static void probe_stop(struct instance *i, enum probe_kind kind)
{
    probe_free(i->probes[kind]);
    i->probes[kind] = NULL;
}

void probes_end(struct instance *i)
{
    for (int k = 0; k < PROBE_KINDS; k++)
        probe_stop(i, k);
}

static int64_t or_default(struct opt_int v, int64_t fallback)
{
    return v.set && v.v > 0 ? v.v : fallback;
}

static void begin_others(struct instance *i);

static const char *policy_of(const struct instance *i)
{
    const char *p =
        i->spec->restart_policy ? i->spec->restart_policy : i->worker->desired->pod->spec->restart_policy;
    return p ? p : "Always";
}

/* Startup or liveness failed for good. Under Never the whole Pod ends, with the Pod's grace. */
static void give_up(struct probe_run *p)
{
    struct instance *i = p->instance;
    const struct pod_spec *s = i->worker->desired->pod->spec;
    int64_t grace = opt_int_or(
        p->spec->termination_grace_period_seconds, opt_int_or(s->termination_grace_period_seconds, 30));
    auto_free char *message = mem_printf("Container %s failed %s probe, will be restarted", i->name,
        p->kind == PROBE_STARTUP ? "startup" : "liveness");
    bool never = i->kind == INSTANCE_MAIN && strcmp(policy_of(i), "Never") == 0;
    probes_end(i);
    if (never)
        worker_stop(i->worker, -1, NULL, NULL);
    else
        stop_instance(i, grace * 1000, message);
}

static void passed(struct probe_run *p)
{
    struct instance *i = p->instance;
    p->bad = 0;
    p->good++;
    if (p->kind == PROBE_STARTUP) {
        i->started = true;
        begin_others(i);
        probe_stop(i, PROBE_STARTUP); /* p is gone */
        worker_kick(i->worker);
        return;
    }
    if (p->kind == PROBE_READINESS && !i->ready && p->good >= or_default(p->spec->success_threshold, 1)) {
        i->ready = true;
        worker_kick(i->worker);
    }
}

/* true: p is gone. */
static bool failed(struct probe_run *p)
{
    struct instance *i = p->instance;
    p->good = 0;
    if (++p->bad < or_default(p->spec->failure_threshold, 3))
        return false;
    if (p->kind == PROBE_READINESS) {
        if (i->ready) {
            i->ready = false;
            worker_kick(i->worker);
        }
        return false;
    }
    give_up(p);
    return true;
}

static void settle(struct probe_run *p, enum reach_result result, const char *message)
{
    struct instance *i = p->instance;
    p->exec = NULL;
    p->reach = NULL;
    timer_start(p->timer, (uint64_t)or_default(p->spec->period_seconds, 10) * 1000);
    switch (result) {
    case REACH_OK:
        passed(p);
        return;
    case REACH_FAILED:
        events_instance(i, EVENT_WARNING, "Unhealthy", "%s probe failed: %s", names[p->kind], message);
        failed(p);
        return;
    case REACH_UNKNOWN: /* the probe itself does not work: no verdict on the container */
        events_instance(i, EVENT_WARNING, "Unhealthy", "%s probe errored and resulted in unknown state: %s",
            names[p->kind], message);
        return;
    }
}

static void reached(void *arg, enum reach_result result, const char *message)
{
    settle(arg, result, message ? message : "");
}

static void exec_done(void *arg, const struct err *error, int exit_code, const char *output)
{
    struct probe_run *p = arg;
    if (error && err_kind(error) == ERR_TIMEOUT) {
        auto_buf b = BUF_INIT(2048);
        for (size_t i = 0; i < p->spec->exec->command.n; i++)
            buf_addf(&b, "%s%s", i ? " " : "", p->spec->exec->command.v[i]);
        auto_free char *m = mem_printf("command timed out: \"%s\" timed out after %llds", buf_str(&b),
            (long long)or_default(p->spec->timeout_seconds, 1));
        settle(p, REACH_FAILED, m);
    } else if (error) {
        settle(p, REACH_UNKNOWN, err_message(error));
    } else {
        settle(p, exit_code == 0 ? REACH_OK : REACH_FAILED, output);
    }
}

static void probe_run(void *arg)
{
    struct probe_run *p = arg;
    uint64_t deadline = (uint64_t)or_default(p->spec->timeout_seconds, 1) * 1000;
    if (p->exec || p->reach)
        return;
    if (p->spec->exec)
        p->exec = exec_start(p->instance, &p->spec->exec->command, deadline, exec_done, p);
    else if (p->spec->http_get)
        p->reach = reach_http(p->instance, p->spec->http_get, true, deadline, reached, p);
    else if (p->spec->tcp_socket)
        p->reach = reach_tcp(p->instance, p->spec->tcp_socket, deadline, reached, p);
}

static void probe_begin(struct instance *i, enum probe_kind kind, const struct probe *spec)
{
    if (!spec || i->probes[kind])
        return;
    struct probe_run *p = mem_new(struct probe_run);
    *p = (struct probe_run){.instance = i, .kind = kind, .spec = spec};
    p->timer = timer_new(i->worker->kubelet->loop, probe_run, p);
    i->probes[kind] = p;
    /* Readiness is looked for at once; liveness of what has just started is not in doubt for a period. */
    int64_t delay = opt_int_or(spec->initial_delay_seconds, 0);
    if (kind == PROBE_LIVENESS && !delay)
        delay = or_default(spec->period_seconds, 10);
    timer_start(p->timer, (uint64_t)delay * 1000);
}

static void begin_others(struct instance *i)
{
    if (!i->spec->readiness_probe)
        i->ready = true;
    probe_begin(i, PROBE_LIVENESS, i->spec->liveness_probe);
    probe_begin(i, PROBE_READINESS, i->spec->readiness_probe);
}

void probes_begin(struct instance *i)
{
    i->started = i->ready = false;
    if (i->kind == INSTANCE_INIT || i->kind == INSTANCE_EPHEMERAL) {
        i->started = i->kind == INSTANCE_INIT;
        return;
    }
    if (i->spec->startup_probe) {
        probe_begin(i, PROBE_STARTUP, i->spec->startup_probe);
        return;
    }
    i->started = true;
    begin_others(i);
}

void probes_resume(struct instance *i)
{
    bool started = i->started, ready = i->ready;
    probes_begin(i);
    if (!started || i->kind == INSTANCE_INIT || i->kind == INSTANCE_EPHEMERAL)
        return;
    probe_stop(i, PROBE_STARTUP);
    i->started = true;
    begin_others(i);
    i->ready = ready;
}

void probes_respec(struct instance *i)
{
    const struct probe *specs[PROBE_KINDS] = {[PROBE_STARTUP] = i->spec->startup_probe,
        [PROBE_LIVENESS] = i->spec->liveness_probe,
        [PROBE_READINESS] = i->spec->readiness_probe};
    for (int k = 0; k < PROBE_KINDS; k++) {
        if (i->probes[k] && specs[k])
            i->probes[k]->spec = specs[k];
        else
            probe_stop(i, k);
    }
}
