/* What the processes of a cgroup use, in the same terms on v1 and v2. */
#include "lib/cgroup.h"
#include "lib/cgroup_host.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

/* A file of one number; 0 where there is none. */
static uint64_t number(const struct cgroup_hierarchy *g, const char *relative, const char *file)
{
    auto_free char *name = mem_printf("%s/%s", relative, file), *text = NULL;
    auto_err *e = file_read(g->fd, name, 64, &text, NULL);
    return e ? 0 : strtoull(text, NULL, 10);
}

struct counter {
    const char *name;
    uint64_t *to;
};

/* A file of "name value" lines. */
static void counters(const struct cgroup_hierarchy *g, const char *relative, const char *file,
    const struct counter *want, size_t n)
{
    auto_free char *name = mem_printf("%s/%s", relative, file), *text = NULL;
    auto_err *e = file_read(g->fd, name, CGROUP_FILE_MAX, &text, NULL);
    if (e)
        return;
    char *save;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t len = strcspn(line, " ");
        for (size_t i = 0; i < n; i++)
            if (strlen(want[i].name) == len && !memcmp(line, want[i].name, len))
                *want[i].to = strtoull(line + len, NULL, 10);
    }
}

static void cpu(const struct cgroup_host *h, const char *relative, struct cgroup_usage *u)
{
    const struct cgroup_hierarchy *g = cgroup_find(h, "cpuacct");
    uint64_t us = 0;
    if (g && !g->unified) {
        u->cpu_ns = number(g, relative, "cpuacct.usage");
        return;
    }
    g = cgroup_find(h, "cgroup2"); /* cpu.stat is there without the controller too */
    if (g)
        counters(g, relative, "cpu.stat", (struct counter[]){{"usage_usec", &us}}, 1);
    u->cpu_ns = us * 1000;
}

static void memory(const struct cgroup_host *h, const char *relative, struct cgroup_usage *u)
{
    const struct cgroup_hierarchy *g = cgroup_find(h, "memory");
    uint64_t inactive = 0;
    if (!g)
        return;
    if (g->unified) {
        u->memory_bytes = number(g, relative, "memory.current");
        counters(g, relative, "memory.stat",
            (struct counter[]){{"inactive_file", &inactive}, {"anon", &u->memory_rss}}, 2);
        counters(g, relative, "memory.events", (struct counter[]){{"oom_kill", &u->oom_kills}}, 1);
    } else {
        u->memory_bytes = number(g, relative, "memory.usage_in_bytes");
        counters(g, relative, "memory.stat",
            (struct counter[]){{"total_inactive_file", &inactive}, {"total_rss", &u->memory_rss}}, 2);
        counters(g, relative, "memory.oom_control", (struct counter[]){{"oom_kill", &u->oom_kills}}, 1);
    }
    u->memory_working_set = u->memory_bytes > inactive ? u->memory_bytes - inactive : 0;
}

struct err *cgroup_usage(const struct cgroup_host *h, const char *path, struct cgroup_usage *ret)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    if (!cgroup_tracker(h, relative))
        return err_new(ERR_NOT_FOUND, "cgroup %s does not exist", path);
    struct cgroup_usage u = {0};
    const struct cgroup_hierarchy *g = cgroup_find(h, "pids");
    if (g)
        u.pids = number(g, relative, "pids.current");
    cpu(h, relative, &u);
    memory(h, relative, &u);
    *ret = u;
    return NULL;
}
