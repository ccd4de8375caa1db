/* exec: a further process in a running container, described by a file or by the container's own process and
 * options. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/console.h"
#include "runtime/foreground.h"
#include "runtime/join.h"
#include "runtime/report.h"
#include "runtime/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROCESS_MAX (1 << 20)

struct options {
    const char *process, *pid_file, *console_socket, *cwd, *user, *label, *apparmor;
    struct str_list env, caps, gids;
    bool tty, detach, no_new_privs, ignore_paused, ignored;
    int64_t preserve_fds;
};

/* Decimal digits, all of them, in range; anything else is an error and never 0. */
static bool read_id(const char *text, size_t len, int64_t *ret)
{
    if (!len || len > 10 || strspn(text, "0123456789") < len)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v * 10 + (text[i] - '0');
    if (v >= 0xffffffffLL)
        return false;
    *ret = v;
    return true;
}

static struct err *parse_user(const char *text, struct oci_user *u)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    u->uid.set = true;
    if (!read_id(text, len, &u->uid.v))
        return err_new(ERR_INVALID, "--user: \"%s\": must be UID or UID:GID", text);
    if (!colon)
        return NULL;
    u->gid.set = true;
    if (!read_id(colon + 1, strlen(colon + 1), &u->gid.v))
        return err_new(ERR_INVALID, "--user: \"%s\": must be UID or UID:GID", text);
    return NULL;
}

static struct str_list joined(struct arena *a, struct str_list x, struct str_list y)
{
    struct str_list out = {.n = x.n + y.n, .v = arena_array(a, x.n + y.n, sizeof(*out.v))};
    if (x.n)
        memcpy(out.v, x.v, x.n * sizeof(*out.v));
    if (y.n)
        memcpy(out.v + x.n, y.v, y.n * sizeof(*out.v));
    return out;
}

static struct err *add_caps(struct arena *a, const struct options *o, struct oci_process *p)
{
    for (size_t i = 0; i < o->caps.n; i++)
        if (caps_number(o->caps.v[i]) < 0)
            return err_new(ERR_INVALID, "--cap: unknown capability \"%s\"", o->caps.v[i]);
    struct oci_capabilities *c = arena_new_obj(a, struct oci_capabilities);
    if (p->capabilities)
        *c = *p->capabilities;
    c->bounding = joined(a, c->bounding, o->caps);
    c->effective = joined(a, c->effective, o->caps);
    c->permitted = joined(a, c->permitted, o->caps);
    p->capabilities = c; /* never inheritable */
    return NULL;
}

static struct err *add_gids(struct arena *a, const struct options *o, struct oci_user *u)
{
    struct int_list l = {.v = arena_array(a, u->additional_gids.n + o->gids.n, sizeof(*l.v))};
    for (; l.n < u->additional_gids.n; l.n++)
        l.v[l.n] = u->additional_gids.v[l.n];
    for (size_t i = 0; i < o->gids.n; i++)
        if (!read_id(o->gids.v[i], strlen(o->gids.v[i]), &l.v[l.n++]))
            return err_new(ERR_INVALID, "--additional-gids: \"%s\": no group id", o->gids.v[i]);
    u->additional_gids = l;
    return NULL;
}

/* The container's process, changed by the options. */
static struct err *from_options(struct arena *a, const struct options *o, const struct record *r, char **args,
    int n, struct oci_process *p)
{
    if (!r->process)
        return err_new(ERR_CONFLICT, "container %s was never made wholly", r->id);
    *p = *r->process;
    if (n < 1)
        return err_new(ERR_INVALID, "exec: which command? (or --process FILE)");
    p->args = (struct str_list){.n = (size_t)n, .v = (const char **)args};
    p->terminal = (struct opt_bool){true, o->tty};
    p->env = joined(a, p->env, o->env);
    struct oci_user *u = arena_new_obj(a, struct oci_user);
    if (p->user)
        *u = *p->user;
    p->user = u;
    if (o->user)
        TRY(parse_user(o->user, u));
    if (o->cwd)
        p->cwd = o->cwd;
    if (o->no_new_privs)
        p->no_new_privileges = (struct opt_bool){true, true};
    TRY(add_gids(a, o, u));
    if (o->caps.n)
        TRY(add_caps(a, o, p));
    return NULL;
}

static struct err *from_file(struct arena *a, const struct options *o, struct oci_process *p)
{
    auto_free char *text = NULL;
    size_t len;
    TRY_WRAP(file_read(AT_FDCWD, o->process, PROCESS_MAX, &text, &len), "--process");
    TRY_WRAP(fields_parse(&oci_process_fields, a, text, len, p), "--process: %s", o->process);
    if (o->tty)
        p->terminal = (struct opt_bool){true, true};
    return NULL;
}

static struct err *find_container(
    const struct globals *g, const char *id, bool ignore_paused, struct join *j, struct record *r)
{
    auto_close dir = -1;
    TRY(record_find(g->root, id, j->arena, &dir, r));
    j->init = record_pidfd(r);
    if (j->init < 0)
        return err_new(ERR_CONFLICT, "cannot exec in a stopped container");
    enum record_status s = record_status(r, dir);
    if (s == RECORD_PAUSED && !ignore_paused)
        return err_new(ERR_CONFLICT, "cannot exec in a paused container (use --ignore-paused to override)");
    return record_load_filter(dir, j->arena, &j->process.filter);
}

