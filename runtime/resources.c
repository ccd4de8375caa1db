/* See resources.h. */
#include "runtime/resources.h"
#include "lib/mem.h"
#include <string.h>

struct plan {
    struct arena *a;
    struct resource_writes w;
    size_t room;
    bool (*is_v2)(const void *, const char *);
    const void *arg;
};

static bool v2(struct plan *p, const char *controller)
{
    return p->is_v2(p->arg, controller);
}

static void put(struct plan *p, const char *controller, const char *file, const char *text, bool optional)
{
    if (p->w.n == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        struct resource_write *v = arena_array(p->a, room, sizeof(*v));
        if (p->w.n)
            memcpy(v, p->w.v, p->w.n * sizeof(*v));
        p->w.v = v;
        p->room = room;
    }
    p->w.v[p->w.n++] = (struct resource_write){controller, file, text, optional};
}

static const char *num(struct plan *p, int64_t n)
{
    return arena_printf(p->a, "%lld", (long long)n);
}

/* Of a limit where -1 is "none": v2 calls that max. */
static const char *num_or_max(struct plan *p, int64_t n)
{
    return n < 0 ? "max" : num(p, n);
}

static void memory_v1(struct plan *p, const struct oci_memory *m)
{
    if (m->limit.set && m->limit.v)
        put(p, "memory", "memory.limit_in_bytes", num(p, m->limit.v), false);
    if (m->swap.set && m->swap.v)
        put(p, "memory", "memory.memsw.limit_in_bytes", num(p, m->swap.v), true);
    if (m->reservation.set && m->reservation.v)
        put(p, "memory", "memory.soft_limit_in_bytes", num(p, m->reservation.v), false);
    if (m->kernel_tcp.set && m->kernel_tcp.v)
        put(p, "memory", "memory.kmem.tcp.limit_in_bytes", num(p, m->kernel_tcp.v), true);
    if (m->swappiness.set)
        put(p, "memory", "memory.swappiness", num(p, m->swappiness.v), false);
    if (opt_bool_or(m->disable_oom_killer, false))
        put(p, "memory", "memory.oom_control", "1", false);
}

/* config.json counts swap together with memory, as v1 does; v2 counts it alone. */
static struct err *memory_v2(struct plan *p, const struct oci_memory *m)
{
    int64_t limit = opt_int_or(m->limit, 0), swap = opt_int_or(m->swap, 0);
    if (limit)
        put(p, "memory", "memory.max", num_or_max(p, limit), false);
    if (swap > 0 && limit <= 0)
        return err_new(ERR_INVALID, "swap: %lld without a memory limit", (long long)swap);
    if (swap)
        put(p, "memory", "memory.swap.max", swap < 0 ? "max" : num(p, swap - limit), true);
    if (m->reservation.set && m->reservation.v)
        put(p, "memory", "memory.low", num_or_max(p, m->reservation.v), false);
    return NULL;
}

static struct err *plan_memory(struct plan *p, const struct oci_memory *m)
{
    int64_t limit = opt_int_or(m->limit, 0), swap = opt_int_or(m->swap, 0);
    if (limit > 0 && swap > 0 && swap < limit)
        return err_new(ERR_INVALID,
            "swap: %lld is below the memory limit %lld: it counts memory and swap together", (long long)swap,
            (long long)limit);
    if (m->swappiness.set && (m->swappiness.v < 0 || m->swappiness.v > 100))
        return err_new(ERR_INVALID, "swappiness: %lld: must be 0 to 100", (long long)m->swappiness.v);
    if (v2(p, "memory"))
        return memory_v2(p, m);
    memory_v1(p, m);
    return NULL;
}

