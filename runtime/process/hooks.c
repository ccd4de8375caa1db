/*
 * See hooks.h. Not lib/spawn.h: a hook's args[0] need not be its path. Its output goes to a memory file
 * (unless the container says where to), of which the end becomes part of the error.
 */
#include "runtime/process/hooks.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/annotations.h"
#include "runtime/process/process.h"
#include "runtime/report.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_S 600
#define STATE_MAX (1 << 20)

static struct err *state_file(const struct oci_state *s, int *ret_fd)
{
    auto_buf b = BUF_INIT(STATE_MAX);
    struct json_out o = {.buf = &b};
    fields_encode(&oci_state_fields, s, &o, NULL);
    TRY(buf_check(&b, "state"));
    auto_close fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "memfd");
    TRY(file_write_all(fd, b.data, b.len));
    *ret_fd = take_fd(fd);
    return NULL;
}

static const char **list_of(struct arena *a, const struct str_list *l, const char *fallback)
{
    const char **v = arena_array(a, l->n + 2, sizeof(*v));
    if (l->n)
        memcpy(v, l->v, l->n * sizeof(*v));
    else
        v[0] = fallback;
    return v;
}

struct program {
    const char *path;
    char *const *argv, *const *envp;
    const struct process_plan *inside;
    int in;
    struct hooks_output to;
};

