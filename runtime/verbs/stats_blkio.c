/* Block devices in stats.h: lines "8:0 Read 4096" of v1, "8:0 rbytes=4096 wbytes=0 rios=1 wios=0" of v2. */
#include "lib/mem.h"
#include "runtime/verbs/stats_files.h"
#include "runtime/verbs/stats_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void entry(
    struct json_out *o, unsigned major, unsigned minor, const char *op, unsigned long long value)
{
    json_out_object(o, NULL);
    stats_out_set(o, "major", major);
    stats_out_set(o, "minor", minor);
    json_out_str(o, "op", op);
    stats_out_set(o, "value", value);
    json_out_end_object(o);
}

static void table_v1(struct json_out *o, const char *name, char *text)
{
    bool open = false;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        unsigned major, minor;
        char op[16];
        unsigned long long value;
        if (sscanf(line, "%u:%u %15s %llu", &major, &minor, op, &value) != 4)
            continue; /* the sum over all devices */
        if (!open)
            json_out_array(o, name);
        open = true;
        entry(o, major, minor, op, value);
    }
    if (open)
        json_out_end_array(o);
}

/* The controller of the bfq scheduler counts, where a disk has that; else the throttling one. */
static char *file_v1(struct arena *a, int dir, const char *what)
{
    char *text = stats_text(a, dir, arena_printf(a, "blkio.bfq.%s_recursive", what));
    if (strchr(text, ':'))
        return text;
    return stats_text(a, dir, arena_printf(a, "blkio.throttle.%s_recursive", what));
}

static unsigned long long member(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void table_v2(struct json_out *o, const char *name, char *text, const char *read, const char *write)
{
    char *save = NULL;
    char *line = strtok_r(text, "\n", &save);
    if (!line)
        return;
    json_out_array(o, name);
    for (; line; line = strtok_r(NULL, "\n", &save)) {
        unsigned major, minor;
        if (sscanf(line, "%u:%u ", &major, &minor) != 2)
            continue;
        entry(o, major, minor, "Read", member(line, read));
        entry(o, major, minor, "Write", member(line, write));
    }
    json_out_end_array(o);
}

void stats_blkio(struct cgroups *c, struct arena *a, struct json_out *o)
{
    bool v2;
    int dir = stats_dir(c, "blkio", &v2);
    json_out_object(o, "blkio");
    if (v2) {
        table_v2(o, "ioServiceBytesRecursive", stats_text(a, dir, "io.stat"), " rbytes=", " wbytes=");
        table_v2(o, "ioServicedRecursive", stats_text(a, dir, "io.stat"), " rios=", " wios=");
        stats_out_pressure(o, a, dir, "io.pressure");
    } else {
        table_v1(o, "ioServiceBytesRecursive", file_v1(a, dir, "io_service_bytes"));
        table_v1(o, "ioServicedRecursive", file_v1(a, dir, "io_serviced"));
    }
    json_out_end_object(o);
}
