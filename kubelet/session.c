/*
 * See session.h. Whoever is faster waits: a full pipe pauses the WebSocket, a full WebSocket pauses the pipe. A client
 * that vanishes takes its descriptors with it; the process sees EOF, SIGPIPE or SIGHUP, and decides itself.
 */
#include "kubelet/session.h"
#include "kubelet/exec.h"
#include "kubelet/shim_client.h"
#include "kubelet/stream_status.h"

#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/ws.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 1 << 20,
    QUEUE_HIGH = 256 * 1024, /* bytes queued towards one side: the other is paused */
    DRAIN_MS = 1000,         /* after the end, for what a background child keeps open */
};

struct session {
    struct kubelet *kubelet;
    struct session_options o;

    struct ws *ws;
    struct shim_client *shim;
    struct duplex *in, *out, *err; /* towards the process; tty: out is both */
    int pty;                       /* a duplicate, for its size; -1: none */
    uint16_t columns, rows;        /* asked for before the pty was there */
    unsigned open_outputs;
    bool exited, ended;
    int exit_code;
    struct timer *drain;
    char name[32]; /* of the exec at the shim */
};

static void session_free(struct session *s)
{
    ws_free(s->ws);
    shim_client_free(s->shim);
    duplex_free(s->in);
    duplex_free(s->out);
    duplex_free(s->err);
    timer_free(s->drain);
    if (s->pty >= 0)
        close(s->pty);
    arena_free(s->o.arena);
    free(s);
}

/* --- the last word */

static void send_status(struct session *s, const char *text)
{
    if (s->ended)
        return;
    s->ended = true;
    ws_send_channel(s->ws, WS_ERROR, text, strlen(text));
    ws_close(s->ws, 1000, "");
}

static void send_exit_code(struct session *s, int code)
{
    auto_free char *text = stream_status_exit(code);
    send_status(s, text);
}

static void send_failure(struct session *s, const struct err *e)
{
    auto_free char *text = stream_status_failure(
        s->o.is_exec ? "error executing command in container" : "error attaching to container", e);
    send_status(s, text);
}

/* Over when the process has ended and its outputs are empty; an attachment when its outputs have ended. */
static void check_end(struct session *s)
{
    if (s->ended || s->open_outputs || (s->o.is_exec && !s->exited))
        return;
    send_exit_code(s, s->o.is_exec ? s->exit_code : 0);
}

static void on_drain_over(void *arg)
{
    struct session *s = arg;
    s->open_outputs = 0;
    check_end(s);
}

/* --- from the process to the client */

static size_t forward(
    struct session *s, unsigned char channel, struct duplex *from, const char *data, size_t len)
{
    if (s->ended)
        return len;
    ws_send_channel(s->ws, channel, data, len);
    if (ws_queued(s->ws) > QUEUE_HIGH)
        duplex_pause(from);
    return len;
}

static size_t on_stdout(void *arg, const char *data, size_t len)
{
    struct session *s = arg;
    return forward(s, WS_STDOUT, s->out, data, len);
}

static size_t on_stderr(void *arg, const char *data, size_t len)
{
    struct session *s = arg;
    return forward(s, WS_STDERR, s->err, data, len);
}

/* EOF, or a pty whose last user is gone (EIO). */
static void on_output_closed(void *arg, const char *error)
{
    (void)error;
    struct session *s = arg;
    if (s->open_outputs)
        s->open_outputs--;
    check_end(s);
}

static void on_ws_drained(void *arg)
{
    struct session *s = arg;
    if (s->out)
        duplex_resume(s->out);
    if (s->err)
        duplex_resume(s->err);
}

/* --- from the client to the process */

static struct duplex *towards(struct session *s)
{
    return s->o.tty && s->o.is_exec ? s->out : s->in;
}

static void on_input_drained(void *arg)
{
    struct session *s = arg;
    ws_resume(s->ws);
}

static size_t nothing_to_read(void *arg, const char *data, size_t len)
{
    (void)arg;
    (void)data;
    return len;
}

