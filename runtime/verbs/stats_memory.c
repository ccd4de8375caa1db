/* Memory in stats.h. v1 counts memory and swap together, v2 each alone: readers expect the former. */
#include "lib/mem.h"
#include "runtime/verbs/stats_files.h"
#include "runtime/verbs/stats_parts.h"
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t limit, usage, max, failcnt;
};

static void entry(struct json_out *o, const char *name, const struct entry *e)
{
    json_out_object(o, name);
    stats_out(o, "limit", e->limit);
    stats_out_set(o, "usage", e->usage);
    stats_out_set(o, "max", e->max);
    stats_out(o, "failcnt", e->failcnt);
    json_out_end_object(o);
}

static struct entry entry_v1(struct arena *a, int dir, const char *kind)
{
    return (struct entry){
        .limit = stats_number(dir, arena_printf(a, "memory.%slimit_in_bytes", kind)),
        .usage = stats_number(dir, arena_printf(a, "memory.%susage_in_bytes", kind)),
        .max = stats_number(dir, arena_printf(a, "memory.%smax_usage_in_bytes", kind)),
        .failcnt = stats_number(dir, arena_printf(a, "memory.%sfailcnt", kind)),
    };
}

static void entries_v1(struct json_out *o, struct arena *a, int dir)
{
    static const struct {
        const char *name, *kind;
    } kinds[] = {{"usage", ""}, {"swap", "memsw."}, {"kernel", "kmem."}, {"kernelTCP", "kmem.tcp."}};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct entry e = entry_v1(a, dir, kinds[i].kind);
        entry(o, kinds[i].name, &e);
    }
}

static uint64_t together(uint64_t memory, uint64_t swap)
{
    return memory == UINT64_MAX || swap == UINT64_MAX ? UINT64_MAX : memory + swap;
}

static void entries_v2(struct json_out *o, int dir, const char *events)
{
    struct entry none = {0}, memory = {.limit = stats_number(dir, "memory.max"),
                                 .usage = stats_number(dir, "memory.current"),
                                 .max = stats_number(dir, "memory.peak"),
                                 .failcnt = stats_value(events, "max")};
    struct entry swap = {.limit = together(memory.limit, stats_number(dir, "memory.swap.max")),
        .usage = together(memory.usage, stats_number(dir, "memory.swap.current"))};
    entry(o, "usage", &memory);
    entry(o, "swap", &swap);
    entry(o, "kernel", &none);
    entry(o, "kernelTCP", &none);
}

static void raw(struct json_out *o, char *text)
{
    char *save = NULL;
    json_out_object(o, "raw");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = '\0';
        stats_out(o, line, strtoull(value, NULL, 10));
    }
    json_out_end_object(o);
}

static void counted(struct json_out *o, const char *events)
{
    static const char *const names[] = {"low", "high", "max", "oom", "oom_kill"};
    json_out_object(o, "event_count");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        stats_out_set(o, names[i], stats_value(events, names[i]));
    json_out_end_object(o);
}

void stats_memory(struct cgroups *c, struct arena *a, struct json_out *o)
{
    bool v2;
    int dir = stats_dir(c, "memory", &v2);
    char *stat = stats_text(a, dir, "memory.stat");
    const char *events = v2 ? stats_text(a, dir, "memory.events") : "";
    json_out_object(o, "memory");
    stats_out_set(o, "cache", stats_value(stat, v2 ? "file" : "cache"));
    if (v2)
        entries_v2(o, dir, events);
    else
        entries_v1(o, a, dir);
    raw(o, stat);
    if (v2)
        stats_out_pressure(o, a, dir, "memory.pressure");
    if (v2)
        counted(o, events);
    json_out_end_object(o);
}
