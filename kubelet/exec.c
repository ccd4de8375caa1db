/* Probes' and hooks' commands, see exec.h. */
#include "kubelet/exec.h"
#include "kubelet/env.h"
#include "kubelet/sandbox.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXEC_OUTPUT = 10 << 10, EXEC_CONFIG = 4 << 20, EXEC_DRAIN_MS = 1000 };

struct exec {
    struct exec *next;
    struct instance *instance;
    char name[32];
    struct shim_call *call;
    struct timer *timer;
    struct watch *watch;
    int out, pidfd;
    struct buf output;
    bool exited, closed, timed_out;
    int exit_code;
    exec_done_fn *done;
    void *arg;
};

static struct exec *execs; /* under way, of all Pods */

void exec_name(char *text, size_t n)
{
    static unsigned seq;
    snprintf(text, n, "k%d-%llx-%u", (int)getpid(), (unsigned long long)clock_now_ns() & 0xffffffffff, ++seq);
}

static void exec_free(struct exec *e)
{
    for (struct exec **p = &execs; *p; p = &(*p)->next)
        if (*p == e) {
            *p = e->next;
            break;
        }
    shim_call_drop(e->call);
    timer_free(e->timer);
    watch_free(e->watch);
    if (e->out >= 0)
        close(e->out);
    if (e->pidfd >= 0)
        close(e->pidfd);
    buf_done(&e->output);
    free(e);
}

static void exec_end(struct exec *e, const struct err *error)
{
    exec_done_fn *done = e->done;
    void *arg = e->arg;
    int code = e->exit_code;
    auto_free char *output = buf_take(&e->output);
    exec_free(e);
    done(arg, error, code, output ? output : "");
}

static void exec_kill(struct exec *e)
{
    if (e->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, e->pidfd, SIGKILL, NULL, 0);
}

void exec_cancel(struct exec *e)
{
    if (!e)
        return;
    exec_kill(e);
    exec_free(e);
}

static void exec_check(struct exec *e)
{
    if (e->exited && e->closed)
        exec_end(e, NULL);
}

static void on_output(void *arg, int events)
{
    struct exec *e = arg;
    char text[4096];
    (void)events;
    for (;;) {
        ssize_t n = read(e->out, text, sizeof(text));
        if (n > 0) {
            size_t room = EXEC_OUTPUT - e->output.len;
            buf_add(&e->output, text, (size_t)n < room ? (size_t)n : room);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        break;
    }
    watch_set(e->watch, 0);
    e->closed = true;
    exec_check(e);
}

static void on_timer(void *arg)
{
    struct exec *e = arg;
    if (e->exited) { /* a child of its own keeps the pipe open */
        exec_end(e, NULL);
        return;
    }
    exec_kill(e);
    auto_err *error = err_new(ERR_TIMEOUT, "timed out");
    exec_end(e, error);
}

void exec_exited(struct worker *w, const char *name, int exit_code, int signal)
{
    (void)signal;
    for (struct exec *e = execs; e; e = e->next)
        if (e->instance->worker == w && strcmp(e->name, name) == 0) {
            e->exited = true;
            e->exit_code = exit_code;
            if (!e->closed)
                timer_start(e->timer, EXEC_DRAIN_MS);
            exec_check(e);
            return;
        }
}

static void started(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct exec *e = arg;
    int64_t pid = 0;
    (void)fds, (void)n;
    e->call = NULL;
    if (error) {
        exec_end(e, error);
        return;
    }
    if (!e->exited && json_int(json_get(results, "pid"), &pid) && pid > 0)
        e->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

struct err *exec_process(
    struct instance *i, struct arena *a, const struct str_list *argv, bool terminal, struct oci_process *ret)
{
    auto_free char *text = NULL, *path = mem_printf("%s/%s/containers/%s/config.json",
                                     i->worker->kubelet->path.run_pods, i->worker->uid, i->cid);
    struct oci_config config;
    size_t n;
    TRY(file_read(AT_FDCWD, path, EXEC_CONFIG, &text, &n));
    TRY_WRAP(fields_parse(&oci_config_fields, a, text, n, &config), "%s", path);
    if (!config.process)
        return err_new(ERR_INVALID, "%s: process: required", path);
    *ret = *config.process;
    ret->args = *argv;
    ret->terminal = (struct opt_bool){true, terminal};
    if (terminal)
        env_for_terminal(a, &ret->env);
    return NULL;
}

static struct err *exec_begin(struct exec *e, const struct str_list *argv)
{
    struct instance *i = e->instance;
    struct shim_client *shim = sandbox_shim(i->worker);
    auto_arena *a = arena_new();
    struct oci_process p;
    int fds[2];
    if (!shim)
        return err_new(ERR_UNAVAILABLE, "the Pod's sandbox is not ready");
    TRY(exec_process(i, a, argv, false, &p));
    auto_close null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    e->out = fds[0];
    fcntl(e->out, F_SETFL, O_NONBLOCK);
    e->watch = watch_new(i->worker->kubelet->loop, e->out, on_output, e);
    watch_set(e->watch, UV_READABLE);
    int stdio[3] = {null, fds[1], fds[1]};
    e->call = shim_exec(shim, i->cid, e->name, &p, false, stdio, 3, started, e);
    close(fds[1]);
    return NULL;
}

static void begin_failed(void *arg)
{
    struct exec *e = arg;
    auto_err *error = err_new(ERR_UNAVAILABLE, "%s", buf_str(&e->output));
    exec_end(e, error);
}

struct exec *exec_start(
    struct instance *i, const struct str_list *argv, uint64_t deadline_ms, exec_done_fn *done, void *arg)
{
    struct exec *e = mem_new(struct exec);
    *e = (struct exec){.next = execs,
        .instance = i,
        .out = -1,
        .pidfd = -1,
        .output = BUF_INIT(EXEC_OUTPUT + 1),
        .done = done,
        .arg = arg};
    execs = e;
    exec_name(e->name, sizeof(e->name));
    struct err *error = exec_begin(e, argv);
    e->timer = timer_new(i->worker->kubelet->loop, error ? begin_failed : on_timer, e);
    timer_start(e->timer, error ? 0 : deadline_ms);
    if (error) {
        buf_adds(&e->output, err_message(error));
        err_free(error);
    }
    return e;
}
