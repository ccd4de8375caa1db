#include "master/ctl_queue.h"

#include "lib/loop.h"
#include "lib/mem.h"
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 200 }; /* after a failed write: most are conflicts with somebody who was quicker */

struct ctl_key {
    struct ctl_queue *queue;
    char *ns, *name;
    unsigned held;
    bool waiting, failed;
    struct ctl_key *next; /* of those that wait */
};

struct ctl_queue {
    void (*fn)(void *arg, const char *ns, const char *name);
    void *arg;
    void *keys; /* tsearch(3) tree of struct ctl_key */
    struct ctl_key *first, **last;
    struct deferred *soon;
    struct timer *later;
};

static int compare(const void *a, const void *b)
{
    const struct ctl_key *x = a, *y = b;
    int ns = strcmp(x->ns, y->ns);
    return ns ? ns : strcmp(x->name, y->name);
}

static struct ctl_key *key_get(struct ctl_queue *q, const char *ns, const char *name)
{
    struct ctl_key probe = {.ns = (char *)ns, .name = (char *)name};
    void *found = tfind(&probe, &q->keys, compare);
    if (found)
        return *(struct ctl_key **)found;
    struct ctl_key *k = mem_new(struct ctl_key);
    k->queue = q;
    k->ns = mem_strdup(ns);
    k->name = mem_strdup(name);
    if (!tsearch(k, &q->keys, compare))
        abort();
    return k;
}

static void key_drop(struct ctl_key *k)
{
    if (k->held || k->waiting)
        return;
    tdelete(k, &k->queue->keys, compare);
    free(k->ns);
    free(k->name);
    free(k);
}

static void run(void *arg)
{
    struct ctl_queue *q = arg;
    struct ctl_key *rest = q->first;
    q->first = NULL;
    q->last = &q->first;
    while (rest) {
        struct ctl_key *k = rest;
        rest = k->next;
        k->waiting = false;
        if (!k->held) {
            k->held = 1; /* it stays while fn looks at it */
            q->fn(q->arg, k->ns, k->name);
            k->held--;
        }
        key_drop(k);
    }
}

struct ctl_queue *ctl_queue_new(
    uv_loop_t *loop, void (*fn)(void *arg, const char *ns, const char *name), void *arg)
{
    struct ctl_queue *q = mem_new(struct ctl_queue);
    q->fn = fn;
    q->arg = arg;
    q->last = &q->first;
    q->soon = deferred_new(loop, run, q);
    q->later = timer_new(loop, run, q);
    return q;
}

static void enqueue(struct ctl_key *k)
{
    struct ctl_queue *q = k->queue;
    if (k->waiting)
        return;
    k->waiting = true;
    k->next = NULL;
    *q->last = k;
    q->last = &k->next;
}

void ctl_queue_add(struct ctl_queue *q, const char *ns, const char *name)
{
    struct ctl_key *k = key_get(q, ns, name);
    if (k->held)
        return; /* its release adds it */
    enqueue(k);
    deferred_call(q->soon);
}

struct ctl_key *ctl_queue_hold(struct ctl_queue *q, const char *ns, const char *name)
{
    struct ctl_key *k = key_get(q, ns, name);
    k->held++;
    return k;
}

void ctl_queue_release(struct ctl_key *k, int failed)
{
    struct ctl_queue *q = k->queue;
    k->failed |= failed != 0;
    if (--k->held)
        return;
    bool pause = k->failed;
    k->failed = false;
    enqueue(k);
    if (pause && !timer_is_armed(q->later))
        timer_start(q->later, PAUSE_MS);
    else if (!pause)
        deferred_call(q->soon);
}

static void free_key(void *key)
{
    struct ctl_key *k = key;
    free(k->ns);
    free(k->name);
    free(k);
}

/* The registry has committed or dropped every write before the controllers are stopped, so nothing is held.
 */
void ctl_queue_free(struct ctl_queue *q)
{
    if (!q)
        return;
    deferred_free(q->soon);
    timer_free(q->later);
    tdestroy(q->keys, free_key);
    free(q);
}
