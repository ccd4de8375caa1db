/* exec: a further process in a running container, described by a file or by the container's own process and
 * options. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/annotations.h"
#include "runtime/handover.h"
#include "runtime/join.h"
#include "runtime/process/descriptors.h"
#include "runtime/report.h"
#include "runtime/verbs/exec_process.h"
#include "runtime/verbs/foreground.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct err *find_container(
    const struct globals *g, const char *id, bool ignore_paused, struct join *j, struct record *r)
{
    auto_close dir = -1;
    TRY(record_find(g->root, id, j->arena, &dir, r));
    j->init = record_pidfd(r);
    if (j->init < 0)
        return errno == ESRCH ? err_new(ERR_CONFLICT, "cannot exec in a stopped container")
                              : err_sys(errno, "look for init");
    if (record_status_alive(r, dir) == RECORD_PAUSED && !ignore_paused)
        return err_new(ERR_CONFLICT, "cannot exec in a paused container (use --ignore-paused to override)");
    return record_load_filter(dir, j->arena, &j->process.filter);
}

static struct err *prepare_console(const struct exec_options *o, struct join *j, int *ret_ours)
{
    *ret_ours = -1;
    if (!j->process.terminal)
        return o->console_socket ? err_new(ERR_INVALID, "--console-socket: the process wants no terminal")
                                 : NULL;
    if (o->console_socket)
        return handover_connect("--console-socket", o->console_socket, &j->console);
    if (o->detach)
        return err_new(ERR_INVALID, "cannot allocate tty if the runtime detaches without --console-socket");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(errno, "socketpair");
    *ret_ours = pair[0];
    j->console = pair[1];
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
    const struct globals *g, const struct exec_options *o, char **operands, int n, int *ret_status)
{
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    struct join j = {.arena = a, .init = -1, .console = -1};
    struct record r;
    struct oci_process p;
    struct foreground fg;
    int console, listen;
    TRY(descriptors_preserved(o->preserve_fds, &j.preserve, &listen));
    TRY(subcgroups_parse(a, &o->cgroups, &j.cgroups));
    TRY(find_container(g, operands[0], o->ignore_paused, &j, &r));
    if (!r.process)
        return err_new(ERR_CONFLICT, "container %s was never made wholly", r.id);
    TRY(exec_process(a, o, r.process, operands + 1, n - 1, &p));
    struct process_filter filter = j.process.filter;
    TRY(process_plan(a, &p, &j.process));
    j.process.filter = filter;
    j.process.keep_groups = annotations_keep_groups(&r.annotations);
    TRY(plan_scheduling(&p, &r, &j));
    TRY(lsm_plan_here(&p, NULL, &j.process.lsm));
    process_warn_caps(&j.process);
    j.record = &r;
    j.pidfd_socket = o->pidfd_socket;
    TRY(prepare_console(o, &j, &console));
    if (!o->detach)
        TRY(foreground_begin(&fg, false));
    TRY_WRAP(join_start(&j), "unable to start container process");
    if (o->pid_file)
        TRY(write_pid(o->pid_file, j.pid));
    *ret_status = 0;
    return o->detach ? NULL : foreground_stay(&fg, j.pid, j.pidfd, console, ret_status);
}

struct err *verb_exec(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct exec_options o = {0};
    const struct arg_option options[] = {
        {"process", 'p', ARG_STR, &o.process, "FILE", "the process as JSON, instead of a command"},
        {"detach", 'd', ARG_FLAG, &o.detach, NULL, "do not stay with it"},
        {"pid-file", 0, ARG_STR, &o.pid_file, "FILE", "where to write its pid"},
        {"console-socket", 0, ARG_STR, &o.console_socket, "PATH",
            "unix socket that gets the terminal's master"},
        {"pidfd-socket", 0, ARG_STR, &o.pidfd_socket, "PATH", "unix socket that gets a pidfd of it"},
        {"tty", 't', ARG_FLAG, &o.tty, NULL, "with a terminal"},
        {"user", 'u', ARG_STR, &o.user, "UID[:GID]", "numbers"},
        {"additional-gids", 'g', ARG_STRS, &o.gids, "GID", "one more group (repeatable)"},
        {"cwd", 0, ARG_STR, &o.cwd, "DIR", "working directory"},
        {"env", 'e', ARG_STRS, &o.env, "NAME=VALUE", "one more variable (repeatable)"},
        {"cap", 'c', ARG_STRS, &o.caps, "CAP", "one more capability (repeatable)"},
        {"no-new-privs", 0, ARG_FLAG, &o.no_new_privs, NULL, "set no_new_privs"},
        {"ignore-paused", 0, ARG_FLAG, &o.ignore_paused, NULL, "also in a paused container"},
        {"preserve-fds", 0, ARG_INT, &o.preserve_fds, "N", "pass N more descriptors, from 3 on"},
        {"cgroup", 0, ARG_STRS, &o.cgroups, "[CTRL:]PATH", "in a cgroup below the container's (repeatable)"},
        {"process-label", 0, ARG_STR, &o.label, "LABEL", "SELinux label"},
        {"apparmor", 0, ARG_STR, &o.apparmor, "PROFILE", "AppArmor profile"},
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
    return err_wrap(exec(g, &o, operands, n, ret_status), "exec failed");
}
