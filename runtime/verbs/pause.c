/* pause and resume: the freezer of the container's cgroup. */
#include "lib/args.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/record.h"
#include "runtime/verbs/verbs.h"

static struct err *freeze(const struct globals *g, const char *id, bool frozen)
{
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    struct cgroups c;
    TRY(record_find(g->root, id, a, &dir, &r));
    TRY(record_lock(dir));
    enum record_status s = record_status(&r, dir);
    if (frozen ? s != RECORD_RUNNING && s != RECORD_CREATED : s != RECORD_PAUSED)
        return err_new(
            ERR_CONFLICT, "container not %s: %s", frozen ? "running" : "paused", record_status_name(s));
    TRY(record_cgroups(&r, &c));
    struct err *e = cgroups_freeze(&c, frozen);
    cgroups_close(&c);
    return e;
}

static struct err *verb(const struct globals *g, int argc, char **argv, bool frozen, int *ret_status)
{
    struct arg_spec spec = {.usage = frozen ? "wherry-runtime pause ID" : "wherry-runtime resume ID",
        .about = frozen ? "Suspends all processes of a container." : "Lets a paused container go on.",
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    *ret_status = 0;
    return freeze(g, operands[0], frozen);
}

struct err *verb_pause(const struct globals *g, int argc, char **argv, int *ret_status)
{
    return verb(g, argc, argv, true, ret_status);
}

struct err *verb_resume(const struct globals *g, int argc, char **argv, int *ret_status)
{
    return verb(g, argc, argv, false, ret_status);
}