/* The process closed its stdin: what is typed goes nowhere, as in a shell. */
static void on_input_closed(void *arg, const char *error)
{
    (void)error;
    struct session *s = arg;
    duplex_free(s->in);
    s->in = NULL;
    ws_resume(s->ws);
}

static void resize(struct session *s)
{
    struct winsize size = {.ws_col = s->columns, .ws_row = s->rows};
    if (!s->columns || !s->o.tty)
        return;
    if (s->pty >= 0)
        (void)ioctl(s->pty, TIOCSWINSZ, &size);
    else if (!s->o.is_exec && s->shim)
        shim_resize(s->shim, s->o.cid, s->columns, s->rows, NULL, NULL);
}

static void take_size(struct session *s, const char *data, size_t len)
{
    auto_arena *a = arena_new();
    const struct json *size;
    int64_t width = 0, height = 0;
    struct err *e = json_parse(a, data, len, NULL, &size);
    bool good =
        !e && json_int(json_get(size, "Width"), &width) && json_int(json_get(size, "Height"), &height);
    err_free(e);
    if (!good || width < 0 || height < 0 || width > UINT16_MAX || height > UINT16_MAX)
        return;
    s->columns = (uint16_t)width;
    s->rows = (uint16_t)height;
    resize(s);
}

static void take_input(struct session *s, const char *data, size_t len)
{
    struct duplex *to = towards(s);
    if (!s->o.in || !to || len == 0)
        return;
    duplex_write(to, data, len);
    if (duplex_queued(to) > QUEUE_HIGH)
        ws_pause(s->ws);
}

/* v5: no more input. A terminal is told by ^D, its user's own way; a pipe is closed. */
static void end_input(struct session *s)
{
    if (s->in)
        duplex_shutdown(s->in);
}

static void on_message(void *arg, enum ws_kind kind, const char *data, size_t len)
{
    (void)kind;
    struct session *s = arg;
    if (len == 0 || s->ended)
        return;
    switch ((unsigned char)data[0]) {
    case WS_STDIN:
        take_input(s, data + 1, len - 1);
        break;
    case WS_RESIZE:
        take_size(s, data + 1, len - 1);
        break;
    case WS_CLOSE:
        if (s->o.v5 && len > 1 && data[1] == WS_STDIN)
            end_input(s);
        break;
    default:
        break;
    }
}

static void on_ws_closed(void *arg, unsigned code, const char *reason)
{
    (void)code;
    (void)reason;
    session_free(arg);
}

/* --- the shim */

static void on_exited(void *arg, const char *id, int exit_code, int signal, bool oom, const char *finished_at)
{
    (void)exit_code;
    (void)signal;
    (void)oom;
    (void)finished_at;
    struct session *s = arg;
    if (!s->o.is_exec && strcmp(id, s->o.cid) == 0 && s->open_outputs == 0)
        check_end(s);
}

static void on_exec_exited(void *arg, const char *exec, int exit_code, int signal)
{
    (void)signal;
    struct session *s = arg;
    if (!s->o.is_exec || strcmp(exec, s->name) != 0)
        return;
    s->exited = true;
    s->exit_code = exit_code;
    if (s->open_outputs)
        timer_start(s->drain, DRAIN_MS);
    check_end(s);
}

static void on_shim_closed(void *arg)
{
    struct session *s = arg;
    struct err *e = err_new(ERR_UNAVAILABLE, "the Pod's shim is gone");
    send_failure(s, e);
    err_free(e);
}

static const struct duplex_events out_events = {on_stdout, on_output_closed, NULL};
static const struct duplex_events err_events = {on_stderr, on_output_closed, NULL};
static const struct duplex_events in_events = {nothing_to_read, on_input_closed, on_input_drained};
static const struct duplex_events pty_events = {on_stdout, on_output_closed, on_input_drained};

static void take_pty(struct session *s, int *fds, size_t n_fds)
{
    if (n_fds < 1)
        return;
    s->pty = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
    s->out = duplex_from_fd(s->kubelet->loop, fds[0], fds[0]);
    fds[0] = -1;
    s->open_outputs++;
    duplex_start(s->out, &pty_events, s);
    resize(s);
}

