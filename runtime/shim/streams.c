/* A container's streams: see streams.h. */
#include "runtime/shim/streams.h"
#include "lib/mem.h"
#include "runtime/shim/attach.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024 /* what a pipe holds */, DRAIN_READS = 64 };
static char chunk[READ_MAX];

static void on_output(struct poll_source *src, uint32_t events);
static void on_stdin_writable(struct poll_source *src, uint32_t events);

void streams_init(struct streams *s, struct poll *poll)
{
    *s = (struct streams){.poll = poll, .peer = -1, .log.fd = -1, .patience_ms = STREAMS_PATIENCE_MS};
    for (int i = 0; i < CRILOG_STREAMS; i++)
        s->out[i] = (struct stream){{.fd = -1, .ready = on_output}, s};
    s->in = (struct poll_source){.fd = -1, .ready = on_stdin_writable};
}

/* Our end does not block; the container's does, as it expects. The two have flags of their own. */
static struct err *make_pipe(int *ret_ours, bool we_read, int *ret_theirs)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    *ret_ours = fds[we_read ? 0 : 1];
    *ret_theirs = fds[we_read ? 1 : 0];
    if (fcntl(*ret_ours, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(errno, "fcntl");
    return NULL;
}

struct err *streams_pipes(struct streams *s, bool with_stdin, struct streams_ends *ret)
{
    TRY(make_pipe(&s->out[CRILOG_STDOUT].src.fd, true, &ret->out));
    TRY(make_pipe(&s->out[CRILOG_STDERR].src.fd, true, &ret->err));
    return with_stdin ? make_pipe(&s->in.fd, false, &ret->in) : NULL;
}

struct err *streams_terminal(struct streams *s, int master, bool with_stdin)
{
    s->terminal = true;
    s->out[CRILOG_STDOUT].src.fd = master;
    if (fcntl(master, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(errno, "fcntl of the terminal");
    s->peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->peer < 0)
        return err_sys(errno, "open the terminal's other end");
    if (!with_stdin)
        return NULL;
    s->in.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
    return s->in.fd < 0 ? err_sys(errno, "duplicate the terminal") : NULL;
}

struct err *streams_begin(struct streams *s)
{
    for (int i = 0; i < CRILOG_STREAMS; i++)
        if (s->out[i].src.fd >= 0)
            TRY(poll_add(s->poll, &s->out[i].src, EPOLLIN));
    return s->in.fd >= 0 ? poll_add(s->poll, &s->in, 0) : NULL;
}

struct err *streams_resize(struct streams *s, unsigned short width, unsigned short height)
{
    if (!s->terminal)
        return err_new(ERR_CONFLICT, "it has no terminal");
    struct winsize size = {.ws_row = height, .ws_col = width};
    if (ioctl(s->out[CRILOG_STDOUT].src.fd, TIOCSWINSZ, &size) < 0)
        return err_sys(errno, "resize");
    return NULL;
}

/* ---- out of the container ---- */

static void pass_on(struct streams *s, enum crilog_stream stream, const char *data, size_t n)
{
    crilog_feed(&s->log, stream, data, n);
    for (struct attach *a = s->clients, *next; a; a = next) {
        next = a->next;
        attach_write(a, stream, data, n);
    }
}

static enum crilog_stream which(const struct stream *st)
{
    return st == &st->of->out[CRILOG_STDERR] ? CRILOG_STDERR : CRILOG_STDOUT;
}

static void end_of_stream(struct stream *st)
{
    poll_close(st->of->poll, &st->src);
    crilog_end(&st->of->log, which(st));
}

/* One read; false: there is nothing more now, or it has ended. */
static bool pump(struct stream *st)
{
    struct streams *s = st->of;
    ssize_t n = read(st->src.fd, chunk, sizeof(chunk));
    if (n > 0) {
        pass_on(s, which(st), chunk, (size_t)n);
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    end_of_stream(st); /* a terminal says EIO */
    return false;
}

static void on_output(struct poll_source *src, uint32_t events)
{
    (void)events;
    pump(container_of(src, struct stream, src));
}

static void let_clients_go(struct streams *s)
{
    for (struct attach *a = s->clients, *next; a; a = next) {
        next = a->next;
        attach_end(a);
    }
    s->clients = NULL;
    s->n_clients = 0;
}

void streams_drain(struct streams *s)
{
    if (s->peer >= 0)
        close(s->peer);
    s->peer = -1;
    for (int i = 0; i < CRILOG_STREAMS; i++)
        for (int reads = 0; reads < DRAIN_READS && s->out[i].src.fd >= 0; reads++)
            if (!pump(&s->out[i]))
                break;
    let_clients_go(s);
}

void streams_close(struct streams *s)
{
    for (int i = 0; i < CRILOG_STREAMS; i++) {
        poll_close(s->poll, &s->out[i].src);
        crilog_end(&s->log, (enum crilog_stream)i);
    }
    poll_close(s->poll, &s->in);
    if (s->peer >= 0)
        close(s->peer);
    s->peer = -1;
    let_clients_go(s);
    free(s->pending);
    s->pending = NULL;
    crilog_close(&s->log);
}

/* ---- clients, and into the container ---- */

struct err *streams_attach(struct streams *s, int in, int out, int err)
{
    if (s->n_clients >= STREAMS_CLIENTS_MAX)
        return err_new(ERR_LIMIT, "attach: %d clients are attached already", STREAMS_CLIENTS_MAX);
    if (err >= 0 && s->terminal)
        return err_new(ERR_INVALID, "attach: stderr: a terminal has none");
    struct attach *a;
    TRY(attach_new(s, in, out, err, &a));
    if (s->in.fd < 0)
        poll_close(s->poll, &a->in); /* nobody reads it, and the client hears so */
    a->next = s->clients;
    s->clients = a;
    s->n_clients++;
    return NULL;
}

void streams_client_gone(struct streams *s, struct attach *a)
{
    struct attach **at = &s->clients;
    while (*at && *at != a)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = a->next;
    s->n_clients--;
}

void streams_hold(struct streams *s)
{
    if (s->n_holding++ == 0)
        for (int i = 0; i < CRILOG_STREAMS; i++)
            poll_pause(s->poll, &s->out[i].src);
}

void streams_go_on(struct streams *s)
{
    if (--s->n_holding > 0)
        return;
    for (int i = 0; i < CRILOG_STREAMS; i++) {
        struct poll_source *src = &s->out[i].src;
        auto_err *e = src->fd >= 0 ? poll_add(s->poll, src, EPOLLIN) : NULL;
        if (e) /* no memory in the kernel */
            end_of_stream(&s->out[i]);
    }
}

size_t streams_input_room(const struct streams *s)
{
    return s->pending_len ? 0 : STREAMS_INPUT_MAX;
}

/* A paused client that hung up would be reported for ever: hence not waited for at all. */
static void pause_clients(struct streams *s)
{
    for (struct attach *a = s->clients; a; a = a->next)
        poll_pause(s->poll, &a->in);
}

static void resume_clients(struct streams *s)
{
    for (struct attach *a = s->clients; a; a = a->next) {
        auto_err *e = a->in.fd >= 0 && !a->in.added ? poll_add(s->poll, &a->in, EPOLLIN) : NULL;
        if (e) /* no memory in the kernel: its stdin ends here */
            poll_close(s->poll, &a->in);
    }
}

static void close_stdin(struct streams *s)
{
    poll_close(s->poll, &s->in);
    free(s->pending);
    s->pending = NULL;
    s->pending_len = s->pending_at = 0;
    for (struct attach *a = s->clients; a; a = a->next)
        poll_close(s->poll, &a->in);
}

void streams_input(struct streams *s, const char *data, size_t n)
{
    ssize_t done = s->in.fd < 0 ? (ssize_t)n : write(s->in.fd, data, n);
    if (done < 0 && errno != EAGAIN && errno != EINTR) {
        close_stdin(s);
        return;
    }
    size_t taken = done < 0 ? 0 : (size_t)done;
    if (taken == n)
        return;
    s->pending = mem_dup(data + taken, n - taken);
    s->pending_at = 0;
    s->pending_len = n - taken;
    pause_clients(s);
    poll_want(s->poll, &s->in, EPOLLOUT);
}

/* All that was to come has come: the container reads end of file. */
static void finish_stdin(struct streams *s)
{
    static const char eot = 4; /* what a person types to end a terminal's input */
    if (s->terminal && write(s->in.fd, &eot, 1) < 0)
        errno = 0; /* its queue is full: nobody reads there */
    close_stdin(s);
}

static void on_stdin_writable(struct poll_source *src, uint32_t events)
{
    struct streams *s = container_of(src, struct streams, in);
    ssize_t n = 0;
    if (s->pending_len)
        n = write(src->fd, s->pending + s->pending_at, s->pending_len);
    else if (events & (EPOLLERR | EPOLLHUP)) /* nobody is there to read it */
        n = -1, errno = EPIPE;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_stdin(s);
        return;
    }
    s->pending_at += n < 0 ? 0 : (size_t)n;
    s->pending_len -= n < 0 ? 0 : (size_t)n;
    if (s->pending_len)
        return;
    free(s->pending);
    s->pending = NULL;
    poll_want(s->poll, src, 0);
    resume_clients(s);
    if (s->stdin_ends)
        finish_stdin(s);
}

void streams_input_end(struct streams *s)
{
    if (!s->stdin_once || s->in.fd < 0)
        return;
    s->stdin_ends = true;
    if (!s->pending_len)
        finish_stdin(s);
}
