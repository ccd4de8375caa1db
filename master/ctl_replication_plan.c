#include "master/ctl_replication_plan.h"

#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

bool replication_selects(const struct str_map *selector, const struct str_map *labels)
{
    for (size_t i = 0; i < selector->n; i++) {
        const char *actual = str_map_get(labels, selector->v[i].name);
        if (!actual || strcmp(actual, selector->v[i].value) != 0)
            return false;
    }
    return selector->n > 0;
}

struct candidate {
    const struct replication_pod *pod;
    size_t index;
    size_t siblings; /* Pods of this controller on the same node */
};

static int sign(int64_t v)
{
    return v < 0 ? -1 : v > 0;
}

/* Who goes first: not assigned, not running, not ready, cheap, crowded, ready for a short time, restarted
 * often, young. */
static int by_worth(const void *x, const void *y)
{
    const struct candidate *cx = x, *cy = y;
    const struct replication_pod *a = cx->pod, *b = cy->pod;
    bool a_node = a->node && *a->node, b_node = b->node && *b->node;
    const int64_t steps[] = {
        (int64_t)a_node - b_node,
        (int64_t)a->phase - (int64_t)b->phase,
        (int64_t)a->ready - b->ready,
        sign(a->deletion_cost - b->deletion_cost),
        (int64_t)cy->siblings - (int64_t)cx->siblings,
        a->ready && b->ready ? sign(b->ready_since_s - a->ready_since_s) : 0,
        sign(b->restarts - a->restarts),
        sign(b->created_s - a->created_s),
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (steps[i])
            return steps[i] < 0 ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void count_siblings(struct candidate *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            c[i].siblings += c[i].pod->node && c[j].pod->node && strcmp(c[i].pod->node, c[j].pod->node) == 0;
}

static void add_status(const struct replication_want *want, const struct replication_pod *p, int64_t now_s,
    struct replication_plan *plan)
{
    plan->replicas++;
    plan->fully_labeled += p->fully_labeled;
    if (!p->ready)
        return;
    plan->ready++;
    int64_t left = p->ready_since_s + want->min_ready_seconds - now_s;
    if (want->min_ready_seconds == 0 || left <= 0)
        plan->available++;
    else if (plan->recheck_s == 0 || left < plan->recheck_s)
        plan->recheck_s = left;
}

/* Sorts the Pods into mine, to be adopted, to be released; returns how many are active and mine. */
static size_t claim(struct arena *a, const struct replication_want *want, const struct replication_pod *pods,
    size_t n, struct candidate *mine, struct replication_plan *plan)
{
    size_t active = 0;
    plan->adopt = arena_array(a, n, sizeof(size_t));
    plan->release = arena_array(a, n, sizeof(size_t));
    for (size_t i = 0; i < n; i++) {
        const struct replication_pod *p = &pods[i];
        bool owned = p->controller_uid && strcmp(p->controller_uid, want->uid) == 0;
        bool selected = replication_selects(want->selector, p->labels);
        if (owned && !selected) {
            plan->release[plan->n_release++] = i;
            continue;
        }
        if (!owned && (p->controller_uid || !selected))
            continue;
        if (p->deleting || p->phase == REPLICATION_ENDED)
            continue;
        if (!owned)
            plan->adopt[plan->n_adopt++] = i;
        mine[active++] = (struct candidate){p, i, 0};
    }
    return active;
}

void replication_decide(struct arena *a, const struct replication_want *want,
    const struct replication_pod *pods, size_t n, int64_t now_s, struct replication_plan *ret)
{
    *ret = (struct replication_plan){0};
    struct candidate *mine = arena_array(a, n, sizeof(*mine));
    size_t active = claim(a, want, pods, n, mine, ret),
           wanted = want->replicas > 0 ? (size_t)want->replicas : 0;
    for (size_t i = 0; i < active; i++)
        add_status(want, mine[i].pod, now_s, ret);
    if (want->deleting) { /* its Pods are the garbage collector's */
        ret->n_adopt = ret->n_release = 0;
        return;
    }
    if (active < wanted)
        ret->create = wanted - active > REPLICATION_BURST ? REPLICATION_BURST : wanted - active;
    if (active <= wanted)
        return;
    count_siblings(mine, active);
    qsort(mine, active, sizeof(*mine), by_worth);
    ret->n_delete = active - wanted > REPLICATION_BURST ? REPLICATION_BURST : active - wanted;
    ret->delete = arena_array(a, ret->n_delete, sizeof(size_t));
    for (size_t i = 0; i < ret->n_delete; i++)
        ret->delete[i] = mine[i].index;
}
