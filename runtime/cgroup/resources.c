/* See resources.h: memory, CPU, tasks. Block devices and the rest are in resources_rest.c. */
#include "runtime/cgroup/resources.h"
#include "lib/cgroup.h"
#include "lib/mem.h"
#include "runtime/cgroup/resources_internal.h"
#include <string.h>

void plan_put(struct resources_plan *p, const char *controller, const char *file, const char *text,
    enum resource_need need)
{
    if (p->w.n == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        struct resource_write *v = arena_array(p->a, room, sizeof(*v));
        if (p->w.n)
            memcpy(v, p->w.v, p->w.n * sizeof(*v));
        p->w.v = v;
        p->room = room;
    }
    p->w.v[p->w.n++] = (struct resource_write){controller, file, text, need, p->group};
}

const char *plan_num(struct resources_plan *p, int64_t n)
{
    return arena_printf(p->a, "%lld", (long long)n);
}

const char *plan_num_or_max(struct resources_plan *p, int64_t n)
{
    return n < 0 ? "max" : plan_num(p, n);
}

bool plan_is_v2(const struct resources_plan *p, const char *controller)
{
    return p->host->is_v2(p->host->arg, controller);
}

/* A number whose 0 means, in config.json, that nothing is said. */
static bool given(struct opt_int o)
{
    return o.set && o.v;
}

/* --- memory */

static void memory_v1(struct resources_plan *p, const struct oci_memory *m)
{
    p->group++;
    if (given(m->limit))
        plan_put(p, "memory", "memory.limit_in_bytes", plan_num(p, m->limit.v), RESOURCE_MUST);
    if (given(m->swap))
        plan_put(p, "memory", "memory.memsw.limit_in_bytes", plan_num(p, m->swap.v),
            m->swap.v < 0 ? RESOURCE_OPTIONAL : RESOURCE_MUST);
    else if (opt_int_or(m->limit, 0) < 0) /* no limit is none of memory and swap either */
        plan_put(p, "memory", "memory.memsw.limit_in_bytes", "-1", RESOURCE_OPTIONAL);
    if (given(m->reservation))
        plan_put(p, "memory", "memory.soft_limit_in_bytes", plan_num(p, m->reservation.v), RESOURCE_MUST);
    if (m->swappiness.set)
        plan_put(p, "memory", "memory.swappiness", plan_num(p, m->swappiness.v), RESOURCE_MUST);
    if (m->disable_oom_killer.set)
        plan_put(p, "memory", "memory.oom_control", m->disable_oom_killer.v ? "1" : "0", RESOURCE_MUST);
}

/* config.json counts swap together with memory, as v1 does; v2 counts it alone. */
static struct err *swap_v2(struct resources_plan *p, const struct oci_memory *m)
{
    int64_t limit = given(m->limit) ? m->limit.v : p->host->memory_limit;
    if (given(m->swap) && m->swap.v > 0) {
        if (limit <= 0)
            return err_new(ERR_INVALID, "swap: %lld without a memory limit", (long long)m->swap.v);
        if (m->swap.v < limit)
            return err_new(ERR_INVALID, "swap: %lld is below the memory limit %lld: it counts both together",
                (long long)m->swap.v, (long long)limit);
        plan_put(p, "memory", "memory.swap.max", plan_num(p, m->swap.v - limit),
            m->swap.v == limit ? RESOURCE_OPTIONAL : RESOURCE_MUST);
    } else if (opt_int_or(m->swap, 0) < 0 || (!given(m->swap) && opt_int_or(m->limit, 0) < 0)) {
        plan_put(p, "memory", "memory.swap.max", "max", RESOURCE_OPTIONAL);
    }
    return NULL;
}

static struct err *memory_v2(struct resources_plan *p, const struct oci_memory *m)
{
    TRY(swap_v2(p, m));
    if (given(m->limit))
        plan_put(p, "memory", "memory.max", plan_num_or_max(p, m->limit.v), RESOURCE_MUST);
    if (given(m->reservation))
        plan_put(p, "memory", "memory.low", plan_num_or_max(p, m->reservation.v), RESOURCE_MUST);
    if (opt_bool_or(m->check_before_update, false) && opt_int_or(m->limit, 0) > 0)
        p->w.memory_below = m->limit.v;
    return NULL;
}

static struct err *check_bytes(const char *name, struct opt_int o)
{
    return opt_int_or(o, 0) < -1
               ? err_new(ERR_INVALID, "%s: %lld: must be bytes, or -1 for none", name, (long long)o.v)
               : NULL;
}

static struct err *plan_memory(struct resources_plan *p, const struct oci_memory *m)
{
    int64_t limit = opt_int_or(m->limit, 0), swap = opt_int_or(m->swap, 0);
    TRY(check_bytes("limit", m->limit));
    TRY(check_bytes("swap", m->swap));
    TRY(check_bytes("reservation", m->reservation));
    if (limit > 0 && swap > 0 && swap < limit)
        return err_new(ERR_INVALID, "swap: %lld is below the memory limit %lld: it counts both together",
            (long long)swap, (long long)limit);
    if (m->swappiness.set && (m->swappiness.v < 0 || m->swappiness.v > 100))
        return err_new(ERR_INVALID, "swappiness: %lld: must be 0 to 100", (long long)m->swappiness.v);
    if (plan_is_v2(p, "memory"))
        return memory_v2(p, m);
    memory_v1(p, m);
    return NULL;
}

