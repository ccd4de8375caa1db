/*
 * Two-way byte streams: one watch per descriptor, a queue of what could not be written at once, and a short
 * remainder of what the reader did not take. Callbacks may do anything to the stream, free it included:
 * `depth` says that one of our functions is still below them on the stack, and the last one releases the
 * memory.
 */
#include "lib/duplex_internal.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX (1024 * 1024)
#define READ_SIZE (64 * 1024)
#define READ_ROUNDS 4 /* per turn of the loop: others want to live too */

struct duplex {
    const struct duplex_ops *ops;
    void *impl;
    int rfd, wfd;
    struct watch *rwatch, *wwatch; /* the same for one descriptor */
    struct deferred *later;
    const struct duplex_events *ev;
    void *arg;

    char *queue; /* to write: bytes from queue_off to queue_len */
    size_t queue_off, queue_len, queue_cap;
    char *rest; /* read, not yet taken */
    size_t rest_len;

    char error[128];
    unsigned depth;
    bool started, paused, read_over, closed_told, failed;
    bool write_over; /* no write will succeed any more */
    bool shut_asked, shut_done;
    bool drain_due, freed;
};

static void run_later(void *arg);
static void ready(struct duplex *d, int events);

/* --- the descriptor --- */

static ssize_t fd_read(struct duplex *d, void *buf, size_t n)
{
    if (d->ops && d->ops->read)
        return d->ops->read(d->impl, buf, n);
    ssize_t r;
    do
        r = read(d->rfd, buf, n);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EIO) /* a terminal whose other side has closed */
        return 0;
    return r < 0 ? -errno : r;
}

