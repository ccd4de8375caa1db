/* ps: the processes of a container, by the host's pids. */
#include "lib/args.h"
#include "lib/mem.h"
#include "runtime/cgroups.h"
#include "runtime/record.h"
#include "runtime/verbs.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void command_of(pid_t pid, char *text, size_t n)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, n - 1);
    if (got <= 0)
        got = 0;
    for (ssize_t i = 0; i < got; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = i + 1 < got ? ' ' : '\0';
    text[got] = '\0';
}

static struct err *pids_of(const struct record *r, struct arena *a, pid_t **ret, size_t *ret_n)
{
    struct cgroups c;
    TRY(record_cgroups(r, &c));
    struct err *e = cgroups_pids(&c, a, ret, ret_n);
    cgroups_close(&c);
    return e;
}

struct err *verb_ps(const struct globals *g, int argc, char **argv, int *ret_status)
{
    const char *format = "table";
    const struct arg_option options[] = {
        {"format", 'f', ARG_STR, &format, "FORMAT", "table or json (an array of pids)"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime ps [options] ID",
        .about = "Lists the processes of a container.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (strcmp(format, "table") && strcmp(format, "json"))
        return err_new(ERR_INVALID, "--format: \"%s\": must be table or json", format);
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    pid_t *pids;
    size_t count;
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    TRY(pids_of(&r, a, &pids, &count));
    bool json = !strcmp(format, "json");
    printf(json ? "[" : "PID        COMMAND\n");
    for (size_t i = 0; i < count; i++) {
        char text[256];
        if (json) {
            printf("%s%d", i ? "," : "", (int)pids[i]);
            continue;
        }
        command_of(pids[i], text, sizeof(text));
        printf("%-10d %s\n", (int)pids[i], text);
    }
    if (json)
        puts("]");
    *ret_status = 0;
    return NULL;
}
