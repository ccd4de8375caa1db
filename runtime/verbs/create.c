/* create and run share their options; `create` leaves an init that waits for `start`. */
#include "runtime/verbs/create.h"
#include "lib/mem.h"
#include "runtime/launch.h"
#include "runtime/verbs/verbs.h"

struct err *create_parse(const struct globals *g, struct create_args *c, const char *usage, const char *about,
    bool run, int argc, char **argv)
{
    struct container_options *o = &c->opts;
    const struct arg_option options[] = {
        {"bundle", 'b', ARG_STR, &o->bundle, "DIR", "folder with config.json (the current one)"},
        {"config", 'f', ARG_STR, &o->config, "FILE", "instead of the bundle's config.json"},
        {"console-socket", 0, ARG_STR, &o->console_socket, "PATH",
            "unix socket that gets the terminal's master"},
        {"pid-file", 0, ARG_STR, &o->pid_file, "FILE", "where to write init's pid"},
        {"pidfd-socket", 0, ARG_STR, &o->pidfd_socket, "PATH", "unix socket that gets init's pidfd"},
        {"no-pivot", 0, ARG_FLAG, &o->no_pivot, NULL, "move the rootfs to / instead of pivot_root"},
        {"no-new-keyring", 0, ARG_FLAG, &o->no_new_keyring, NULL, "keep the caller's session keyring"},
        {"preserve-fds", 0, ARG_INT, &o->preserve_fds, "N", "pass N more descriptors, from 3 on"},
        {"no-subreaper", 0, ARG_FLAG, &o->no_subreaper, NULL, "orphans of the container are not ours"},
        {run ? "detach" : NULL, 'd', ARG_FLAG, &o->detach, NULL, "do not stay with the container"},
        {"keep", 0, ARG_FLAG, &o->keep, NULL, "do not delete it when it ends"},
        {NULL},
    };
    struct arg_spec spec = {.usage = usage, .about = about, .options = options, .min = 1, .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    o->id = operands[0];
    o->root = g->root;
    o->no_cgroups = g->no_cgroups;
    return NULL;
}

struct err *verb_create(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct create_args c = {.opts.wait_for_start = true};
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    struct launch l;
    TRY(create_parse(g, &c, "wherry-runtime create [options] ID", "Makes a container that waits for `start`.",
        false, argc, argv));
    TRY(launch_create(g, &c.opts, a, &l));
    *ret_status = 0;
    return NULL;
}
