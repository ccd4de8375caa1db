/*
 * Answers that go on. MHD pulls: it asks for bytes when the socket takes some (stream_read); with an empty
 * queue the connection is suspended until http_stream_send(). A suspended connection is out of MHD's sight,
 * so a watch of our own sees when its client leaves.
 */
#include "lib/http_internal.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096 /* only HTTP/1.0 clients use it: chunks are written where they are sent from */

struct http_stream {
    struct http_request *request; /* for its connection; NULL once MHD is done with it */
    struct watch *watch;
    struct deferred *later; /* only where it never begins */
    char *queue;
    size_t off, len, cap;
    bool reading, ended, dead, fed; /* reading: MHD has asked for bytes before */
    void (*closed)(void *arg);
    void (*drained)(void *arg);
    void *arg;
};

static void wake(struct http_stream *s)
{
    if (s->reading)
        http_resume(s->request);
}

void http_stream_kill(struct http_stream *s)
{
    s->dead = true;
    wake(s);
}

static void client_left(void *arg, int events)
{
    struct http_stream *s = arg;
    (void)events;
    watch_set(s->watch, 0);
    http_stream_kill(s);
}

static void watch_client(struct http_stream *s)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(s->request->con, MHD_CONNECTION_INFO_CONNECTION_FD);
    s->watch = watch_new(s->request->server->loop, i->connect_fd, client_left, s);
    watch_set(s->watch, UV_DISCONNECT);
}

static void drop_queue(struct http_stream *s)
{
    free(s->queue); /* the memory of a burst is not kept: most streams are silent most of the time */
    s->queue = NULL;
    s->off = s->len = s->cap = 0;
}

static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t max)
{
    struct http_stream *s = cls;
    (void)pos;
    if (s->dead)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!s->reading)
        watch_client(s);
    s->reading = true;
    if (!s->len && s->fed && s->drained && !s->ended) {
        s->fed = false;
        s->drained(s->arg);
    }
    if (!s->len && s->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!s->len) {
        http_suspend(s->request);
        return 0;
    }
    size_t n = s->len - s->off < max ? s->len - s->off : max;
    memcpy(out, s->queue + s->off, n);
    s->off += n;
    if (s->off == s->len)
        drop_queue(s);
    return (ssize_t)n;
}

void http_stream_completed(struct http_stream *s)
{
    watch_free(s->watch);
    s->request = NULL;
    s->closed(s->arg);
    drop_queue(s);
    free(s);
}

/* The connection went before the answer came: closed() is still owed, but not from within http_stream(). */
static void never_begun(void *arg)
{
    struct http_stream *s = arg;
    deferred_free(s->later);
    http_stream_completed(s);
}

struct http_stream *http_stream(struct http_request *r, unsigned status, const char *content_type,
    const struct http_header *headers, void (*closed)(void *arg), void *arg)
{
    struct http_stream *s = mem_new(struct http_stream);
    *s = (struct http_stream){.request = r, .closed = closed, .arg = arg};
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, stream_read, s, NULL);
    http_add_headers(response, content_type, headers);
    if (r->gone) {
        s->dead = true;
        s->later = deferred_new(r->loop, never_begun, s);
        deferred_call(s->later);
    } else
        r->stream = s;
    http_answer(r, status, response);
    return s;
}

static void make_room(struct http_stream *s, size_t len)
{
    if (s->off && s->len + len > s->cap) {
        memmove(s->queue, s->queue + s->off, s->len - s->off);
        s->len -= s->off;
        s->off = 0;
    }
    if (s->len + len <= s->cap)
        return;
    s->cap = s->len + len > 2 * s->cap ? s->len + len : 2 * s->cap;
    s->queue = mem_realloc(s->queue, s->cap, 1);
}

void http_stream_send(struct http_stream *s, const void *data, size_t len)
{
    if (s->dead || s->ended || !len)
        return;
    make_room(s, len);
    memcpy(s->queue + s->len, data, len);
    s->len += len;
    s->fed = true;
    wake(s);
}

size_t http_stream_queued(const struct http_stream *s)
{
    return s->len - s->off;
}

void http_stream_on_drain(struct http_stream *s, void (*drained)(void *arg))
{
    s->drained = drained;
}

void http_stream_end(struct http_stream *s)
{
    s->ended = true;
    wake(s);
}
