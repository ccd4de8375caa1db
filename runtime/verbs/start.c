/* start: tells the init of a created container to go on, and waits until it has become the program, or says
 * why it could not. */
#include "lib/args.h"
#include "lib/mem.h"
#include "runtime/process/hooks.h"
#include "runtime/process/listener.h"
#include "runtime/record.h"
#include "runtime/sync.h"
#include "runtime/verbs/notify.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct err *wrong_state(enum record_status s)
{
    switch (s) {
    case RECORD_STOPPED:
        return err_new(ERR_CONFLICT, "cannot start a container that has stopped");
    case RECORD_RUNNING:
        return err_new(ERR_CONFLICT, "cannot start an already running container");
    default:
        return err_new(ERR_CONFLICT, "cannot start a container in the %s state", record_status_name(s));
    }
}

static struct err *connect_init(const struct record *r, int dir, int *ret_fd)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    auto_close fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(errno, "socket");
    snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" RECORD_SOCKET, dir);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return errno != ECONNREFUSED && errno != ENOENT ? err_sys(errno, "connect to init")
                                                        : wrong_state(record_status(r, dir));
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *go(const struct record *r, int fd)
{
    auto_close pidfd = record_pidfd(r);
    struct listener_peer p = {r, RECORD_CREATED, (pid_t)opt_int_or(r->pid, 0), pidfd, fd};
    TRY(sync_send(fd, SYNC_GO, NULL, NULL, 0));
    return listener_await_exec(&p);
}

/* Where one fails, the container has no business running on (runtime.md, Lifecycle). */
static struct err *poststart(const struct record *r)
{
    if (!r->hooks)
        return NULL;
    struct oci_state s = record_state(r, RECORD_RUNNING);
    struct err *e = hooks_run("poststart", &r->hooks->poststart, &s);
    auto_close pidfd = e ? record_pidfd(r) : -1;
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    return e;
}

struct err *verb_start(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct arg_spec spec = {
        .usage = "wherry-runtime start ID", .about = "Starts a created container.", .min = 1, .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    auto_close dir = -1;
    auto_close fd = -1;
    struct record r;
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    TRY(record_lock(dir));
    struct notify notify = {.manager = notify_manager()};
    TRY(connect_init(&r, dir, &fd));
    TRY(notify_listen(&notify, dir));
    TRY(go(&r, fd));
    if (unlinkat(dir, RECORD_SOCKET, 0) < 0 && errno != ENOENT)
        return err_sys(errno, "remove " RECORD_SOCKET);
    TRY(poststart(&r));
    *ret_status = 0;
    record_unlock(dir); /* what follows takes as long as the container likes */
    auto_close pidfd = notify.sock < 0 ? -1 : record_pidfd(&r);
    return notify_wait(&notify, (pid_t)r.pid.v, pidfd);
}
