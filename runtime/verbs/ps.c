/* ps: the processes of a container, by the host's pids: an array of them, or those lines of ps(1) that are
 * about them. */
#include "lib/args.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/process/program.h"
#include "runtime/record.h"
#include "runtime/verbs/verbs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX (64 << 20)
#define DEADLINE_MS 30000

struct pids {
    pid_t *v;
    size_t n;
};

static struct err *pids_of(const struct record *r, struct arena *a, struct pids *ret)
{
    struct cgroups c;
    TRY(record_cgroups(r, &c));
    struct err *e = cgroups_pids(&c, a, &ret->v, &ret->n);
    cgroups_close(&c);
    return e;
}

static void print_json(const struct pids *pids)
{
    printf("[");
    for (size_t i = 0; i < pids->n; i++)
        printf("%s%d", i ? "," : "", (int)pids->v[i]);
    puts("]");
}

/* The n-th field of a line, from 0; NULL where there are fewer. */
static const char *field(const char *line, int n)
{
    for (line += strspn(line, " \t"); n > 0 && *line; n--) {
        line += strcspn(line, " \t");
        line += strspn(line, " \t");
    }
    return *line ? line : NULL;
}

static struct err *pid_column(const char *head, int *ret)
{
    const char *at;
    for (*ret = 0; (at = field(head, *ret)); ++*ret)
        if (strcspn(at, " \t") == 3 && !strncmp(at, "PID", 3))
            return NULL;
    return err_new(ERR_INVALID, "couldn't find PID field in ps output");
}

static bool is_one(const struct pids *pids, const char *text)
{
    long pid = text ? strtol(text, NULL, 10) : 0;
    for (size_t i = 0; i < pids->n; i++)
        if (pids->v[i] == pid)
            return true;
    return false;
}

static struct err *print_table(const struct pids *pids, char *output)
{
    char *save = NULL;
    int column;
    char *head = strtok_r(output, "\n", &save);
    TRY(pid_column(head ? head : "", &column));
    puts(head);
    for (char *line = strtok_r(NULL, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (is_one(pids, field(line, column)))
            puts(line);
    return NULL;
}

static struct err *run_ps(struct arena *a, const struct pids *pids, char **args, int n)
{
    const char **argv = arena_array(a, (size_t)n + 3, sizeof(*argv));
    TRY(program_find(a, "ps", &argv[0]));
    argv[1] = "-ef";
    if (n)
        memcpy(argv + 1, args, (size_t)n * sizeof(*args));
    struct spawn_opts o = {.argv = argv, .out_max = OUTPUT_MAX, .err_max = 4096, .deadline_ms = DEADLINE_MS};
    struct spawn_result r;
    TRY(spawn_run(&o, &r));
    struct err *e = spawn_result_err(&r, "ps");
    if (!e)
        e = r.out.len ? print_table(pids, r.out.data) : err_new(ERR_SYSTEM, "ps: no output");
    spawn_result_done(&r);
    return e;
}

struct err *verb_ps(const struct globals *g, int argc, char **argv, int *ret_status)
{
    const char *format = "table";
    const struct arg_option options[] = {
        {"format", 'f', ARG_STR, &format, "FORMAT", "table or json (an array of pids)"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime ps [options] ID [PS-OPTION...]",
        .about = "Lists the processes of a container, as ps -ef does or with the options given.",
        .options = options,
        .min = 1,
        .max = -1,
        .stop_at_operand = true};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (strcmp(format, "table") && strcmp(format, "json"))
        return err_new(ERR_INVALID, "--format: \"%s\": must be table or json", format);
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    struct pids pids = {0};
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    TRY(pids_of(&r, a, &pids));
    *ret_status = 0;
    if (strcmp(format, "json"))
        return run_ps(a, &pids, operands + 1, n - 1);
    print_json(&pids);
    return NULL;
}
