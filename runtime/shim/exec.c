/* Executions: see exec.h. */
#include "runtime/shim/exec.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXEC_NAME_MAX = 128 };

struct exec {
    struct exec *next;
    struct shim *shim;
    char *name, *pidfile, *container;
    int log;
    struct console console;
    struct reply *reply;
};

static void exec_free(struct exec *x)
{
    struct exec **at = &x->shim->execs;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    x->shim->n_execs--;
    console_close(x->shim, &x->console);
    if (x->log >= 0)
        close(x->log);
    free(x->name);
    free(x->pidfile);
    free(x->container);
    free(x);
}

static void on_process_end(void *arg, int status, bool timed_out)
{
    (void)timed_out;
    struct exec *x = arg;
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    struct json_out *o = event_begin(x->shim, "execExit");
    json_out_str(o, "exec", x->name);
    json_out_int(o, "exitCode", sig ? 128 + sig : WEXITSTATUS(status));
    json_out_int(o, "signal", sig);
    event_send(x->shim);
    exec_free(x);
}

static struct err *take_over(struct exec *x, pid_t *ret_pid, int *ret_master)
{
    TRY(runtime_pid(x->pidfile, ret_pid));
    if (x->console.fd >= 0)
        TRY(console_take(&x->console, ret_master));
    struct child *process;
    return child_adopt(&x->shim->children, *ret_pid, on_process_end, x, &process);
}

static void on_runtime_end(void *arg, int status, bool timed_out)
{
    struct exec *x = arg;
    pid_t pid = 0;
    auto_close master = -1;
    struct err *e = runtime_result(x->log, status, timed_out);
    if (!e)
        e = take_over(x, &pid, &master);
    else
        unlink(x->pidfile);
    struct reply *r = take_ptr(x->reply);
    if (e) {
        reply_err(r, e); /* the name is the caller's own, and new each time: equal failures stay equal */
        exec_free(x);
        return;
    }
    console_close(x->shim, &x->console);
    close(x->log);
    x->log = -1;
    json_out_int(reply_begin(r), "pid", pid);
    reply_send(r, &master, master >= 0 ? 1 : 0);
}

/* The process object as a file that only descriptors lead to. */
static struct err *process_file(struct arena *a, const struct exec_spec *spec, int *ret_fd)
{
    const struct json *process = json_with(a, spec->process, "terminal", json_new_bool(a, spec->terminal));
    auto_buf text = BUF_INIT(UNIXMSG_MAX * 2);
    json_write(&text, process, 0);
    TRY(buf_check(&text, "process"));
    auto_close fd = memfd_create("wherry-process", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "memfd_create");
    TRY(file_write_all(fd, buf_str(&text), text.len));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(errno, "lseek");
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *run(struct exec *x, struct arena *a, const struct exec_spec *spec, struct ops_fds *fds)
{
    TRY(runtime_log_new(&x->log));
    if (spec->terminal)
        TRY(console_open(x->shim, &x->console));
    auto_close process = -1;
    TRY(process_file(a, spec, &process));
    struct runtime_call call = {
        .id = x->container,
        .log = x->log,
        .in = spec->terminal ? -1 : fds->fd[0],
        .out = spec->terminal ? -1 : fds->fd[1],
        .err = spec->terminal ? -1 : fds->fd[2],
        .pidfile = x->pidfile,
        .console = &x->console,
        .process = process,
        .done = on_runtime_end,
        .arg = x,
    };
    struct child *job;
    return runtime_exec(x->shim, &call, &job);
}

static struct err *check(const struct container *c, const struct exec_spec *spec, const struct ops_fds *fds)
{
    TRY_WRAP(container_usable(c), "container %s", c->name);
    size_t n = spec->exec ? strlen(spec->exec) : 0;
    if (n == 0 || n > EXEC_NAME_MAX)
        return err_new(ERR_INVALID, "exec: a name of 1 to %d bytes is needed", EXEC_NAME_MAX);
    if (!spec->process || spec->process->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "process: not an object");
    size_t want = spec->terminal ? 0 : 3;
    if (fds->n != want)
        return err_new(ERR_INVALID, "exec: %zu descriptors came, want %zu", fds->n, want);
    const struct shim *s = c->shim;
    for (const struct exec *x = s->execs; x; x = x->next)
        if (!strcmp(x->name, spec->exec))
            return err_new(ERR_EXISTS, "exec %s exists", spec->exec);
    if (s->n_execs >= SHIM_EXECS_MAX)
        return err_new(ERR_LIMIT, "%d executions are running already", SHIM_EXECS_MAX);
    return NULL;
}

struct err *exec_start(
    struct container *c, struct arena *a, const struct exec_spec *spec, struct ops_fds *fds, struct reply *r)
{
    TRY(check(c, spec, fds));
    struct shim *s = c->shim;
    struct exec *x = mem_new(struct exec);
    *x = (struct exec){
        .next = s->execs,
        .shim = s,
        .name = mem_strdup(spec->exec),
        .container = mem_strdup(c->id),
        .pidfile = mem_printf("%s/exec.%llu.pid", s->run_dir, (unsigned long long)++s->n_sockets),
        .log = -1,
        .console.fd = -1,
        .reply = r,
    };
    s->execs = x;
    s->n_execs++;
    struct err *e = run(x, a, spec, fds);
    if (e)
        exec_free(x);
    return e;
}