/* In the child that shares our memory: nothing but calls. Returns errno of what failed. */
static int become_hook(const struct program *g)
{
    sigset_t none;
    sigemptyset(&none);
    if (dup2(g->in, 0) < 0 || dup2(g->to.out, 1) < 0 || dup2(g->to.err, 2) < 0 || setpgid(0, 0) < 0 ||
        syscall(SYS_close_range, 3, ~0U, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return errno;
    auto_err *e = g->inside ? process_filter_hook(g->inside) : NULL;
    if (e)
        return err_errno(e);
    execve(g->path, g->argv, g->envp);
    return errno;
}

static __attribute__((noinline)) pid_t fork_hook(const struct program *g, volatile int *failed)
{
    pid_t pid = vfork();
    if (pid)
        return pid;
    *failed = become_hook(g);
    _exit(127);
}

static struct err *start(
    const struct oci_hook *h, const struct process_plan *inside, int in, struct hooks_output to, pid_t *ret)
{
    auto_arena *a = arena_new();
    volatile int failed = 0;
    char *const *own = inside ? (char *const *)inside->envp : environ;
    const struct program g = {h->path, (char *const *)list_of(a, &h->args, h->path),
        h->env.n ? (char *const *)list_of(a, &h->env, NULL) : own, inside, in, to};
    *ret = fork_hook(&g, &failed);
    if (*ret < 0)
        return err_sys(errno, "vfork");
    if (!failed)
        return NULL;
    waitpid(*ret, NULL, 0);
    return err_sys(failed, "start %s", h->path);
}

/* The last line that it printed. */
static const char *last_words(int out, char *text, size_t n)
{
    off_t size = lseek(out, 0, SEEK_END), from = size > (off_t)n - 1 ? size - ((off_t)n - 1) : 0;
    ssize_t got = pread(out, text, n - 1, from);
    text[got > 0 ? got : 0] = '\0';
    for (size_t len = strlen(text); len && text[len - 1] == '\n'; len--)
        text[len - 1] = '\0';
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

/* As runc says it: "bad system call", "killed". */
static const char *signal_text(int sig)
{
    static char text[64];
    snprintf(text, sizeof(text), "%s", strsignal(sig));
    text[0] = (char)tolower(text[0]);
    return text;
}

static struct err *await(pid_t pid, const struct oci_hook *h, int said)
{
    int64_t seconds = opt_int_or(h->timeout, DEFAULT_S), end = clock_mono_ms() + seconds * 1000;
    auto_close pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int rc = -1, status = 0, failed = errno;
    while (pidfd >= 0 && rc < 0) {
        rc = poll(&p, 1, (int)(end - clock_mono_ms() > 0 ? end - clock_mono_ms() : 0));
        failed = errno;
        if (rc < 0 && failed != EINTR)
            break;
    }
    if (rc <= 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    char text[512];
    if (rc < 0)
        return err_sys(failed, "%s: wait for it", h->path);
    if (rc == 0)
        return err_new(ERR_TIMEOUT, "%s: still running after %lld s", h->path, (long long)seconds);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (WIFSIGNALED(status))
        return err_new(ERR_SYSTEM, "%s: signal: %s", h->path, signal_text(WTERMSIG(status)));
    return err_new(ERR_SYSTEM, "%s: exit status %d: %s", h->path, WEXITSTATUS(status),
        last_words(said, text, sizeof(text)));
}

static struct err *run_one(const struct oci_hook *h, const struct oci_state *state,
    const struct hooks_output *output, const struct process_plan *inside)
{
    auto_close in = -1;
    if (h->path[0] != '/')
        return err_new(ERR_INVALID, "path: \"%s\": must be absolute", h->path);
    TRY(state_file(state, &in));
    auto_close out = memfd_create("output", MFD_CLOEXEC);
    if (out < 0 || lseek(in, 0, SEEK_SET) < 0)
        return err_sys(errno, "memfd");
    struct hooks_output to = output ? *output : HOOKS_OUTPUT_NONE;
    to.out = to.out < 0 ? out : to.out;
    to.err = to.err < 0 ? out : to.err;
    pid_t pid;
    TRY(start(h, inside, in, to, &pid));
    return await(pid, h, to.err);
}

/* --- where their output goes */

/* To be read, too: the last line of what a hook wrote explains its failure. */
static struct err *open_one(const struct str_map *annotations, const char *name, int *ret)
{
    const char *path = str_map_get(annotations, name);
    *ret = path ? open(path, O_RDWR | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600) : -1;
    return path && *ret < 0 ? err_sys(errno, "annotations: %s: open %s", name, path) : NULL;
}

struct err *hooks_open_output(const struct str_map *annotations, struct hooks_output *ret)
{
    auto_close out = -1;
    TRY(open_one(annotations, ANNOTATION_HOOKS_STDOUT, &out));
    TRY(open_one(annotations, ANNOTATION_HOOKS_STDERR, &ret->err));
    ret->out = take_fd(out);
    return NULL;
}

static void close_output(struct hooks_output *o)
{
    if (o->out >= 0)
        close(o->out);
    if (o->err >= 0)
        close(o->err);
}

/* --- all of a kind */

struct err *hooks_run_inside(const char *name, const struct oci_hook_list *l, const struct oci_state *state,
    const struct hooks_output *output, const struct process_plan *inside)
{
    for (size_t i = 0; i < l->n; i++)
        TRY_WRAP(run_one(&l->v[i], state, output, inside), "error running %s hook #%zu", name, i);
    return NULL;
}

struct err *hooks_run(const char *name, const struct oci_hook_list *l, const struct oci_state *state)
{
    struct hooks_output output;
    if (!l->n)
        return NULL;
    TRY(hooks_open_output(&state->annotations, &output));
    struct err *e = hooks_run_inside(name, l, state, &output, NULL);
    close_output(&output);
    return e;
}

void hooks_poststop(const struct oci_hooks *h, const struct oci_state *state)
{
    struct hooks_output output = HOOKS_OUTPUT_NONE;
    if (!h || !h->poststop.n)
        return;
    auto_err *unopened = hooks_open_output(&state->annotations, &output);
    if (unopened)
        report_warning("poststop hooks: %s", err_message(unopened));
    for (size_t i = 0; i < h->poststop.n; i++) {
        auto_err *e = run_one(&h->poststop.v[i], state, &output, NULL);
        if (e)
            report_warning("error running poststop hook #%zu: %s", i, err_message(e));
    }
    close_output(&output);
}
