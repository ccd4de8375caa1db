/*
 * `wherry supervise` (started by `wherry up`, not listed in the help): parent of the node's daemons. It
 * starts what RUN/node.json names, starts again what ends, with a back-off, and on SIGTERM ends them in
 * reverse order. It holds no state: when it is killed, the daemons and the Pods go on, and the next `wherry
 * up` starts a new one that ends and replaces them.
 */
#include "cli/cli.h"
#include "cli/node.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BACKOFF_FIRST_MS = 100, /* after the first end */
    BACKOFF_MAX_MS = 10000,
    BACKOFF_RESET_MS = 60000, /* a daemon that lived so long starts from the first again */
    STOP_MS = 15000,          /* then SIGKILL */
    LOG_MAX = 16 << 20,       /* a daemon's log is moved to .log.1 when it is longer at a start */
    DAEMONS_MAX = 8,
};

struct child {
    const struct node_daemon *daemon;
    int pidfd; /* -1: not running */
    int pid;
    int64_t started_ms, due_ms; /* monotonic; due: when to start it again */
    int64_t backoff_ms;
};

struct supervisor {
    const struct node *node;
    struct child children[DAEMONS_MAX];
    size_t n;
    int signals;
};

static struct err *open_log(const char *run, const char *name, int *ret_fd)
{
    auto_free char *path = mem_printf("%s/%s.log", run, name);
    auto_close fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return err_sys(errno, "open %s", path);
    if (lseek(fd, 0, SEEK_END) > LOG_MAX) {
        auto_free char *old = mem_printf("%s.1", path);
        if (rename(path, old) < 0)
            return err_sys(errno, "rename %s", path);
        close(fd);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
            return err_sys(errno, "open %s", path);
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

/* Between fork and exec: async-signal-safe calls only. */
__attribute__((noreturn)) static void exec_daemon(char *const *argv, int log)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    close_range(3, ~0U, 0);
    execv(argv[0], argv);
    _exit(127);
}

static struct err *start(struct supervisor *s, struct child *c)
{
    auto_close log = -1;
    TRY(open_log(s->node->run, c->daemon->name, &log));
    auto_free char **argv = mem_array(c->daemon->argv.n + 1, sizeof(*argv));
    for (size_t i = 0; i < c->daemon->argv.n; i++)
        argv[i] = (char *)c->daemon->argv.v[i];
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(errno, "fork");
    if (pid == 0)
        exec_daemon(argv, log);
    c->pid = pid;
    c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    c->started_ms = clock_mono_ms();
    return node_pid_write(s->node->run, c->daemon->name, pid);
}

static void start_due(struct supervisor *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct child *c = &s->children[i];
        if (c->pidfd >= 0 || clock_mono_ms() < c->due_ms)
            continue;
        struct err *e = start(s, c);
        if (e) {
            c->due_ms = clock_mono_ms() + BACKOFF_MAX_MS;
            log_err(LOG_ERROR, "", err_wrap(e, "start %s", c->daemon->name));
        }
    }
}

static void reap(struct child *c)
{
    int status = 0;
    if (waitpid(c->pid, &status, 0) < 0)
        status = 0;
    close(c->pidfd);
    c->pidfd = -1;
    int64_t now = clock_mono_ms();
    bool lived = now - c->started_ms >= BACKOFF_RESET_MS;
    c->backoff_ms = lived || !c->backoff_ms ? BACKOFF_FIRST_MS : c->backoff_ms * 2;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    c->due_ms = now + c->backoff_ms;
    log_warn("", "%s (pid %d) ended: %s %d; starting it again in %lld ms", c->daemon->name, c->pid,
        WIFSIGNALED(status) ? "signal" : "exit status",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (long long)c->backoff_ms);
}

/* Waits for a signal, an end, or the next start that is due. True: SIGTERM came. */
static bool turn(struct supervisor *s)
{
    struct pollfd fds[DAEMONS_MAX + 1] = {{.fd = s->signals, .events = POLLIN}};
    int64_t wait = -1, now = clock_mono_ms();
    for (size_t i = 0; i < s->n; i++) {
        struct child *c = &s->children[i];
        fds[i + 1] = (struct pollfd){.fd = c->pidfd, .events = POLLIN};
        if (c->pidfd < 0) {
            int64_t left = c->due_ms > now ? c->due_ms - now : 0;
            wait = wait < 0 || left < wait ? left : wait;
        }
    }
    if (poll(fds, s->n + 1, (int)wait) < 0)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (fds[i + 1].revents)
            reap(&s->children[i]);
    return fds[0].revents;
}

static void stop_one(const char *run, const char *name, int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    (void)syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    if (poll(&p, 1, STOP_MS) == 0) {
        log_warn("", "%s did not end within %d s: killed", name, STOP_MS / 1000);
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        (void)poll(&p, 1, STOP_MS);
    }
    node_pid_forget(run, name);
}

static void stop_all(struct supervisor *s)
{
    for (size_t i = s->n; i-- > 0;)
        if (s->children[i].pidfd >= 0)
            stop_one(s->node->run, s->children[i].daemon->name, s->children[i].pidfd);
}

/* A supervisor that was killed has left its daemons running. */
static void stop_orphans(const struct node *node)
{
    for (size_t i = node->daemons.n; i-- > 0;) {
        auto_close pidfd = node_pid_open(node->run, node->daemons.v[i].name, NULL);
        if (pidfd >= 0)
            stop_one(node->run, node->daemons.v[i].name, pidfd);
    }
}

struct err *cli_supervise(struct cli *cli, int argc, char **argv)
{
    static const struct arg_option options[] = {{0}};
    static const struct arg_spec spec = {
        "wherry supervise", "Parent of the node's daemons; `wherry up` starts it.", options, 0, 0, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    struct node node;
    TRY(node_load(cli->run, a, &node));
    if (node.daemons.n > DAEMONS_MAX)
        return err_new(
            ERR_LIMIT, "%s/node.json: %zu daemons, at most %d", cli->run, node.daemons.n, DAEMONS_MAX);
    log_init("supervisor", LOG_INFO, LOG_TEXT);
    struct supervisor s = {.node = &node, .n = node.daemons.n};
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGHUP, SIG_IGN);
    s.signals = signalfd(-1, &stop, SFD_CLOEXEC);
    if (s.signals < 0)
        return err_sys(errno, "signalfd");
    stop_orphans(&node);
    for (size_t i = 0; i < s.n; i++)
        s.children[i] = (struct child){.daemon = &node.daemons.v[i], .pidfd = -1};
    TRY(node_pid_write(cli->run, "supervisor", getpid()));
    do
        start_due(&s);
    while (!turn(&s));
    stop_all(&s);
    node_pid_forget(cli->run, "supervisor");
    close(s.signals);
    return NULL;
}
