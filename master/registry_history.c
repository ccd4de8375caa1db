/* The history of a kind: what a watch may still ask for, in memory. */
#include "lib/clock.h"
#include "lib/mem.h"
#include "master/registry_index.h"
#include <stdlib.h>

/* HISTORY_MIN changes are kept at least; beyond that until they are old, many, or big; huge ones count for
 * themselves. */
#define HISTORY_MIN 100
#define HISTORY_MAX 4096
#define HISTORY_BYTES ((size_t)4 << 20)
#define HISTORY_BYTES_HUGE ((size_t)16 << 20)
#define HISTORY_MS 120000

struct past {
    struct registry_event event;
    int64_t at;
};

static struct past *past_at(const struct registry_history *h, size_t i)
{
    return &h->past[(h->first + i) % h->cap];
}

void event_release(struct registry_event *ev)
{
    object_unref(ev->before);
    object_unref(ev->now);
    object_unref(ev->last);
}

static void forget_oldest(struct registry_history *h)
{
    struct past *p = past_at(h, 0);
    h->floor = p->event.rev;
    h->bytes -= p->event.last->len;
    event_release(&p->event);
    h->first = (h->first + 1) % h->cap;
    h->n--;
}

static void grow(struct registry_history *h)
{
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct past *more = mem_array(cap, sizeof(*more));
    for (size_t i = 0; i < h->n; i++)
        more[i] = *past_at(h, i);
    free(h->past);
    h->past = more;
    h->cap = cap;
    h->first = 0;
}

static bool is_too_long(const struct registry_history *h, int64_t now)
{
    if (h->n <= HISTORY_MIN)
        return h->n && h->bytes > HISTORY_BYTES_HUGE;
    return h->n >= HISTORY_MAX || h->bytes > HISTORY_BYTES || now - past_at(h, 0)->at > HISTORY_MS;
}

void history_add(struct registry_history *h, const struct registry_event *ev)
{
    int64_t now = clock_mono_ms();
    while (is_too_long(h, now))
        forget_oldest(h);
    if (h->n == h->cap)
        grow(h);
    h->n++;
    *past_at(h, h->n - 1) = (struct past){*ev, now};
    h->bytes += ev->last->len;
}

bool history_each(const struct registry_history *h, uint64_t rev,
    void (*fn)(void *arg, const struct registry_event *ev), void *arg)
{
    if (rev < h->floor)
        return false;
    for (size_t i = 0; i < h->n; i++)
        if (past_at(h, i)->event.rev > rev)
            fn(arg, &past_at(h, i)->event);
    return true;
}

void history_done(struct registry_history *h)
{
    while (h->n)
        forget_oldest(h);
    free(h->past);
}
