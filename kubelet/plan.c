/* The planner, see plan.h. No system calls, no clock, no memory of its own. */
#include "kubelet/plan.h"
#include <string.h>

static const bool live[INSTANCE_STATES] = {
    [INSTANCE_STARTING] = true,
    [INSTANCE_HOOK] = true,
    [INSTANCE_RUNNING] = true,
    [INSTANCE_STOPPING] = true,
};
/* Being worked on: neither to be started nor over. */
static const bool busy[INSTANCE_STATES] = {
    [INSTANCE_FETCHING] = true,
    [INSTANCE_STARTING] = true,
    [INSTANCE_HOOK] = true,
    [INSTANCE_RUNNING] = true,
    [INSTANCE_STOPPING] = true,
};

bool plan_is_live(enum instance_state s)
{
    return live[s];
}

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

static bool rule_matches(const struct restart_rule *r, int exit_code)
{
    bool in = false;
    if (!is(r->action, "Restart") || !r->exit_codes)
        return false;
    for (size_t i = 0; i < r->exit_codes->values.n; i++)
        in |= r->exit_codes->values.v[i] == exit_code;
    return is(r->exit_codes->operator_, "NotIn") ? !in : in;
}

bool plan_restarts(
    const struct pod_spec *s, const struct container *c, enum instance_kind kind, int exit_code)
{
    const char *policy = c->restart_policy ? c->restart_policy : s->restart_policy;
    if (kind == INSTANCE_EPHEMERAL)
        return false;
    if (kind == INSTANCE_SIDECAR)
        return true;
    for (size_t i = 0; i < c->restart_policy_rules.n; i++)
        if (rule_matches(&c->restart_policy_rules.v[i], exit_code))
            return true;
    if (is(policy, "Never"))
        return false;
    /* A finished init container is done, whatever the policy. */
    if (is(policy, "OnFailure") || kind == INSTANCE_INIT)
        return exit_code != 0;
    return true;
}

size_t plan_room(const struct plan_in *in)
{
    return in->n + 2;
}

static void act(struct plan_out *out, enum action_type type, size_t instance)
{
    out->v[out->n++] = (struct action){type, instance};
}

static void wake(struct plan_out *out, int64_t at)
{
    if (!out->wake_at || at < out->wake_at)
        out->wake_at = at;
}

static bool restarts(const struct plan_in *in, const struct plan_instance *c)
{
    return plan_restarts(in->spec, c->spec, c->kind, c->exit_code);
}

/* Never to run again, as things are. */
static bool is_over(const struct plan_in *in, const struct plan_instance *c)
{
    return c->state == INSTANCE_EXITED && !restarts(in, c);
}

/* true: it is started now. */
static bool start(const struct plan_in *in, struct plan_out *out, size_t i)
{
    if (in->v[i].retry_at > in->now)
        wake(out, in->v[i].retry_at);
    else if (in->inputs_ready)
        act(out, ACTION_START, i);
    return in->v[i].retry_at <= in->now;
}

/* Everything has to end. */
static void plan_stop(const struct plan_in *in, struct plan_out *out)
{
    bool alive = false, fetching = false;
    for (size_t i = 0; i < in->n; i++) {
        const struct plan_instance *c = &in->v[i];
        fetching |= c->state == INSTANCE_FETCHING;
        if (c->kind == INSTANCE_SIDECAR || !live[c->state])
            continue;
        alive = true;
        if (c->state == INSTANCE_RUNNING || c->state == INSTANCE_HOOK || c->state == INSTANCE_STOPPING)
            act(out, ACTION_STOP, i); /* also when stopping already: the grace may have become shorter */
    }
    for (size_t i = in->n; !alive && i-- > 0;) {
        const struct plan_instance *c = &in->v[i];
        if (c->kind != INSTANCE_SIDECAR || !live[c->state])
            continue;
        alive = true;
        if (c->state != INSTANCE_STARTING)
            act(out, ACTION_STOP, i);
    }
    if (alive || fetching)
        return;
    if (in->sandbox == SANDBOX_READY || in->sandbox == SANDBOX_LOST)
        act(out, ACTION_SANDBOX_CLEAR, 0);
    else if (in->sandbox == SANDBOX_NONE)
        act(out, ACTION_DONE, 0);
}