static ssize_t fd_write(struct duplex *d, const void *buf, size_t n)
{
    if (d->ops && d->ops->write)
        return d->ops->write(d->impl, buf, n);
    ssize_t r;
    do {
        r = send(d->wfd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (r < 0 && errno == ENOTSOCK)
            r = write(d->wfd, buf, n);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

static void rwatched(void *arg, int events)
{
    struct duplex *d = arg;
    if (d->rwatch != d->wwatch)
        events &= UV_READABLE;
    ready(d, events);
}

static void wwatched(void *arg, int events)
{
    ready(arg, events & UV_WRITABLE);
}

/* Tells the watches what is waited for now. */
static void rearm(struct duplex *d)
{
    int r = d->started && !d->paused && !d->read_over && !d->rest_len ? UV_READABLE : 0;
    int w = d->queue_len && !d->write_over ? UV_WRITABLE : 0;
    if (d->rwatch && d->rwatch == d->wwatch) {
        watch_set(d->rwatch, r | w);
        return;
    }
    if (d->rwatch)
        watch_set(d->rwatch, r);
    if (d->wwatch)
        watch_set(d->wwatch, w);
}

static struct duplex *duplex_new(uv_loop_t *loop, int rfd, int wfd)
{
    struct duplex *d = mem_new(struct duplex);
    d->rfd = rfd;
    d->wfd = wfd;
    d->read_over = rfd < 0;
    d->write_over = wfd < 0;
    d->later = deferred_new(loop, run_later, d);
    if (rfd >= 0)
        d->rwatch = watch_new(loop, rfd, rwatched, d);
    if (wfd >= 0)
        d->wwatch = wfd == rfd ? d->rwatch : watch_new(loop, wfd, wwatched, d);
    return d;
}

struct duplex *duplex_from_fd(uv_loop_t *loop, int rfd, int wfd)
{
    return duplex_new(loop, rfd, wfd);
}

struct duplex *duplex_from_ops(uv_loop_t *loop, int fd, const struct duplex_ops *ops, void *impl)
{
    struct duplex *d = duplex_new(loop, fd, fd);
    d->ops = ops;
    d->impl = impl;
    return d;
}

void duplex_prefill(struct duplex *d, const void *data, size_t len)
{
    if (!len)
        return;
    d->rest = mem_realloc(d->rest, d->rest_len + len, 1);
    memcpy(d->rest + d->rest_len, data, len);
    d->rest_len += len;
}

static void close_write(struct duplex *d)
{
    free(d->queue);
    d->queue = NULL;
    d->queue_off = d->queue_len = d->queue_cap = 0;
    d->write_over = true;
    if (d->wfd < 0 || d->wfd == d->rfd)
        return;
    watch_free(d->wwatch);
    d->wwatch = NULL;
    close(take_fd(d->wfd));
}

static void close_all(struct duplex *d)
{
    bool had = d->rfd >= 0 || d->wfd >= 0 || d->ops;
    close_write(d);
    d->read_over = true;
    if (!had)
        return;
    watch_free(d->rwatch);
    if (d->wwatch != d->rwatch)
        watch_free(d->wwatch);
    d->rwatch = d->wwatch = NULL;
    if (d->ops) {
        const struct duplex_ops *ops = take_ptr(d->ops);
        d->rfd = d->wfd = -1;
        ops->close(d->impl);
        return;
    }
    if (d->wfd >= 0 && d->wfd != d->rfd)
        close(d->wfd);
    if (d->rfd >= 0)
        close(d->rfd);
    d->rfd = d->wfd = -1;
}

/* --- life --- */

static void enter(struct duplex *d)
{
    d->depth++;
}

static void leave(struct duplex *d)
{
    if (--d->depth || !d->freed) {
        if (!d->freed)
            rearm(d);
        return;
    }
    free(d->rest);
    free(d);
}

void duplex_free(struct duplex *d)
{
    if (!d || d->freed)
        return;
    enter(d);
    d->freed = true;
    close_all(d);
    deferred_free(take_ptr(d->later));
    leave(d);
}

void duplex_start(struct duplex *d, const struct duplex_events *ev, void *arg)
{
    d->ev = ev;
    d->arg = arg;
    d->started = true;
    if (d->rest_len || d->failed)
        deferred_call(d->later);
    rearm(d);
}

static void tell_closed(struct duplex *d, const char *error)
{
    if (d->closed_told || d->freed || !d->started)
        return;
    d->closed_told = true;
    d->ev->closed(d->arg, error);
}

static void fail(struct duplex *d, const char *error)
{
    d->failed = true;
    strncpy(d->error, error, sizeof d->error - 1);
    deferred_call(d->later); /* never from within a call of the owner */
}

void duplex_abort(struct duplex *d, const char *error)
{
    if (d->freed)
        return;
    close_all(d);
    d->rest_len = 0;
    fail(d, error);
}

/* --- writing --- */

static void queue_add(struct duplex *d, const char *data, size_t len)
{
    if (d->queue_off && d->queue_len + len > d->queue_cap) {
        d->queue_len -= d->queue_off;
        memmove(d->queue, d->queue + d->queue_off, d->queue_len);
        d->queue_off = 0;
    }
    if (d->queue_len + len > d->queue_cap) {
        size_t want = 2 * d->queue_cap;
        d->queue_cap = d->queue_len + len > want ? d->queue_len + len : want;
        d->queue = mem_realloc(d->queue, d->queue_cap, 1);
    }
    memcpy(d->queue + d->queue_len, data, len);
    d->queue_len += len;
}

/* The write side has failed. What can still be read is read first: the other side may have said why. */
static void write_failed(struct duplex *d, int errnum)
{
    if (d->queue_len)
        d->drain_due = true;
    close_write(d);
    if (d->read_over)
        fail(d, strerror(errnum));
    else if (d->drain_due)
        deferred_call(d->later);
}

static void do_shutdown(struct duplex *d)
{
    d->shut_done = true;
    if (d->ops && d->ops->shutdown)
        d->ops->shutdown(d->impl);
    else if (d->wfd >= 0 && d->wfd == d->rfd)
        shutdown(d->wfd, SHUT_WR);
    close_write(d);
}

static void flush(struct duplex *d)
{
    while (d->queue_off < d->queue_len && !d->write_over) {
        ssize_t n = fd_write(d, d->queue + d->queue_off, d->queue_len - d->queue_off);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            write_failed(d, (int)-n);
            return;
        }
        d->queue_off += (size_t)n;
    }
    if (d->queue_len) { /* memory of a burst is not kept */
        free(d->queue);
        d->queue = NULL;
        d->queue_off = d->queue_len = d->queue_cap = 0;
        d->drain_due = true;
    }
    if (d->shut_asked && !d->shut_done)
        do_shutdown(d);
}

bool duplex_write(struct duplex *d, const void *data, size_t len)
{
    size_t queued = duplex_queued(d);
    if (d->write_over || d->shut_asked || (queued && queued + len > QUEUE_MAX))
        return false;
    const char *p = data;
    while (len && !queued) {
        ssize_t n = fd_write(d, p, len);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            write_failed(d, (int)-n);
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    if (len) {
        queue_add(d, p, len);
        rearm(d);
    }
    return true;
}

size_t duplex_queued(const struct duplex *d)
{
    return d->queue_len - d->queue_off;
}

void duplex_shutdown(struct duplex *d)
{
    if (d->shut_asked)
        return;
    d->shut_asked = true;
    if (!d->queue_len && !d->write_over)
        do_shutdown(d);
}

/* --- reading --- */

void duplex_pause(struct duplex *d)
{
    d->paused = true;
    rearm(d);
}

void duplex_resume(struct duplex *d)
{
    d->paused = false;
    if (d->rest_len || d->read_over)
        deferred_call(d->later);
    rearm(d);
}

/* Offers bytes; keeps what is not taken, and reads no more until duplex_resume(). */
static void offer(struct duplex *d, const char *data, size_t len)
{
    size_t taken = d->ev->read(d->arg, data, len);
    if (taken >= len || d->freed)
        return;
    d->paused = true;
    duplex_prefill(d, data + taken, len - taken);
}

static void offer_rest(struct duplex *d)
{
    size_t len = d->rest_len;
    auto_free char *data = take_ptr(d->rest);
    d->rest_len = 0;
    offer(d, data, len);
}

static bool can_read(const struct duplex *d)
{
    return !d->freed && d->started && !d->paused && !d->read_over && !d->rest_len;
}

static void read_more(struct duplex *d)
{
    static char data[READ_SIZE]; /* one thread, and nobody keeps it over a callback */
    for (int i = 0; i < READ_ROUNDS && can_read(d); i++) {
        ssize_t n = fd_read(d, data, sizeof data);
        if (n == -EAGAIN)
            return;
        if (n > 0) {
            offer(d, data, (size_t)n);
            if (!d->freed && !d->ops && (size_t)n < sizeof data)
                return; /* most likely all there was: the watch tells otherwise */
            continue;
        }
        d->read_over = true;
        if (d->rwatch != d->wwatch) {
            watch_free(take_ptr(d->rwatch));
            close(take_fd(d->rfd));
        }
        tell_closed(d, n ? strerror((int)-n) : NULL);
        return;
    }
    if (can_read(d) && d->ops) /* TLS holds bytes that the descriptor does not show */
        deferred_call(d->later);
}

static void tell_drained(struct duplex *d)
{
    if (!d->drain_due || d->freed || d->queue_len)
        return;
    d->drain_due = false;
    if (d->started && d->ev->drained)
        d->ev->drained(d->arg);
}

static void ready(struct duplex *d, int events)
{
    enter(d);
    if (events & UV_WRITABLE) {
        flush(d);
        tell_drained(d);
    }
    if ((events & UV_READABLE) && can_read(d))
        read_more(d);
    leave(d);
}

static void run_later(void *arg)
{
    struct duplex *d = arg;
    enter(d);
    tell_drained(d);
    if (!d->freed && d->started && !d->paused && d->rest_len)
        offer_rest(d);
    if (!d->freed && d->failed && !d->rest_len)
        tell_closed(d, d->error);
    if (can_read(d))
        read_more(d);
    leave(d);
}
