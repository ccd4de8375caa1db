/* See stats.h. Memory and block devices, which differ most between v1 and v2, are in stats_memory.c and
 * stats_blkio.c. */
#include "runtime/verbs/stats.h"
#include "lib/mem.h"
#include "runtime/verbs/stats_files.h"
#include "runtime/verbs/stats_parts.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUGEPAGES "/sys/kernel/mm/hugepages"
#define TICK_NS (1000000000 / 100) /* USER_HZ, an ABI */

/* --- cpu */

static void numbers(struct json_out *o, const char *name, char *text)
{
    char *save = NULL, *one = strtok_r(text, " \n", &save);
    if (!one)
        return;
    json_out_array(o, name);
    for (; one; one = strtok_r(NULL, " \n", &save))
        stats_out(o, NULL, strtoull(one, NULL, 10));
    json_out_end_array(o);
}

static void cpu_usage_v1(struct json_out *o, struct arena *a, int dir)
{
    const char *stat = stats_text(a, dir, "cpuacct.stat");
    stats_out_set(o, "total", stats_number(dir, "cpuacct.usage"));
    numbers(o, "percpu", stats_text(a, dir, "cpuacct.usage_percpu"));
    numbers(o, "percpu_kernel", stats_text(a, dir, "cpuacct.usage_percpu_sys"));
    numbers(o, "percpu_user", stats_text(a, dir, "cpuacct.usage_percpu_user"));
    stats_out(o, "kernel", stats_value(stat, "system") * TICK_NS);
    stats_out(o, "user", stats_value(stat, "user") * TICK_NS);
}

static void cpu_usage_v2(struct json_out *o, const char *stat)
{
    stats_out_set(o, "total", stats_value(stat, "usage_usec") * 1000);
    stats_out(o, "kernel", stats_value(stat, "system_usec") * 1000);
    stats_out(o, "user", stats_value(stat, "user_usec") * 1000);
}

static void cpu(struct cgroups *c, struct arena *a, struct json_out *o)
{
    bool v2, acct_v2;
    int dir = stats_dir(c, "cpu", &v2), acct = stats_dir(c, "cpuacct", &acct_v2);
    const char *stat = stats_text(a, dir, "cpu.stat");
    json_out_object(o, "cpu");
    json_out_object(o, "usage");
    if (acct_v2)
        cpu_usage_v2(o, stat);
    else
        cpu_usage_v1(o, a, acct);
    json_out_end_object(o);
    json_out_object(o, "throttling");
    stats_out_set(o, "periods", stats_value(stat, "nr_periods"));
    stats_out_set(o, "throttledPeriods", stats_value(stat, "nr_throttled"));
    stats_out_set(o, "throttledTime",
        v2 ? stats_value(stat, "throttled_usec") * 1000 : stats_value(stat, "throttled_time"));
    json_out_end_object(o);
    if (v2)
        stats_out_pressure(o, a, dir, "cpu.pressure");
    json_out_end_object(o);
}

/* --- cpuset: "0-2,5" */

static void set(struct json_out *o, const char *name, char *text)
{
    char *save = NULL, *range = strtok_r(text, ",\n", &save);
    if (!range)
        return;
    json_out_array(o, name);
    for (; range; range = strtok_r(NULL, ",\n", &save)) {
        char *end;
        unsigned long first = strtoul(range, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, NULL, 10) : first;
        for (; first <= last && first <= UINT16_MAX; first++)
            stats_out(o, NULL, first);
    }
    json_out_end_array(o);
}

static void cpuset(struct cgroups *c, struct arena *a, struct json_out *o)
{
    static const char *const after_cpus[] = {"cpu_exclusive"};
    static const char *const after_mems[] = {"mem_hardwall", "mem_exclusive", "memory_migrate",
        "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance"};
    bool v2;
    int dir = stats_dir(c, "cpuset", &v2);
    json_out_object(o, "cpuset");
    set(o, "cpus", stats_text(a, dir, v2 ? "cpuset.cpus.effective" : "cpuset.cpus"));
    for (size_t i = 0; i < ARRAY_SIZE(after_cpus); i++)
        stats_out(o, after_cpus[i], stats_number(dir, arena_printf(a, "cpuset.%s", after_cpus[i])));
    set(o, "mems", stats_text(a, dir, v2 ? "cpuset.mems.effective" : "cpuset.mems"));
    for (size_t i = 0; i < ARRAY_SIZE(after_mems); i++)
        stats_out(o, after_mems[i], stats_number(dir, arena_printf(a, "cpuset.%s", after_mems[i])));
    json_out_int(o, "sched_relax_domain_level",
        strtoll(stats_text(a, dir, "cpuset.sched_relax_domain_level"), NULL, 10));
    json_out_end_object(o);
}

/* --- pids, huge pages */

static void pids(struct cgroups *c, struct json_out *o)
{
    bool v2;
    int dir = stats_dir(c, "pids", &v2);
    uint64_t limit = stats_number(dir, "pids.max");
    json_out_object(o, "pids");
    stats_out_set(o, "current", stats_number(dir, "pids.current"));
    stats_out_set(o, "limit", limit == UINT64_MAX ? 0 : limit);
    json_out_end_object(o);
}

/* "hugepages-2048kB" is "2MB" in the files of the controller. */
static const char *page_size(struct arena *a, const char *folder)
{
    static const char *const units[] = {"KB", "MB", "GB"};
    unsigned long n;
    size_t unit = 0;
    if (sscanf(folder, "hugepages-%lukB", &n) != 1)
        return NULL;
    for (; n >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
        n /= 1024;
    return arena_printf(a, "%lu%s", n, units[unit]);
}

static void one_hugetlb(struct json_out *o, struct arena *a, int dir, bool v2, const char *size)
{
    const char *events = stats_text(a, dir, arena_printf(a, "hugetlb.%s.events", size));
    json_out_object(o, size);
    stats_out_set(o, "usage",
        stats_number(dir, arena_printf(a, "hugetlb.%s.%s", size, v2 ? "current" : "usage_in_bytes")));
    stats_out_set(o, "max", stats_number(dir, arena_printf(a, "hugetlb.%s.max_usage_in_bytes", size)));
    stats_out(o, "failcnt",
        v2 ? stats_value(events, "max") : stats_number(dir, arena_printf(a, "hugetlb.%s.failcnt", size)));
    json_out_end_object(o);
}

static void hugetlb(struct cgroups *c, struct arena *a, struct json_out *o)
{
    bool v2;
    int dir = stats_dir(c, "hugetlb", &v2);
    DIR *d = dir < 0 ? NULL : opendir(HUGEPAGES);
    json_out_object(o, "hugetlb");
    for (struct dirent *ent; d && (ent = readdir(d));) {
        const char *size = page_size(a, ent->d_name);
        if (size)
            one_hugetlb(o, a, dir, v2, size);
    }
    if (d)
        closedir(d);
    json_out_end_object(o);
}

void stats_write(struct cgroups *c, struct arena *a, struct json_out *o, const char *name)
{
    json_out_object(o, name);
    cpu(c, a, o);
    cpuset(c, a, o);
    stats_memory(c, a, o);
    pids(c, o);
    stats_blkio(c, a, o);
    hugetlb(c, a, o);
    json_out_object(o, "intel_rdt");
    json_out_end_object(o);
    json_out_null(o, "network_interfaces"); /* those that libcontainer once made itself; an engine asks CNI */
    json_out_end_object(o);
}
