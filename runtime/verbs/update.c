/* update: other limits for a container that exists, from a file of OCI resources or by option. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/cgroup/rdt.h"
#include "runtime/cgroup/units.h"
#include "runtime/record.h"
#include "runtime/report.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOURCES_MAX (1 << 20)
#define UNSET INT64_MIN

struct options {
    const char *resources, *cpus, *mems, *memory, *reservation, *swap;
    const char *kernel, *kernel_tcp, *l3_cache, *memory_bandwidth;
    int64_t blkio_weight, period, quota, rt_period, rt_runtime, shares, pids, burst, idle;
};

static struct err *bytes(const char *option, const char *text, struct opt_int *ret)
{
    if (!text)
        return NULL;
    ret->set = true;
    return units_size(option, text, &ret->v);
}

static void number(int64_t v, struct opt_int *ret)
{
    if (v != UNSET)
        *ret = (struct opt_int){true, v};
}

static struct err *from_options(struct arena *a, const struct options *o, struct oci_resources *r)
{
    struct oci_memory *m = arena_new_obj(a, struct oci_memory);
    struct oci_cpu *c = arena_new_obj(a, struct oci_cpu);
    struct oci_pids *p = arena_new_obj(a, struct oci_pids);
    struct oci_block_io *b = arena_new_obj(a, struct oci_block_io);
    *r = (struct oci_resources){.memory = m, .cpu = c, .pids = p, .block_io = b};
    TRY(bytes("memory", o->memory, &m->limit));
    TRY(bytes("memory-reservation", o->reservation, &m->reservation));
    TRY(bytes("memory-swap", o->swap, &m->swap));
    if (m->limit.set && m->limit.v == -1 && !m->swap.set) /* v1 would not let memory exceed both together */
        m->swap = m->limit;
    number(o->period, &c->period);
    number(o->quota, &c->quota);
    number(o->burst, &c->burst);
    number(o->idle, &c->idle);
    number(o->rt_period, &c->realtime_period);
    number(o->rt_runtime, &c->realtime_runtime);
    number(o->shares, &c->shares);
    c->cpus = o->cpus;
    c->mems = o->mems;
    number(o->pids, &p->limit);
    number(o->blkio_weight, &b->weight);
    return NULL;
}

static void warn_of_ignored(const struct options *o)
{
    if (o->kernel || o->kernel_tcp)
        report_warning("--%s is ignored: the kernel has no such limit any more",
            o->kernel ? "kernel-memory" : "kernel-memory-tcp");
}

static struct err *from_file(struct arena *a, const char *path, struct oci_resources *r)
{
    auto_free char *text = NULL;
    size_t len;
    auto_close fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : dup(STDIN_FILENO);
    if (fd < 0)
        return err_sys(errno, "--resources: open %s", path);
    TRY_WRAP(file_read_stream(fd, RESOURCES_MAX, &text, &len), "--resources");
    return err_wrap(fields_parse(&oci_resources_fields, a, text, len, r), "--resources");
}

static struct err *update_rdt(struct arena *a, const struct record *rec, const struct options *o)
{
    struct rdt plan;
    auto_close root = -1;
    if (!o->l3_cache && !o->memory_bandwidth)
        return NULL;
    TRY(rdt_plan_update(a, rec->intel_rdt, rec->id, o->l3_cache, o->memory_bandwidth, &plan));
    TRY(rdt_open(&root));
    return rdt_update(root, &plan);
}

static struct err *update(const struct globals *g, const char *id, struct arena *a,
    const struct oci_resources *r, const struct options *o)
{
    auto_close dir = -1;
    struct record rec;
    struct cgroups c;
    struct resource_writes w;
    TRY(record_find(g->root, id, a, &dir, &rec));
    TRY(record_lock(dir));
    if (record_status(&rec, dir) == RECORD_STOPPED)
        return err_new(ERR_CONFLICT, "container %s is stopped", id);
    TRY_WRAP(update_rdt(a, &rec, o), "--%s", o->l3_cache ? "l3-cache-schema" : "mem-bw-schema");
    TRY(record_cgroups(&rec, &c));
    struct resources_host host = cgroups_host(&c);
    struct err *e = resources_plan(a, r, &host, &w);
    if (!e)
        e = cgroups_limit(&c, &w);
    struct device_table t;
    if (!e && r->devices.n)
        e = device_rules_table(a, r, &t);
    if (!e && r->devices.n)
        e = cgroups_devices(&c, a, &t, true);
    cgroups_close(&c);
    return e;
}

struct err *verb_update(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct options o = {.blkio_weight = UNSET,
        .period = UNSET,
        .quota = UNSET,
        .rt_period = UNSET,
        .rt_runtime = UNSET,
        .shares = UNSET,
        .pids = UNSET,
        .burst = UNSET,
        .idle = UNSET};
    const struct arg_option options[] = {
        {"resources", 'r', ARG_STR, &o.resources, "FILE",
            "OCI resources as JSON; -: stdin. Other limits are then ignored"},
        {"blkio-weight", 0, ARG_INT, &o.blkio_weight, "N", "10 to 1000"},
        {"cpu-period", 0, ARG_INT, &o.period, "US", NULL},
        {"cpu-quota", 0, ARG_INT, &o.quota, "US", NULL},
        {"cpu-burst", 0, ARG_INT, &o.burst, "US", NULL},
        {"cpu-rt-period", 0, ARG_INT, &o.rt_period, "US", NULL},
        {"cpu-rt-runtime", 0, ARG_INT, &o.rt_runtime, "US", NULL},
        {"cpu-share", 0, ARG_INT, &o.shares, "N", NULL},
        {"cpu-idle", 0, ARG_INT, &o.idle, "N", "1: SCHED_IDLE"},
        {"cpuset-cpus", 0, ARG_STR, &o.cpus, "LIST", NULL},
        {"cpuset-mems", 0, ARG_STR, &o.mems, "LIST", NULL},
        {"memory", 0, ARG_STR, &o.memory, "BYTES", NULL},
        {"memory-reservation", 0, ARG_STR, &o.reservation, "BYTES", NULL},
        {"memory-swap", 0, ARG_STR, &o.swap, "BYTES", "memory and swap together; -1: no limit"},
        {"kernel-memory", 0, ARG_STR, &o.kernel, "BYTES", "ignored"},
        {"kernel-memory-tcp", 0, ARG_STR, &o.kernel_tcp, "BYTES", "ignored"},
        {"l3-cache-schema", 0, ARG_STR, &o.l3_cache, "SCHEMA", "of its Intel RDT class"},
        {"mem-bw-schema", 0, ARG_STR, &o.memory_bandwidth, "SCHEMA", "the same: MB:..."},
        {"pids-limit", 0, ARG_INT, &o.pids, "N", "-1: no limit"},
        {NULL},
    };
    struct arg_spec spec = {.usage = "wherry-runtime update [options] ID",
        .about = "Changes limits of a container.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    warn_of_ignored(&o);
    auto_arena *a = arena_new();
    struct oci_resources r;
    TRY(o.resources ? from_file(a, o.resources, &r) : from_options(a, &o, &r));
    *ret_status = 0;
    return update(g, operands[0], a, &r, &o);
}
