/* The parts of stats.h that are files of their own. */
#ifndef WHERRY_RUNTIME_STATS_PARTS_H
#define WHERRY_RUNTIME_STATS_PARTS_H

#include "lib/json.h"
#include "runtime/cgroup/cgroups.h"

void stats_memory(struct cgroups *c, struct arena *a, struct json_out *o);
void stats_blkio(struct cgroups *c, struct arena *a, struct json_out *o);

#endif
