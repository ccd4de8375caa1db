/* See stats_files.h. */
#include "runtime/verbs/stats_files.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 20)

int stats_dir(struct cgroups *c, const char *controller, bool *ret_v2)
{
    struct cgroups_hierarchy *h = cgroups_find(c, controller);
    *ret_v2 = h && h->v2;
    return h ? h->dir : -1;
}

char *stats_text(struct arena *a, int dir, const char *file)
{
    char *text = NULL;
    auto_err *e = dir < 0 ? NULL : file_read(dir, file, FILE_MAX, &text, NULL);
    auto_free char *owned = text;
    return arena_strdup(a, text ? text : "");
}

uint64_t stats_number(int dir, const char *file)
{
    auto_arena *a = arena_new();
    const char *text = stats_text(a, dir, file);
    return strncmp(text, "max", 3) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

uint64_t stats_value(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, len) && line[len] == ' ')
            return strtoull(line + len, NULL, 10);
    }
    return 0;
}

void stats_out(struct json_out *o, const char *name, uint64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    json_out_raw(o, name, text, (size_t)n);
}

void stats_out_set(struct json_out *o, const char *name, uint64_t v)
{
    if (v)
        stats_out(o, name, v);
}

/* some avg10=0.00 avg60=0.00 avg300=0.00 total=0 */
static void pressure_line(struct json_out *o, const char *text, const char *kind)
{
    static const char *const names[] = {"avg10", "avg60", "avg300", "total"};
    const char *line = strstr(text, kind);
    if (!line)
        return;
    json_out_object(o, kind);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char key[16];
        snprintf(key, sizeof(key), " %s=", names[i]);
        const char *at = strstr(line, key);
        at = at ? at + strlen(key) : "0";
        json_out_raw(o, names[i], at, strspn(at, "0123456789."));
    }
    json_out_end_object(o);
}

void stats_out_pressure(struct json_out *o, struct arena *a, int dir, const char *file)
{
    const char *text = stats_text(a, dir, file);
    if (!*text)
        return;
    json_out_object(o, "psi");
    pressure_line(o, text, "some");
    pressure_line(o, text, "full");
    json_out_end_object(o);
}