/* Only now: before it began, these streams were the runtime's, and what that had to say is in the error. */
static void start_outputs(struct session *s)
{
    if (s->out)
        duplex_start(s->out, &out_events, s);
    if (s->err)
        duplex_start(s->err, &err_events, s);
    resize(s);
}

static void on_begun(void *arg, const struct err *error, const struct json *results, int *fds, size_t n_fds)
{
    (void)results;
    struct session *s = arg;
    if (error) {
        send_failure(s, error);
        return;
    }
    if (s->o.is_exec && s->o.tty)
        take_pty(s, fds, n_fds);
    else
        start_outputs(s);
}

/* Pipes for the streams that are wanted; theirs[] are the ends for the shim, ordered in, out, err. */
struct ends {
    int theirs[3];
    size_t n;
};

static struct err *add_pipe(struct session *s, struct ends *e, int channel)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    bool input = channel == WS_STDIN;
    int mine = p[input ? 1 : 0];
    (void)fcntl(mine, F_SETFL, O_NONBLOCK);
    struct duplex *d = duplex_from_fd(s->kubelet->loop, input ? -1 : mine, input ? mine : -1);
    e->theirs[e->n++] = p[input ? 0 : 1];
    if (input) {
        s->in = d;
        duplex_start(d, &in_events, s);
    } else {
        *(channel == WS_STDOUT ? &s->out : &s->err) = d;
        s->open_outputs++;
    }
    return NULL;
}

static struct err *add_null(struct ends *e)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open /dev/null");
    e->theirs[e->n++] = fd;
    return NULL;
}

/* exec has three descriptors, wanted or not; attach has those that are wanted. */
static struct err *make_ends(struct session *s, struct ends *e)
{
    const bool wanted[] = {s->o.in, s->o.out, s->o.err && !s->o.tty};
    for (int channel = WS_STDIN; channel <= WS_STDERR; channel++) {
        if (wanted[channel])
            TRY(add_pipe(s, e, channel));
        else if (s->o.is_exec)
            TRY(add_null(e));
    }
    return NULL;
}

static struct err *begin(struct session *s)
{
    static const struct shim_client_events events = {on_exited, on_exec_exited, NULL, on_shim_closed};
    auto_free char *socket = mem_printf("%s/%s/shim.sock", s->kubelet->path.run_pods, s->o.uid);
    struct ends ends = {.n = 0};
    struct err *e = NULL;
    TRY(shim_client_open(s->kubelet->loop, socket, &events, s, &s->shim));
    shim_subscribe(s->shim, NULL, NULL);
    if (s->o.is_exec && s->o.tty) {
        shim_exec(s->shim, s->o.cid, s->name, &s->o.process, true, NULL, 0, on_begun, s);
        return NULL;
    }
    e = make_ends(s, &ends);
    if (!e && s->o.is_exec)
        shim_exec(s->shim, s->o.cid, s->name, &s->o.process, false, ends.theirs, ends.n, on_begun, s);
    else if (!e)
        shim_attach(s->shim, s->o.cid,
            &(struct shim_streams){.in = s->o.in, .out = s->o.out, .err = s->o.err && !s->o.tty}, ends.theirs,
            ends.n, on_begun, s);
    for (size_t i = 0; i < ends.n; i++)
        close(ends.theirs[i]);
    return e;
}

/* --- a session */

struct session *session_new(struct kubelet *k, const struct session_options *o)
{
    struct session *s = mem_new(struct session);
    *s = (struct session){.kubelet = k, .o = *o, .pty = -1};
    s->drain = timer_new(k->loop, on_drain_over, s);
    exec_name(s->name, sizeof(s->name));
    return s;
}

void session_up(void *arg, struct duplex *d)
{
    static const struct ws_events events = {on_message, on_ws_closed, on_ws_drained};
    struct session *s = arg;
    if (!d) {
        session_free(s);
        return;
    }
    s->ws = ws_new(s->kubelet->loop, d, WS_SERVER, MESSAGE_MAX, &events, s);
    struct err *e = begin(s);
    if (e)
        send_failure(s, e);
    err_free(e);
}
