/* Attached clients: see attach.h. */
#include "runtime/shim/attach.h"
#include "lib/mem.h"
#include "runtime/shim/streams.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { FLUSH_MS = 10 * 1000 };

void attach_free(struct attach *a)
{
    if (!a)
        return;
    if (a->of) {
        streams_client_gone(a->of, a);
        if (a->holding)
            streams_go_on(a->of);
        if (a->has_stdin)
            streams_input_end(a->of);
    }
    poll_disarm(a->poll, &a->patience);
    poll_close(a->poll, &a->in);
    for (int i = 0; i < CRILOG_STREAMS; i++) {
        poll_close(a->poll, &a->out[i].src);
        buf_done(&a->out[i].behind);
    }
    free(a);
}

static bool has_output(const struct attach *a)
{
    return a->out[CRILOG_STDOUT].src.fd >= 0 || a->out[CRILOG_STDERR].src.fd >= 0;
}

/* A stream of it was closed: a client without any is gone. */
static void check_alive(struct attach *a)
{
    if (!has_output(a) && (a->in.fd < 0 || !a->of))
        attach_free(a);
}

/* What the client takes now of n bytes; -1: it is gone. */
static ssize_t write_some(int fd, const char *data, size_t n)
{
    ssize_t done = write(fd, data, n);
    if (done < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return done;
}

static size_t most_behind(const struct attach *a)
{
    size_t out = a->out[CRILOG_STDOUT].behind.len, err = a->out[CRILOG_STDERR].behind.len;
    return out > err ? out : err;
}

static void hold(struct attach *a)
{
    a->holding = true;
    poll_arm(a->poll, &a->patience, a->of->patience_ms);
    streams_hold(a->of);
}

static void check_holding(struct attach *a)
{
    if (!a->holding || most_behind(a) > STREAMS_BEHIND_GO_ON)
        return;
    a->holding = false;
    poll_disarm(a->poll, &a->patience);
    streams_go_on(a->of);
}

static void on_writable(struct poll_source *src, uint32_t events)
{
    struct attach_out *o = container_of(src, struct attach_out, src);
    struct attach *a = o->client;
    ssize_t n = events & (EPOLLERR | EPOLLHUP) ? -1 : write_some(src->fd, o->behind.data, o->behind.len);
    if (n > 0)
        buf_drop(&o->behind, (size_t)n);
    bool empty = o->behind.len == 0;
    if (n < 0)
        buf_clear(&o->behind);
    check_holding(a);
    if (n < 0 || (empty && !a->of)) {
        poll_close(a->poll, src);
        check_alive(a);
    } else if (empty) {
        buf_done(&o->behind);
        o->behind = BUF_INIT(STREAMS_BEHIND_MAX);
        poll_want(a->poll, src, 0);
    }
}

bool attach_write(struct attach *a, enum crilog_stream stream, const char *data, size_t n)
{
    struct attach_out *o = &a->out[stream];
    if (o->src.fd < 0)
        return true;
    ssize_t done = o->behind.len ? 0 : write_some(o->src.fd, data, n);
    bool fits = done >= 0;
    if (fits && (size_t)done < n) {
        buf_add(&o->behind, data + done, n - (size_t)done);
        fits = !o->behind.over;
        poll_want(a->poll, &o->src, EPOLLOUT);
        if (fits && !a->holding && most_behind(a) > STREAMS_BEHIND_HOLD)
            hold(a);
    }
    if (!fits)
        attach_free(a);
    return fits;
}

static void on_input(struct poll_source *src, uint32_t events)
{
    (void)events;
    struct attach *a = container_of(src, struct attach, in);
    char data[4096];
    size_t room = streams_input_room(a->of);
    if (room == 0) {
        poll_pause(a->poll, src);
        return;
    }
    ssize_t n = read(src->fd, data, room < sizeof(data) ? room : sizeof(data));
    if (n > 0) {
        streams_input(a->of, data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        poll_close(a->poll, src);
        a->has_stdin = false;
        streams_input_end(a->of);
        check_alive(a);
    }
}

static void on_patience(struct poll_timer *t)
{
    attach_free(container_of(t, struct attach, patience));
}

void attach_end(struct attach *a)
{
    if (a->holding)
        streams_go_on(a->of);
    a->holding = false;
    a->of = NULL;
    poll_close(a->poll, &a->in);
    for (int i = 0; i < CRILOG_STREAMS; i++)
        if (a->out[i].behind.len == 0)
            poll_close(a->poll, &a->out[i].src);
    if (has_output(a))
        poll_arm(a->poll, &a->patience, FLUSH_MS);
    else
        attach_free(a);
}

static struct err *take_source(struct poll *poll, struct poll_source *src, int fd, uint32_t events)
{
    if (fd < 0)
        return NULL;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_sys(errno, "make it non-blocking");
    src->fd = fd;
    struct err *e = poll_add(poll, src, events);
    if (e)
        src->fd = -1;
    return e;
}

static struct err *take_all(struct attach *a, int in, int out, int err)
{
    TRY_WRAP(take_source(a->poll, &a->out[CRILOG_STDOUT].src, out, 0), "attach: stdout");
    TRY_WRAP(take_source(a->poll, &a->out[CRILOG_STDERR].src, err, 0), "attach: stderr");
    return err_wrap(take_source(a->poll, &a->in, in, EPOLLIN), "attach: stdin");
}

struct err *attach_new(struct streams *of, int in, int out, int err, struct attach **ret)
{
    struct attach *a = mem_new(struct attach);
    a->poll = of->poll;
    a->in = (struct poll_source){.fd = -1, .ready = on_input};
    for (int i = 0; i < CRILOG_STREAMS; i++)
        a->out[i] = (struct attach_out){{.fd = -1, .ready = on_writable}, BUF_INIT(STREAMS_BEHIND_MAX), a};
    a->patience.fire = on_patience;
    struct err *e = take_all(a, in, out, err);
    if (e) {
        poll_pause(a->poll, &a->in); /* the descriptors stay the caller's */
        for (int i = 0; i < CRILOG_STREAMS; i++)
            poll_pause(a->poll, &a->out[i].src);
        free(a);
        return e;
    }
    a->of = of;
    a->has_stdin = in >= 0;
    *ret = a;
    return NULL;
}
