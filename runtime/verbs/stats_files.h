/* Files of cgroups, read for their numbers. What cannot be read is 0 or empty: a controller is absent, or the
 * cgroup has just gone. */
#ifndef WHERRY_RUNTIME_STATS_FILES_H
#define WHERRY_RUNTIME_STATS_FILES_H

#include "lib/json.h"
#include "runtime/cgroup/cgroups.h"

/* The directory of controller's cgroup, and whether it is v2; -1: there is none. */
int stats_dir(struct cgroups *c, const char *controller, bool *ret_v2);
/* "max" is UINT64_MAX. */
uint64_t stats_number(int dir, const char *file);
/* The whole file, "" where there is none. */
char *stats_text(struct arena *a, int dir, const char *file);
/* Of lines "key value". */
uint64_t stats_value(const char *text, const char *key);

void stats_out(struct json_out *o, const char *name, uint64_t v);
void stats_out_set(struct json_out *o, const char *name, uint64_t v); /* left out where 0 */
/* "some" and "full" of a v2 pressure file, under "psi"; nothing without one. */
void stats_out_pressure(struct json_out *o, struct arena *a, int dir, const char *file);

#endif
