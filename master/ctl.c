#include "master/ctl.h"

#include "lib/mem.h"
#include <stdlib.h>

struct controllers {
    struct scheduler *scheduler;
    struct replication *replication;
    struct endpoints *endpoints;
    struct node_life *node_life;
    struct garbage *garbage;
};

struct controllers *controllers_start(struct cluster *cluster)
{
    struct controllers *c = mem_new(struct controllers);
    *c = (struct controllers){sched_start(cluster), replication_start(cluster), endpoints_start(cluster),
        node_life_start(cluster), garbage_start(cluster)};
    return c;
}

void controllers_stop(struct controllers *c)
{
    if (!c)
        return;
    garbage_stop(c->garbage);
    node_life_stop(c->node_life);
    endpoints_stop(c->endpoints);
    replication_stop(c->replication);
    sched_stop(c->scheduler);
    free(c);
}
