/*
 * Two duplexes joined: what one reads the other writes. A slow side pauses the other; an end of one side is
 * passed on as a half-close; a failure of either ends both.
 */
#include "lib/duplex.h"
#include "lib/mem.h"
#include <stdlib.h>

#define HIGH_WATER (256 * 1024)

struct splice;
struct side {
    struct splice *splice;
    struct duplex *d;
    struct side *other;
    bool ended;
};
struct splice {
    struct side a, b;
    void (*done)(void *arg);
    void *arg;
};

static void finish(struct splice *s)
{
    duplex_free(s->a.d);
    duplex_free(s->b.d);
    void (*done)(void *) = s->done;
    void *arg = s->arg;
    free(s);
    if (done)
        done(arg);
}

static void finish_if_over(struct splice *s)
{
    if (s->a.ended && s->b.ended && !duplex_queued(s->a.d) && !duplex_queued(s->b.d))
        finish(s);
}

static size_t side_read(void *arg, const char *data, size_t len)
{
    struct side *from = arg;
    struct duplex *to = from->other->d;
    if (!duplex_write(to, data, len) && from->other->ended) {
        finish(from->splice); /* nobody to write to, nothing more to read from there */
        return len;
    }
    if (duplex_queued(to) > HIGH_WATER)
        duplex_pause(from->d);
    return len;
}

static void side_closed(void *arg, const char *error)
{
    struct side *from = arg;
    from->ended = true;
    if (error) {
        finish(from->splice);
        return;
    }
    duplex_shutdown(from->other->d);
    finish_if_over(from->splice);
}

static void side_drained(void *arg)
{
    struct side *to = arg;
    if (!to->other->ended)
        duplex_resume(to->other->d);
    finish_if_over(to->splice);
}

void duplex_splice(struct duplex *a, struct duplex *b, void (*done)(void *arg), void *arg)
{
    static const struct duplex_events EVENTS = {side_read, side_closed, side_drained};
    struct splice *s = mem_new(struct splice);
    *s = (struct splice){.a = {s, a, &s->b, false}, .b = {s, b, &s->a, false}, .done = done, .arg = arg};
    duplex_start(a, &EVENTS, &s->a);
    duplex_start(b, &EVENTS, &s->b);
}
