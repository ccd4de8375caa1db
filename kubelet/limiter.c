/* Bounded concurrency, see limiter.h. */
#include "kubelet/limiter.h"
#include "lib/mem.h"
#include <stdbool.h>
#include <stdlib.h>

struct ticket {
    struct limiter *limiter;
    struct ticket *next;
    bool running;
    loop_fn *fn;
    void *arg;
};
struct limiter {
    unsigned max, running;
    struct ticket *first, **last;
    struct deferred *more;
};

static void limiter_next(void *arg)
{
    struct limiter *l = arg;
    while (l->first && l->running < l->max) {
        struct ticket *t = l->first;
        l->first = t->next;
        if (!l->first)
            l->last = &l->first;
        t->running = true;
        l->running++;
        t->fn(t->arg);
    }
}

struct limiter *limiter_new(uv_loop_t *loop, unsigned max)
{
    struct limiter *l = mem_new(struct limiter);
    l->max = max;
    l->last = &l->first;
    l->more = deferred_new(loop, limiter_next, l);
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    deferred_free(l->more);
    free(l);
}

struct ticket *limiter_begin(struct limiter *l, loop_fn *fn, void *arg)
{
    struct ticket *t = mem_new(struct ticket);
    *t = (struct ticket){.limiter = l, .fn = fn, .arg = arg};
    *l->last = t;
    l->last = &t->next;
    if (l->running < l->max)
        deferred_call(l->more);
    return t;
}

void limiter_end(struct ticket *t)
{
    if (!t)
        return;
    struct limiter *l = t->limiter;
    if (t->running) {
        l->running--;
        if (l->first)
            deferred_call(l->more);
    } else {
        struct ticket **p = &l->first;
        while (*p != t)
            p = &(*p)->next;
        *p = t->next;
        if (l->last == &t->next)
            l->last = p;
    }
    free(t);
}