static void cpu_v1(struct plan *p, const struct oci_cpu *c)
{
    if (c->shares.set && c->shares.v)
        put(p, "cpu", "cpu.shares", num(p, c->shares.v), false);
    if (c->realtime_period.set && c->realtime_period.v)
        put(p, "cpu", "cpu.rt_period_us", num(p, c->realtime_period.v), false);
    if (c->realtime_runtime.set && c->realtime_runtime.v)
        put(p, "cpu", "cpu.rt_runtime_us", num(p, c->realtime_runtime.v), false);
    if (c->period.set && c->period.v)
        put(p, "cpu", "cpu.cfs_period_us", num(p, c->period.v), false);
    if (c->quota.set && c->quota.v)
        put(p, "cpu", "cpu.cfs_quota_us", num(p, c->quota.v), false);
    if (c->burst.set)
        put(p, "cpu", "cpu.cfs_burst_us", num(p, c->burst.v), false);
    if (c->idle.set)
        put(p, "cpu", "cpu.idle", num(p, c->idle.v), true);
}

static struct err *cpu_v2(struct plan *p, const struct oci_cpu *c)
{
    if (c->realtime_runtime.set || c->realtime_period.set)
        return err_new(ERR_UNSUPPORTED, "realtimeRuntime, realtimePeriod: cgroup v2 has none");
    if (c->shares.set && c->shares.v) { /* [2, 262144] onto [1, 10000] */
        int64_t shares = c->shares.v < 2 ? 2 : c->shares.v > 262144 ? 262144 : c->shares.v;
        put(p, "cpu", "cpu.weight", num(p, 1 + (shares - 2) * 9999 / 262142), false);
    }
    if ((c->quota.set && c->quota.v) || (c->period.set && c->period.v)) {
        int64_t quota = opt_int_or(c->quota, -1);
        put(p, "cpu", "cpu.max",
            arena_printf(p->a, "%s %lld", quota > 0 ? num(p, quota) : "max",
                (long long)(opt_int_or(c->period, 0) ? c->period.v : 100000)),
            false);
    }
    if (c->burst.set)
        put(p, "cpu", "cpu.max.burst", num(p, c->burst.v), false);
    if (c->idle.set)
        put(p, "cpu", "cpu.idle", num(p, c->idle.v), true);
    return NULL;
}

static struct err *plan_cpu(struct plan *p, const struct oci_cpu *c)
{
    if (c->shares.set && c->shares.v < 0)
        return err_new(ERR_INVALID, "shares: %lld: must not be negative", (long long)c->shares.v);
    if (v2(p, "cpu"))
        TRY(cpu_v2(p, c));
    else
        cpu_v1(p, c);
    if (c->cpus && *c->cpus)
        put(p, "cpuset", "cpuset.cpus", c->cpus, false);
    if (c->mems && *c->mems)
        put(p, "cpuset", "cpuset.mems", c->mems, false);
    return NULL;
}

static void plan_throttle(
    struct plan *p, const struct oci_throttle_list *l, const char *v1_file, const char *v2_key)
{
    bool unified = v2(p, "blkio");
    for (size_t i = 0; i < l->n; i++) {
        const struct oci_throttle_device *d = &l->v[i];
        const char *dev = arena_printf(
            p->a, "%lld:%lld", (long long)opt_int_or(d->major, 0), (long long)opt_int_or(d->minor, 0));
        int64_t rate = opt_int_or(d->rate, 0);
        if (!unified)
            put(p, "blkio", v1_file, arena_printf(p->a, "%s %lld", dev, (long long)rate), false);
        else
            put(p, "io", "io.max",
                arena_printf(p->a, "%s %s=%s", dev, v2_key, rate > 0 ? num(p, rate) : "max"), false);
    }
}

