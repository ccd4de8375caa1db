/* What the kernel's files say, as the runtime reads them: /proc/PID/stat, /proc/PID/cgroup,
 * cgroup.controllers, devices.list. Any text has an answer. */
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/record.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool good)
{
    if (!good)
        abort();
}

static void words(const char *text)
{
    char *copy = mem_strdup(text), *save = NULL;
    for (char *w = strtok_r(copy, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
        require(cgroups_lists(text, w));
        char longer[64];
        if (strlen(w) < sizeof(longer) - 2) {
            strcpy(longer, w);
            strcat(longer, "\n"); /* no name holds a line end */
            require(!cgroups_lists(text, longer));
        }
    }
    free(copy);
}

static void path_of(const char *text)
{
    char *copy = mem_strdup(text);
    const char *path = cgroups_path_of(copy);
    require(!path || !strchr(path, '\n'));
    free(copy);
}

/* What is read, written and read again is the same. */
static void devices(struct arena *a, const char *text)
{
    struct device_table t, again;
    auto_err *e = device_rules_parse(a, text, &t);
    if (e)
        return;
    const char *list = t.allow ? "a *:* rwm\n" : "";
    const struct device_table none = {.allow = false};
    struct str_list lines = device_rules_v1(a, &(struct device_table){.v = t.v, .n = t.n}, &none);
    for (size_t i = 0; i < lines.n; i++)
        list = arena_printf(a, "%s%s\n", list, lines.v[i] + 1);
    auto_err *e2 = device_rules_parse(a, list, &again);
    require(!e2 && again.allow == t.allow && again.n == t.n);
    for (size_t i = 0; i < t.n; i++)
        require(again.v[i].type == t.v[i].type && again.v[i].major == t.v[i].major &&
                again.v[i].minor == t.v[i].minor && again.v[i].access == t.v[i].access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, n);
    record_stat_start_time(text);
    words(text);
    path_of(text);
    devices(a, text);
    return 0;
}