static struct err *prepare_console(const struct options *o, struct join *j, int *ret_ours)
{
    *ret_ours = -1;
    if (!j->process.terminal)
        return o->console_socket ? err_new(ERR_INVALID, "--console-socket: the process wants no terminal")
                                 : NULL;
    if (o->console_socket)
        return console_connect(o->console_socket, &j->console);
    if (o->detach)
        return err_new(ERR_INVALID, "--detach: a terminal needs --console-socket then");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(errno, "socketpair");
    *ret_ours = pair[0];
    j->console = pair[1];
    return NULL;
}

static struct err *preserve(const struct options *o, struct join *j)
{
    const char *listen = getenv("LISTEN_FDS");
    long n = listen ? strtol(listen, NULL, 10) : 0;
    if (n < 0 || n > 300 || o->preserve_fds < 0 || o->preserve_fds > 300)
        return err_new(ERR_INVALID, "--preserve-fds: must be 0 to 300, with those of LISTEN_FDS");
    j->preserve = (int)(n + o->preserve_fds);
    for (int fd = 3; fd < 3 + j->preserve; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return err_sys(errno, "--preserve-fds: descriptor %d", fd);
    return NULL;
}

static struct err *plan_scheduling(const struct oci_process *p, const struct record *r, struct join *j)
{
    const struct oci_cpu_affinity *cpus = p->exec_cpu_affinity;
    if (cpus)
        TRY_WRAP(scheduling_parse_cpus(cpus->initial, &j->initial), "process.execCPUAffinity.initial");
    if (cpus)
        TRY_WRAP(scheduling_parse_cpus(cpus->final, &j->final), "process.execCPUAffinity.final");
    return scheduling_plan(p, r->memory_policy, r->personality, &j->process.scheduling);
}

static struct err *write_pid(const char *file, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", (int)pid);
    return err_wrap(file_write_atomic(AT_FDCWD, file, text, (size_t)n, 0644, FILE_NO_FSYNC), "--pid-file");
}

static struct err *exec(
    const struct globals *g, const struct options *o, char **operands, int n, int *ret_status)
{
    auto_arena *a = arena_new();
    struct join j = {.arena = a, .init = -1, .console = -1};
    struct record r;
    struct oci_process p;
    struct foreground fg;
    int console;
    TRY(preserve(o, &j));
    TRY(find_container(g, operands[0], o->ignore_paused, &j, &r));
    TRY(o->process ? from_file(a, o, &p) : from_options(a, o, &r, operands + 1, n - 1, &p));
    struct process_filter filter = j.process.filter;
    TRY(process_plan(a, &p, &j.process));
    j.process.filter = filter;
    TRY(plan_scheduling(&p, &r, &j));
    if (j.process.unknown_cap)
        report_warning("process.capabilities: \"%s\" is unknown here and left out", j.process.unknown_cap);
    j.record = &r;
    TRY(prepare_console(o, &j, &console));
    if (!o->detach)
        TRY(foreground_begin(&fg));
    TRY_WRAP(join_start(&j), "exec failed: unable to start container process");
    if (o->pid_file)
        TRY(write_pid(o->pid_file, j.pid));
    *ret_status = 0;
    return o->detach ? NULL : foreground_stay(&fg, j.pid, j.pidfd, console, ret_status);
}

static struct err *refuse(const struct options *o)
{
    if (o->label && *o->label)
        return err_new(ERR_UNSUPPORTED, "--process-label: SELinux is not supported");
    if (o->apparmor && *o->apparmor && strcmp(o->apparmor, "unconfined"))
        return err_new(ERR_UNSUPPORTED, "--apparmor: AppArmor is not supported");
    return NULL;
}

struct err *verb_exec(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct options o = {0};
    const struct arg_option options[] = {
        {"process", 'p', ARG_STR, &o.process, "FILE", "the process as JSON, instead of a command"},
        {"detach", 'd', ARG_FLAG, &o.detach, NULL, "do not stay with it"},
        {"pid-file", 0, ARG_STR, &o.pid_file, "FILE", "where to write its pid"},
        {"console-socket", 0, ARG_STR, &o.console_socket, "PATH",
            "unix socket that gets the terminal's master"},
        {"tty", 't', ARG_FLAG, &o.tty, NULL, "with a terminal"},
        {"user", 'u', ARG_STR, &o.user, "UID[:GID]", "numbers"},
        {"additional-gids", 'g', ARG_STRS, &o.gids, "GID", "one more group (repeatable)"},
        {"cwd", 0, ARG_STR, &o.cwd, "DIR", "working directory"},
        {"env", 'e', ARG_STRS, &o.env, "NAME=VALUE", "one more variable (repeatable)"},
        {"cap", 'c', ARG_STRS, &o.caps, "CAP", "one more capability (repeatable)"},
        {"no-new-privs", 0, ARG_FLAG, &o.no_new_privs, NULL, "set no_new_privs"},
        {"ignore-paused", 0, ARG_FLAG, &o.ignore_paused, NULL, "also in a paused container"},
        {"preserve-fds", 0, ARG_INT, &o.preserve_fds, "N", "pass N more descriptors, from 3 on"},
        {"process-label", 0, ARG_STR, &o.label, "LABEL", "refused: SELinux"},
        {"apparmor", 0, ARG_STR, &o.apparmor, "PROFILE", "refused: AppArmor"},
        {"no-subreaper", 0, ARG_FLAG, &o.ignored, NULL, "accepted"},
        {NULL},
    };
    struct arg_spec spec = {.usage = "wherry-runtime exec [options] ID COMMAND...",
        .about = "Runs a further process in a running container; its exit status is ours, 255 where it could "
                 "not start.",
        .options = options,
        .min = 1,
        .max = -1,
        .stop_at_operand = true};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    TRY(refuse(&o));
    return exec(g, &o, operands, n, ret_status);
}
