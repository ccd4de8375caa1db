/*
 * `wherry down`: ends the Pods of this node and its daemons. What is on disk stays, and `wherry up` brings
 * the Pods back; with
 * --purge nothing stays: state, cgroups, nftables, the bridge.
 */
#include "cli/cli.h"
#include "cli/node.h"

#include "lib/api/paths.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SUPERVISOR_MS = 60000, TEARDOWN_MS = 120000 };

static struct err *stop_supervisor(const char *run)
{
    auto_close pidfd = node_pid_open(run, "supervisor", NULL);
    if (pidfd < 0)
        return NULL;
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return err_sys(errno, "end the supervisor");
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (poll(&p, 1, SUPERVISOR_MS) == 0)
        return err_new(ERR_TIMEOUT, "the supervisor did not end within %d s", SUPERVISOR_MS / 1000);
    return NULL;
}

/* Of a supervisor that was killed. */
static void stop_daemons(const struct node *n)
{
    for (size_t i = n->daemons.n; i-- > 0;) {
        auto_close pidfd = node_pid_open(n->run, n->daemons.v[i].name, NULL);
        if (pidfd < 0)
            continue;
        struct pollfd p = {.fd = pidfd, .events = POLLIN};
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
        if (poll(&p, 1, SUPERVISOR_MS) == 0)
            (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        node_pid_forget(n->run, n->daemons.v[i].name);
    }
}

/* Each daemon knows how to remove what it left in the kernel. */
static struct err *teardown(struct cli *cli, const char *program, const char *const *argv)
{
    struct spawn_result r = {0};
    auto_free char *path = cli_program(cli, program);
    const char *full[16] = {path, "teardown", "--state", cli->state, "--run", cli->run};
    for (size_t i = 0; argv[i]; i++)
        full[6 + i] = argv[i];
    struct err *e = spawn_run(
        &(struct spawn_opts){
            .argv = full, .out_max = 64 * 1024, .err_max = 64 * 1024, .deadline_ms = TEARDOWN_MS},
        &r);
    if (!e)
        e = spawn_result_err(&r, program);
    spawn_result_done(&r);
    return err_wrap(e, "teardown");
}

/* RUN and STATE are emptied, not removed, where a mount stands on them. */
static struct err *remove_folder(const char *path)
{
    struct err *e = file_remove_tree(AT_FDCWD, path);
    return err_wrap(e, "remove %s", path);
}

struct err *cli_down(struct cli *cli, int argc, char **argv)
{
    bool purge = false;
    const struct arg_option options[] = {
        {"purge", 0, ARG_FLAG, &purge, NULL,
            "remove everything of Wherry from this host, images and stored objects included"},
        {0},
    };
    const struct arg_spec spec = {
        "wherry down [--purge]", "Ends this node's Pods and daemons.", options, 0, 0, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (geteuid() != 0)
        return err_new(ERR_DENIED, "wherry down needs root");
    auto_arena *a = arena_new();
    struct node node = {.name = "", .cgroup = PATHS_CGROUP};
    struct err *e = node_load(cli->run, a, &node);
    if (e && err_kind(e) == ERR_NOT_FOUND && purge) {
        err_free(e); /* nothing runs: there may be leftovers all the same */
        node = (struct node){.name = "", .cgroup = PATHS_CGROUP, .run = cli->run, .state = cli->state};
    } else {
        TRY(e);
    }
    TRY(stop_supervisor(cli->run));
    stop_daemons(&node);
    TRY(teardown(cli, "wherry-kubelet", (const char *[]){"--cgroup", node.cgroup, NULL}));
    TRY(teardown(cli, "wherry-proxy", (const char *[]){NULL}));
    TRY(remove_folder(cli->run));
    if (purge)
        TRY(remove_folder(cli->state));
    printf("node %s is down%s\n", node.name, purge ? ", and nothing of it is left" : "");
    return NULL;
}