static void plan_block_io(struct plan *p, const struct oci_block_io *b)
{
    bool unified = v2(p, "blkio");
    if (b->weight.set && b->weight.v) {
        /* the same number, under the name that the host's scheduler gives it */
        if (unified) {
            int64_t w = 1 + (b->weight.v - 10) * 9999 / 990;
            put(p, "io", "io.bfq.weight", num(p, b->weight.v), true);
            put(p, "io", "io.weight", num(p, w < 1 ? 1 : w), true);
        } else {
            put(p, "blkio", "blkio.weight", num(p, b->weight.v), true);
            put(p, "blkio", "blkio.bfq.weight", num(p, b->weight.v), true);
        }
    }
    for (size_t i = 0; i < b->weight_device.n; i++) {
        const struct oci_weight_device *d = &b->weight_device.v[i];
        put(p, unified ? "io" : "blkio", unified ? "io.bfq.weight" : "blkio.bfq.weight_device",
            arena_printf(p->a, "%lld:%lld %lld", (long long)opt_int_or(d->major, 0),
                (long long)opt_int_or(d->minor, 0), (long long)opt_int_or(d->weight, 0)),
            true);
    }
    plan_throttle(p, &b->throttle_read_bps, "blkio.throttle.read_bps_device", "rbps");
    plan_throttle(p, &b->throttle_write_bps, "blkio.throttle.write_bps_device", "wbps");
    plan_throttle(p, &b->throttle_read_iops, "blkio.throttle.read_iops_device", "riops");
    plan_throttle(p, &b->throttle_write_iops, "blkio.throttle.write_iops_device", "wiops");
}

static struct err *plan_rest(struct plan *p, const struct oci_resources *r)
{
    for (size_t i = 0; i < r->hugepage_limits.n; i++) {
        const struct oci_hugepage_limit *h = &r->hugepage_limits.v[i];
        if (strspn(h->page_size, "0123456789KMGTB") != strlen(h->page_size))
            return err_new(ERR_INVALID, "hugepageLimits[%zu].pageSize: \"%s\"", i, h->page_size);
        bool unified = v2(p, "hugetlb");
        const char *text = unified ? num_or_max(p, opt_int_or(h->limit, 0)) : num(p, opt_int_or(h->limit, 0));
        const char *end = unified ? "max" : "limit_in_bytes";
        put(p, "hugetlb", arena_printf(p->a, "hugetlb.%s.%s", h->page_size, end), text, false);
        put(p, "hugetlb", arena_printf(p->a, "hugetlb.%s.rsvd.%s", h->page_size, end), text, true);
    }
    if (r->network && r->network->class_id.set)
        put(p, "net_cls", "net_cls.classid", num(p, r->network->class_id.v), false);
    for (size_t i = 0; r->network && i < r->network->priorities.n; i++)
        put(p, "net_prio", "net_prio.ifpriomap",
            arena_printf(p->a, "%s %lld", r->network->priorities.v[i].name,
                (long long)opt_int_or(r->network->priorities.v[i].priority, 0)),
            false);
    for (size_t i = 0; i < r->unified.n; i++) {
        const struct str_pair *u = &r->unified.v[i];
        const char *dot = strchr(u->name, '.');
        if (!dot || dot == u->name || strchr(u->name, '/'))
            return err_new(ERR_INVALID, "unified: \"%s\" is no name of a cgroup file", u->name);
        put(p, arena_strndup(p->a, u->name, (size_t)(dot - u->name)), u->name, u->value, false);
    }
    return NULL;
}

struct err *resources_plan(struct arena *a, const struct oci_resources *r,
    bool (*is_v2)(const void *, const char *), const void *arg, struct resource_writes *ret)
{
    struct plan p = {.a = a, .is_v2 = is_v2, .arg = arg};
    if (r && r->memory)
        TRY_WRAP(plan_memory(&p, r->memory), "linux.resources.memory");
    if (r && r->cpu)
        TRY_WRAP(plan_cpu(&p, r->cpu), "linux.resources.cpu");
    if (r && r->pids && r->pids->limit.set && r->pids->limit.v)
        put(&p, "pids", "pids.max", num_or_max(&p, r->pids->limit.v), false);
    if (r && r->block_io)
        plan_block_io(&p, r->block_io);
    if (r)
        TRY_WRAP(plan_rest(&p, r), "linux.resources");
    *ret = p.w;
    return NULL;
}
