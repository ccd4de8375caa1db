/* See scheduling.h. */
#include "runtime/process/scheduling.h"
#include "lib/mem.h"
#include <errno.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif
#define BITS (8 * sizeof(unsigned long))

struct name {
    const char *name;
    unsigned value;
};

static const struct name policies[] = {{"SCHED_OTHER", SCHED_NORMAL}, {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR}, {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}, {NULL, 0}};
static const struct name flags[] = {{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}, {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN}, {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS}, {NULL, 0}};
static const struct name io_classes[] = {{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
    {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE}, {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE}, {NULL, 0}};
static const struct name memory_modes[] = {{"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_BIND", MPOL_BIND},
    {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE},
    {"MPOL_PREFERRED", MPOL_PREFERRED}, {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_LOCAL", MPOL_LOCAL}, {NULL, 0}};
static const struct name memory_flags[] = {{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES}, {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
    {NULL, 0}};
static const struct name domains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {NULL, 0}};

const char *scheduling_memory_mode_name(size_t i)
{
    return memory_modes[i].name;
}

const char *scheduling_memory_flag_name(size_t i)
{
    return memory_flags[i].name;
}

static struct err *value_of(const struct name *names, const char *text, unsigned *ret)
{
    for (const struct name *n = names; n->name; n++)
        if (!strcmp(n->name, text)) {
            *ret = n->value;
            return NULL;
        }
    return err_new(ERR_INVALID, "unknown \"%s\"", text);
}

static struct err *flags_of(const struct name *names, const struct str_list *l, uint64_t *ret)
{
    for (size_t i = 0; i < l->n; i++) {
        unsigned v = 0;
        TRY_WRAP(value_of(names, l->v[i], &v), "flags[%zu]", i);
        *ret |= v;
    }
    return NULL;
}

/* --- lists of numbers */

static bool read_number(const char **text, unsigned long *ret)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    *ret = strtoul(*text, &end, 10);
    *text = end;
    return true;
}

/* "0-3,7" */
static struct err *parse_set(const char *text, unsigned long *mask, unsigned long limit)
{
    for (const char *p = text;; p++) {
        unsigned long first, last;
        if (!read_number(&p, &first))
            return err_new(ERR_INVALID, "\"%s\": must be a list like 0-3,7", text);
        last = first;
        if (*p == '-' && (p++, !read_number(&p, &last) || last < first))
            return err_new(ERR_INVALID, "\"%s\": a range must go up", text);
        if (last >= limit)
            return err_new(ERR_INVALID, "\"%s\": %lu is too large", text, last);
        for (unsigned long i = first; i <= last; i++)
            mask[i / BITS] |= 1UL << i % BITS;
        if (!*p)
            return NULL;
        if (*p != ',')
            return err_new(ERR_INVALID, "\"%s\": must be a list like 0-3,7", text);
    }
}

struct err *scheduling_parse_cpus(const char *text, struct scheduling_cpus *ret)
{
    *ret = (struct scheduling_cpus){0};
    if (!text || !*text)
        return NULL;
    ret->set = true;
    return parse_set(text, ret->mask, SCHEDULING_CPUS);
}

/* --- the plan */

static struct err *plan_scheduler(const struct oci_scheduler *s, struct scheduling *ret)
{
    struct scheduling_attr a = {.size = sizeof(a),
        .nice = (int32_t)opt_int_or(s->nice, 0),
        .priority = (uint32_t)opt_int_or(s->priority, 0),
        .runtime = (uint64_t)opt_int_or(s->runtime, 0),
        .deadline = (uint64_t)opt_int_or(s->deadline, 0),
        .period = (uint64_t)opt_int_or(s->period, 0),
        .util_max = 1024}; /* config.json has the clamps' flags and not their values: all of it */
    TRY_WRAP(value_of(policies, s->policy, &a.policy), "policy");
    TRY(flags_of(flags, &s->flags, &a.flags));
    if (a.priority && a.policy != SCHED_FIFO && a.policy != SCHED_RR)
        return err_new(ERR_INVALID, "priority: %u: only for SCHED_FIFO and SCHED_RR", a.priority);
    if ((a.runtime || a.deadline || a.period) && a.policy != SCHED_DEADLINE)
        return err_new(ERR_INVALID, "runtime, deadline, period: only for SCHED_DEADLINE");
    ret->attr = a;
    ret->has_attr = true;
    return NULL;
}

static struct err *plan_io(const struct oci_io_priority *io, struct scheduling *ret)
{
    unsigned class = 0;
    TRY_WRAP(value_of(io_classes, io->class, &class), "class");
    ret->io_priority = IOPRIO_PRIO_VALUE(class, (unsigned)opt_int_or(io->priority, 0));
    ret->has_io_priority = true;
    return NULL;
}

static struct err *plan_memory(const struct oci_memory_policy *m, struct scheduling *ret)
{
    unsigned mode = 0;
    uint64_t f = 0;
    bool nodes = m->nodes && *m->nodes;
    TRY_WRAP(value_of(memory_modes, m->mode, &mode), "mode");
    TRY(flags_of(memory_flags, &m->flags, &f));
    if (nodes && (mode == MPOL_DEFAULT || mode == MPOL_LOCAL))
        return err_new(ERR_INVALID, "nodes: \"%s\": %s has none", m->nodes, m->mode);
    if (!nodes && mode != MPOL_DEFAULT && mode != MPOL_LOCAL && mode != MPOL_PREFERRED)
        return err_new(ERR_INVALID, "nodes: absent: %s needs them", m->mode);
    if (nodes)
        TRY_WRAP(parse_set(m->nodes, ret->nodes, SCHEDULING_NODES), "nodes");
    if (f & MPOL_F_STATIC_NODES && f & MPOL_F_RELATIVE_NODES)
        return err_new(
            ERR_INVALID, "flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
    ret->memory_mode = (int)(mode | (unsigned)f);
    ret->has_memory_policy = true;
    return NULL;
}

static struct err *plan_personality(const struct oci_personality *d, struct scheduling *ret)
{
    unsigned domain = 0;
    TRY_WRAP(value_of(domains, d->domain, &domain), "domain");
    if (d->flags.n) /* the specification defines none yet */
        return err_new(ERR_INVALID, "flags[0]: unknown \"%s\"", d->flags.v[0]);
    ret->personality = domain;
    ret->has_personality = true;
    return NULL;
}

struct err *scheduling_plan(const struct oci_process *p, const struct oci_memory_policy *m,
    const struct oci_personality *d, struct scheduling *ret)
{
    *ret = (struct scheduling){0};
    if (p->scheduler)
        TRY_WRAP(plan_scheduler(p->scheduler, ret), "process.scheduler");
    if (p->io_priority)
        TRY_WRAP(plan_io(p->io_priority, ret), "process.ioPriority");
    if (m)
        TRY_WRAP(plan_memory(m, ret), "linux.memoryPolicy");
    if (d)
        TRY_WRAP(plan_personality(d, ret), "linux.personality");
    return NULL;
}

/* --- the process, of itself */

struct err *scheduling_set_cpus(const struct scheduling_cpus *c)
{
    if (c->set)
        return syscall(SYS_sched_setaffinity, 0, sizeof(c->mask), c->mask) < 0
                   ? err_sys(errno, "process.execCPUAffinity")
                   : NULL;
    /* what our caller was bound to is not the container's concern; its cpuset is, and the kernel minds it */
    struct scheduling_cpus all;
    memset(all.mask, 0xff, sizeof(all.mask));
    syscall(SYS_sched_setaffinity, 0, sizeof(all.mask), all.mask);
    return NULL;
}

struct err *scheduling_apply(const struct scheduling *s)
{
    if (s->has_personality && personality(s->personality) < 0)
        return err_sys(errno, "linux.personality");
    if (s->has_memory_policy &&
        syscall(SYS_set_mempolicy, s->memory_mode, s->nodes, (unsigned long)SCHEDULING_NODES) < 0)
        return err_sys(errno, "linux.memoryPolicy");
    if (s->has_attr && syscall(SYS_sched_setattr, 0, &s->attr, 0) < 0)
        return errno == EPERM && s->attr.policy == SCHED_DEADLINE
                   ? err_sys(errno, "process.scheduler: SCHED_DEADLINE needs CAP_SYS_NICE and all processors "
                                    "(process scheduler can't be used together with AllowedCPUs)")
                   : err_sys(errno, "process.scheduler");
    if (s->has_io_priority && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->io_priority) < 0)
        return err_sys(errno, "process.ioPriority");
    return NULL;
}
