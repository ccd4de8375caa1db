/*
 * How the kernel is to run the process: its scheduler, I/O priority, processors, memory nodes and execution
 * domain (process.scheduler, .ioPriority, .execCPUAffinity, linux.memoryPolicy, linux.personality). All of
 * them are attributes of a task that an execve keeps: planned (pure), then set by the process itself once it
 * stands in its cgroups.
 */
#ifndef WHERRY_RUNTIME_SCHEDULING_H
#define WHERRY_RUNTIME_SCHEDULING_H

#include "lib/api/oci.h"

#define SCHEDULING_CPUS 8192  /* the most that Linux can be built for */
#define SCHEDULING_NODES 1024 /* likewise */
#define SCHEDULING_WORDS(n) ((n) / (8 * sizeof(unsigned long)))

struct scheduling_attr { /* struct sched_attr of the kernel; glibc here has none */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
struct scheduling_cpus {
    bool set;
    unsigned long mask[SCHEDULING_WORDS(SCHEDULING_CPUS)];
};
struct scheduling {
    bool has_attr, has_io_priority, has_memory_policy, has_personality;
    struct scheduling_attr attr;
    unsigned io_priority;
    int memory_mode; /* MPOL_* with MPOL_F_* */
    unsigned long nodes[SCHEDULING_WORDS(SCHEDULING_NODES)];
    unsigned long personality;
};

/* Unknown names, numbers out of range and combinations that the specification forbids are ERR_INVALID. The
 * last two come from `linux`, and may be NULL. */
struct err *scheduling_plan(const struct oci_process *p, const struct oci_memory_policy *m,
    const struct oci_personality *d, struct scheduling *ret) __attribute__((warn_unused_result));
struct err *scheduling_apply(const struct scheduling *s) __attribute__((warn_unused_result));

/* "0-3,7"; NULL and "": not set. */
struct err *scheduling_parse_cpus(const char *text, struct scheduling_cpus *ret)
    __attribute__((warn_unused_result));
/* Of the calling process. Where the set is not set: every processor that its cgroups leave it. */
struct err *scheduling_set_cpus(const struct scheduling_cpus *c) __attribute__((warn_unused_result));

/* What `features` lists, ended by NULL. */
const char *scheduling_memory_mode_name(size_t i);
const char *scheduling_memory_flag_name(size_t i);

#endif