/* The init containers. true: the containers may run. *ret_failed: one failed for good. */
static bool plan_init(const struct plan_in *in, struct plan_out *out, bool through, bool *ret_failed)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct plan_instance *c = &in->v[i];
        if (c->kind != INSTANCE_INIT && c->kind != INSTANCE_SIDECAR)
            continue;
        if (c->kind == INSTANCE_INIT) {
            if (through || (c->state == INSTANCE_EXITED && c->exit_code == 0))
                continue;
            if (is_over(in, c)) {
                *ret_failed = true;
                return false;
            }
            if (!busy[c->state])
                start(in, out, i);
            return false;
        }
        if (!busy[c->state])
            start(in, out, i);
        else if (c->changed && c->state == INSTANCE_RUNNING)
            act(out, ACTION_STOP, i);
        if (!through && !(c->state == INSTANCE_RUNNING && c->started))
            return false;
    }
    return true;
}

/* The containers have begun: init containers are not looked at again in this sandbox. */
static bool is_through(const struct plan_in *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->v[i].kind == INSTANCE_MAIN && in->v[i].state != INSTANCE_NEW)
            return true;
    return false;
}

static bool all_over(const struct plan_in *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->v[i].kind == INSTANCE_MAIN && !is_over(in, &in->v[i]))
            return false;
    return true;
}

static bool init_failed(const struct plan_in *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->v[i].kind == INSTANCE_INIT && is_over(in, &in->v[i]) && in->v[i].exit_code != 0)
            return true;
    return false;
}

/* One container is handed to the shim at a time: they start, and their Events come, in the spec's order. One
 * whose image is being pulled holds nobody back. */
static void plan_run(const struct plan_in *in, struct plan_out *out)
{
    bool failed = false, starting = false;
    out->initialized = plan_init(in, out, is_through(in), &failed);
    for (size_t i = 0; i < in->n; i++)
        starting |= in->v[i].state == INSTANCE_STARTING;
    for (size_t i = 0; i < in->n; i++) {
        const struct plan_instance *c = &in->v[i];
        if (c->kind == INSTANCE_EPHEMERAL && c->state == INSTANCE_NEW)
            start(in, out, i);
        if (c->kind != INSTANCE_MAIN || !out->initialized)
            continue;
        if (c->state == INSTANCE_RUNNING && c->changed)
            act(out, ACTION_STOP, i);
        else if (!busy[c->state] && !is_over(in, c) && !starting)
            starting = start(in, out, i);
    }
}

static void plan_setup(const struct plan_in *in, struct plan_out *out)
{
    if (in->sandbox == SANDBOX_LOST) {
        act(out, ACTION_SANDBOX_CLEAR, 0);
    } else if (!in->volumes_ready) {
        if (in->volumes_retry_at > in->now)
            wake(out, in->volumes_retry_at);
        else if (in->inputs_ready)
            act(out, ACTION_VOLUMES, 0);
    } else if (in->sandbox == SANDBOX_NONE) {
        if (in->sandbox_retry_at > in->now)
            wake(out, in->sandbox_retry_at);
        else
            act(out, ACTION_SANDBOX_MAKE, 0);
    }
}

void plan(const struct plan_in *in, struct plan_out *out)
{
    struct action *room = out->v;
    *out = (struct plan_out){.v = room};
    out->ended = in->stopping || in->leaving || all_over(in) || init_failed(in);
    out->initialized = is_through(in);
    if (out->ended)
        plan_stop(in, out);
    else if (in->sandbox == SANDBOX_READY && in->volumes_ready)
        plan_run(in, out);
    else
        plan_setup(in, out);
}
