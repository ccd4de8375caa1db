/* What the two halves of the plan of resources.h share. */
#ifndef WHERRY_RUNTIME_RESOURCES_INTERNAL_H
#define WHERRY_RUNTIME_RESOURCES_INTERNAL_H

#include "runtime/cgroup/resources.h"

struct resources_plan {
    struct arena *a;
    struct resource_writes w;
    size_t room;
    const struct resources_host *host;
    int group; /* of what is put next; 0: none */
};

void plan_put(struct resources_plan *p, const char *controller, const char *file, const char *text,
    enum resource_need need);
const char *plan_num(struct resources_plan *p, int64_t n);
/* Of a limit where -1 is "none": v2 calls that max. */
const char *plan_num_or_max(struct resources_plan *p, int64_t n);
bool plan_is_v2(const struct resources_plan *p, const char *controller);

/* Block devices, huge pages, network, RDMA, unified. */
struct err *resources_rest(struct resources_plan *p, const struct oci_resources *r)
    __attribute__((warn_unused_result));

#endif
