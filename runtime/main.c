/*
 * wherry-runtime: the OCI runtime, command-compatible with runc. Global options, then a verb (verbs.h), each
 * of which is a file. This is the only place that ends the program and prints an error.
 */
#include "lib/args.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/version.h"
#include "runtime/record.h"
#include "runtime/report.h"
#include "runtime/seal.h"
#include "runtime/user/rootless.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct verb {
    const char *name;
    verb_fn *fn;
    bool enters; /* a process of ours enters a container: see seal.h */
    int failed;  /* exit status where it did */
    const char *help;
} verbs[] = {
    {"create", verb_create, true, 1, "make a container that waits for start"},
    {"start", verb_start, false, 1, "start a created container"},
    {"run", verb_run, true, 1, "create and start"},
    {"exec", verb_exec, true, 255, "run a further process in a container"},
    {"state", verb_state, false, 1, "print the state of a container"},
    {"kill", verb_kill, false, 1, "send a signal"},
    {"delete", verb_delete, false, 1, "remove what is left of a container"},
    {"list", verb_list, false, 1, "list containers"},
    {"ps", verb_ps, false, 1, "list the processes of a container"},
    {"pause", verb_pause, false, 1, "suspend a container"},
    {"resume", verb_resume, false, 1, "let a paused container go on"},
    {"update", verb_update, false, 1, "change limits"},
    {"events", verb_events, false, 1, "print what a container uses, and when memory ran out"},
    {"checkpoint", verb_checkpoint, false, 1, "save a running container to files"},
    {"restore", verb_restore, false, 1, "make a container of what checkpoint saved"},
    {"mounts", verb_mounts, true, 1, "add mounts to a running container, or remove them"},
    {"spec", verb_spec, false, 1, "write a config.json to start from"},
    {"features", verb_features, false, 1, "print what this runtime can do"},
    {NULL, NULL, false, 0, NULL},
};

struct options {
    struct globals g;
    bool version, systemd;
    const char *rootless, *manager;
};

static void print_version(void)
{
    const struct scmp_version *v = seccomp_version();
    printf("wherry-runtime version %s\ncommit: %s\nspec: %s\nlibseccomp: %u.%u.%u\n", wherry_version(),
        wherry_version(), OCI_VERSION_MAX, v->major, v->minor, v->micro);
}

static struct err *check(const struct options *o)
{
    if (o->systemd || (o->manager && !strcmp(o->manager, "systemd")))
        return err_new(
            ERR_UNSUPPORTED, "--systemd-cgroup: the systemd cgroup driver is not supported, only cgroupfs");
    if (o->manager && strcmp(o->manager, "cgroupfs") && !o->g.no_cgroups)
        return err_new(ERR_INVALID, "--cgroup-manager: \"%s\": must be cgroupfs or disabled", o->manager);
    if (strcmp(o->g.log_format, "text") && strcmp(o->g.log_format, "json"))
        return err_new(ERR_INVALID, "--log-format: \"%s\": must be text or json", o->g.log_format);
    if (strcmp(o->rootless, "auto") && strcmp(o->rootless, "true") && strcmp(o->rootless, "false"))
        return err_new(ERR_INVALID, "--rootless: \"%s\": must be true, false or auto", o->rootless);
    return NULL;
}

static const char *default_root(void)
{
    const char *run = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
    /* the root of a user namespace is a user's engine, unless it logged in as root of a whole machine in
     * there */
    bool is_root = geteuid() == 0 && ((user && !strcmp(user, "root")) || !rootless());
    if (is_root || !run || !*run)
        return RECORD_ROOT;
    return mem_printf("%s/wherry/runtime", run); /* lives as long as the program */
}

static const struct verb *find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    return NULL;
}

static char *list_of_verbs(void)
{
    char *text = mem_strdup("An OCI runtime.\n\nverbs:");
    for (const struct verb *v = verbs; v->name; v++) {
        char *more = mem_printf("%s\n  %-10s %s", text, v->name, v->help);
        free(text);
        text = more;
    }
    return text;
}

static struct err *run(int argc, char **argv, char **original, int *ret_status)
{
    struct options o = {.g = {.log_format = "text"}, .rootless = "auto"};
    const struct arg_option options[] = {
        {"root", 0, ARG_STR, &o.g.root, "DIR", "where the state of containers is kept"},
        {"log", 0, ARG_STR, &o.g.log, "FILE", "errors and warnings go there too"},
        {"log-format", 0, ARG_STR, &o.g.log_format, "FORMAT", "text or json"},
        {"debug", 0, ARG_FLAG, &o.g.debug, NULL, "say more"},
        {"systemd-cgroup", 0, ARG_FLAG, &o.systemd, NULL, "refused: there is only cgroupfs"},
        {"cgroup-manager", 0, ARG_STR, &o.manager, "NAME", "cgroupfs, or disabled: no cgroup is made"},
        {"rootless", 0, ARG_STR, &o.rootless, "BOOL", "accepted: what we are is seen from the user id"},
        {"version", 'v', ARG_FLAG, &o.version, NULL, "print versions"},
        {NULL},
    };
    auto_free char *about = argc > 1 && !strcmp(argv[1], "--help") ? list_of_verbs() : NULL;
    struct arg_spec spec = {.usage = "wherry-runtime [options] VERB ...",
        .about = about,
        .options = options,
        .min = 0,
        .max = -1,
        .stop_at_operand = true};
    char **operands;
    int n;
    *ret_status = 1;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (o.version) {
        print_version();
        *ret_status = 0;
        return NULL;
    }
    TRY(report_open(o.g.log, !strcmp(o.g.log_format, "json"), o.g.debug));
    o.g.no_cgroups = o.manager && !strcmp(o.manager, "disabled");
    TRY(check(&o));
    const struct verb *v = n ? find(operands[0]) : NULL;
    if (!v)
        return err_new(ERR_INVALID, n ? "unknown verb \"%s\" (see --help)" : "which verb? (see --help)",
            n ? operands[0] : "");
    o.g.root_named = o.g.root != NULL;
    if (!o.g.root)
        o.g.root = default_root();
    if (v->enters)
        TRY(seal_self(original));
    report_debug("wherry-runtime %s: %s, state in %s", wherry_version(), v->name, o.g.root);
    struct err *e = v->fn(&o.g, n, operands, ret_status);
    if (e)
        *ret_status = v->failed;
    return e;
}

int main(int argc, char **argv)
{
    int status;
#ifdef M_TOP_PAD                   /* glibc */
    mallopt(M_TOP_PAD, 512 << 10); /* one brk(2), not a dozen */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
    prctl(PR_SET_NAME, "wherry-runtime", 0, 0, 0);
    /* nobody looks into a process that is about to enter a container */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    auto_free char **original = mem_dup(argv, ((size_t)argc + 1) * sizeof(*argv)); /* parsing reorders */
    auto_err *e = run(argc, argv, original, &status);
    if (!e && fflush(stdout) != 0)
        status = 1;
    if (e)
        report_error(err_message(e));
    return status;
}
