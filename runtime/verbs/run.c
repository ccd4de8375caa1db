/* run: create, start, and unless detached stay until it ends: signals go on to it, its status is ours. */
#include "lib/mem.h"
#include "runtime/launch.h"
#include "runtime/verbs/create.h"
#include "runtime/verbs/foreground.h"
#include "runtime/verbs/verbs.h"

struct err *verb_run(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct create_args c = {0};
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    struct launch l;
    struct foreground fg;
    TRY(create_parse(
        g, &c, "wherry-runtime run [options] ID", "Makes and starts a container.", true, argc, argv));
    if (!c.opts.detach)
        TRY(foreground_begin(&fg, !c.opts.no_subreaper));
    TRY(launch_create(g, &c.opts, a, &l));
    TRY(launch_start(&l));
    *ret_status = 0;
    if (c.opts.detach)
        return notify_wait(&l.notify, l.pid, l.pidfd);
    fg.notify = l.notify;
    TRY(foreground_stay(&fg, l.pid, l.pidfd, l.console, ret_status));
    return launch_finish(&l);
}
