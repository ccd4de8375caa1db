/*
 * linux.resources as writes to cgroup files, for v1 and v2 controllers. Pure; carried out by cgroups.c.
 * (Devices are not files on v2: see device_rules.h.)
 */
#ifndef WHERRY_RUNTIME_RESOURCES_H
#define WHERRY_RUNTIME_RESOURCES_H

#include "lib/api/oci.h"

struct resource_write {
    const char *controller, *file, *text;
    bool optional; /* a kernel without the file is no error */
};
struct resource_writes {
    struct resource_write *v;
    size_t n;
};

/* is_v2 says of a controller whether it stands in the cgroup2 hierarchy. */
struct err *resources_plan(struct arena *a, const struct oci_resources *r,
    bool (*is_v2)(const void *, const char *), const void *arg, struct resource_writes *ret)
    __attribute__((warn_unused_result));

#endif
