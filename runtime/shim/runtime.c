/* The runtime's command line: see runtime.h. */
#include "runtime/shim/runtime.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/shim/shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors the runtime is given, as child_spec numbers them. */
#define LOG_AT "/proc/self/fd/3"
#define RUN_DIR_AT "/proc/self/fd/4" /* keeps the console's path short whatever the run dir is */
#define PROCESS_AT "/proc/self/fd/5"

enum { LOG_MAX = 64 * 1024, ARGS_MAX = 24 };

/* ---- consoles ---- */

static struct err *bind_console(struct shim *s, struct console *c)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(c->name, sizeof(c->name), "console.%llu", (unsigned long long)++s->n_sockets);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", s->run_fd, c->name);
    if (bind(c->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        return err_sys(errno, "bind %s", c->name);
    return listen(c->fd, 1) < 0 ? err_sys(errno, "listen") : NULL;
}

struct err *console_open(struct shim *s, struct console *ret)
{
    ret->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ret->fd < 0)
        return err_sys(errno, "console socket");
    struct err *e = bind_console(s, ret);
    if (e)
        console_close(s, ret);
    return e;
}

struct err *console_take(const struct console *c, int *ret_master)
{
    auto_close conn = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0)
        return err_sys(errno, "the runtime sent no terminal");
    char name[256];
    union {
        struct cmsghdr align;
        char data[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {name, sizeof(name)};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.data,
        .msg_controllen = sizeof(control.data)};
    if (recvmsg(conn, &m, MSG_CMSG_CLOEXEC) < 0)
        return err_sys(errno, "receive the terminal");
    const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
        return err_new(ERR_SYSTEM, "the runtime sent no terminal");
    memcpy(ret_master, CMSG_DATA(h), sizeof(int));
    return NULL;
}

void console_close(struct shim *s, struct console *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    unlinkat(s->run_fd, c->name, 0);
}

/* ---- calls ---- */

struct args {
    const char *v[ARGS_MAX];
    size_t n;
    char console[64];
};

static void add(struct args *a, const char *arg)
{
    a->v[a->n++] = arg;
}

static void add_all(struct args *a, const char *const *list)
{
    while (*list)
        add(a, *list++);
}
#define ADD(a, ...) add_all((a), (const char *const[]){__VA_ARGS__, NULL})

static void begin_args(const struct shim *s, struct args *a)
{
    ADD(a, s->runtime, "--root", s->runtime_root, "--log", LOG_AT, "--log-format", "json");
}

static void add_console(struct args *a, const struct runtime_call *c)
{
    if (!c->console || c->console->fd < 0)
        return;
    snprintf(a->console, sizeof(a->console), RUN_DIR_AT "/%s", c->console->name);
    ADD(a, "--console-socket", a->console);
}

static struct err *call(struct shim *s, const struct runtime_call *c, struct args *a, struct child **ret)
{
    add(a, c->id);
    struct child_spec spec = {
        .argv = a->v,
        .in = c->in,
        .out = c->out,
        .err = c->err,
        .fds = {c->log, s->run_fd, c->process},
        .n_fds = c->process >= 0 ? 3 : 2,
        .deadline_ms = s->job_deadline_ms,
    };
    return child_spawn(&s->children, &spec, c->done, c->arg, ret);
}

struct err *runtime_run(struct shim *s, const struct runtime_call *c, struct child **ret)
{
    struct args a = {0};
    begin_args(s, &a);
    ADD(&a, "run", "--detach", "--bundle", c->bundle, "--pid-file", c->pidfile);
    add_console(&a, c);
    return call(s, c, &a, ret);
}

struct err *runtime_exec(struct shim *s, const struct runtime_call *c, struct child **ret)
{
    struct args a = {0};
    begin_args(s, &a);
    ADD(&a, "exec", "--detach", "--process", PROCESS_AT, "--pid-file", c->pidfile);
    add_console(&a, c);
    return call(s, c, &a, ret);
}

struct err *runtime_delete(struct shim *s, const struct runtime_call *c, struct child **ret)
{
    struct args a = {0};
    begin_args(s, &a);
    ADD(&a, "delete", "--force");
    return call(s, c, &a, ret);
}

/* ---- results ---- */

struct err *runtime_log_new(int *ret_fd)
{
    *ret_fd = memfd_create("wherry-log", MFD_CLOEXEC);
    return *ret_fd < 0 ? err_sys(errno, "memfd_create") : NULL;
}

/* The message of a log line, NULL where it is no error. */
static const char *error_of(struct arena *a, const char *line, size_t n)
{
    const struct json *j = NULL;
    struct err *e = json_parse(a, line, n, NULL, &j);
    err_free(e);
    const char *level = json_str(json_get(j, "level"));
    return level && (!strcmp(level, "error") || !strcmp(level, "fatal")) ? json_str(json_get(j, "msg"))
                                                                         : NULL;
}

/* The last error in a log of JSON lines. */
static const char *last_error(struct arena *a, const char *text, size_t n)
{
    const char *found = NULL;
    for (const char *at = text, *end; at < text + n; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text + n - at));
        end = end ? end : text + n;
        const char *msg = error_of(a, at, (size_t)(end - at));
        found = msg ? msg : found;
    }
    return found;
}

struct err *runtime_result(int log, int status, bool timed_out)
{
    if (timed_out)
        return err_new(ERR_TIMEOUT, "the runtime did not end in time");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    auto_free char *text = mem_zalloc(LOG_MAX);
    ssize_t n = pread(log, text, LOG_MAX - 1, 0);
    auto_arena *a = arena_new();
    const char *msg = last_error(a, text, n > 0 ? (size_t)n : 0);
    if (msg)
        return err_new(ERR_SYSTEM, "%s", msg);
    if (WIFSIGNALED(status))
        return err_new(ERR_SYSTEM, "the runtime was killed by signal %d", WTERMSIG(status));
    return err_new(ERR_SYSTEM, "the runtime exited with status %d", WEXITSTATUS(status));
}

struct err *runtime_pid(const char *pidfile, pid_t *ret)
{
    auto_free char *text = NULL;
    struct err *e = file_read(AT_FDCWD, pidfile, 32, &text, NULL);
    unlink(pidfile);
    TRY(e);
    char *end;
    long pid = strtol(text, &end, 10);
    if (end == text || *end || pid <= 1 || pid > INT32_MAX)
        return err_new(ERR_INVALID, "%s: \"%s\" is no pid", pidfile, text);
    *ret = (pid_t)pid;
    return NULL;
}