/* --- CPU */

/* A group that is idle has no weight of its own, and the kernel refuses one: it comes after the end of being
 * idle, or not at all. */
static void cpu_weight(struct resources_plan *p, const struct oci_cpu *c, const char *file, int64_t weight)
{
    if (c->idle.set)
        plan_put(p, "cpu", "cpu.idle", plan_num(p, c->idle.v), RESOURCE_MUST);
    if (given(c->shares) && opt_int_or(c->idle, 0) != 1)
        plan_put(p, "cpu", file, plan_num(p, weight), RESOURCE_MUST);
}

static void cpu_v1(struct resources_plan *p, const struct oci_cpu *c)
{
    cpu_weight(p, c, "cpu.shares", opt_int_or(c->shares, 0));
    p->group++;
    if (given(c->period))
        plan_put(p, "cpu", "cpu.cfs_period_us", plan_num(p, c->period.v), RESOURCE_MUST);
    if (c->burst.set)
        plan_put(p, "cpu", "cpu.cfs_burst_us", plan_num(p, c->burst.v), RESOURCE_OPTIONAL);
    if (given(c->quota))
        plan_put(p, "cpu", "cpu.cfs_quota_us", plan_num(p, c->quota.v), RESOURCE_MUST);
    p->group++;
    if (given(c->realtime_period))
        plan_put(p, "cpu", "cpu.rt_period_us", plan_num(p, c->realtime_period.v), RESOURCE_MUST);
    if (given(c->realtime_runtime))
        plan_put(p, "cpu", "cpu.rt_runtime_us", plan_num(p, c->realtime_runtime.v), RESOURCE_MUST);
}

static struct err *cpu_v2(struct resources_plan *p, const struct oci_cpu *c)
{
    if (given(c->realtime_runtime) || given(c->realtime_period))
        return err_new(ERR_UNSUPPORTED, "realtimeRuntime, realtimePeriod: cgroup v2 has none");
    cpu_weight(p, c, "cpu.weight", cgroup_weight(opt_int_or(c->shares, 0)));
    p->group++;
    if (c->burst.set)
        plan_put(p, "cpu", "cpu.max.burst", plan_num(p, c->burst.v), RESOURCE_OPTIONAL);
    int64_t quota = given(c->quota) ? c->quota.v : p->host->cpu_quota;
    const char *text = quota > 0 ? plan_num(p, quota) : "max";
    if (given(c->period))
        plan_put(
            p, "cpu", "cpu.max", arena_printf(p->a, "%s %lld", text, (long long)c->period.v), RESOURCE_MUST);
    else if (given(c->quota)) /* the period stays */
        plan_put(p, "cpu", "cpu.max", text, RESOURCE_MUST);
    return NULL;
}

static struct err *plan_cpu(struct resources_plan *p, const struct oci_cpu *c)
{
    if (opt_int_or(c->shares, 0) < 0)
        return err_new(ERR_INVALID, "shares: %lld: must not be negative", (long long)c->shares.v);
    if (plan_is_v2(p, "cpu"))
        TRY(cpu_v2(p, c));
    else
        cpu_v1(p, c);
    p->group = 0;
    if (c->cpus && *c->cpus)
        plan_put(p, "cpuset", "cpuset.cpus", c->cpus, RESOURCE_MUST);
    if (c->mems && *c->mems)
        plan_put(p, "cpuset", "cpuset.mems", c->mems, RESOURCE_MUST);
    return NULL;
}

/* --- tasks */

/* 0 is said as 1, as by runc: its other way to say it, systemd's, has no 0, and for who is in there it is the
 * same. */
static void plan_pids(struct resources_plan *p, const struct oci_pids *o)
{
    if (!o->limit.set || (!o->limit.v && p->host->pids_zero_is_unset))
        return;
    plan_put(p, "pids", "pids.max", o->limit.v ? plan_num_or_max(p, o->limit.v) : "1", RESOURCE_MUST);
}

struct err *resources_plan(struct arena *a, const struct oci_resources *r, const struct resources_host *host,
    struct resource_writes *ret)
{
    struct resources_plan p = {.a = a, .host = host};
    if (r && r->memory)
        TRY_WRAP(plan_memory(&p, r->memory), "linux.resources.memory");
    p.group++; /* one more for each that has one, so that no two neighbours share it */
    if (r && r->cpu)
        TRY_WRAP(plan_cpu(&p, r->cpu), "linux.resources.cpu");
    p.group = 0;
    if (r && r->pids)
        plan_pids(&p, r->pids);
    if (r)
        TRY_WRAP(resources_rest(&p, r), "linux.resources");
    *ret = p.w;
    return NULL;
}
