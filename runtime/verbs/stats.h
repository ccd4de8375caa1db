/* What a container has used, as its cgroups say, in the JSON of runc's events; on v2 with what only v2 knows:
 * pressure and counted memory events. */
#ifndef WHERRY_RUNTIME_STATS_H
#define WHERRY_RUNTIME_STATS_H

#include "lib/json.h"
#include "runtime/cgroup/cgroups.h"

/* One object under name. A controller that the host has not gives the same members, zero or left out. */
void stats_write(struct cgroups *c, struct arena *a, struct json_out *o, const char *name);

#endif
