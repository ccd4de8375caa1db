/*
 * linux.resources as writes to cgroup files, for v1 and v2 controllers, when a container is made and when it
 * is updated. Pure; carried out by cgroups_limits.c. (Devices are not files on v2: see device_rules.h.)
 *
 * A value that was asked for and has no file is an error; optional is what a kernel may leave out: v1's memsw
 * and v2's swap without swap accounting, burst, reservations of huge pages.
 */
#ifndef WHERRY_RUNTIME_RESOURCES_H
#define WHERRY_RUNTIME_RESOURCES_H

#include "lib/api/oci.h"

enum resource_need {
    RESOURCE_MUST,
    RESOURCE_OPTIONAL, /* a kernel without the file is no error */
    RESOURCE_OR_NEXT,  /* without the file, the next write is the one; with it, the next is left out */
};
struct resource_write {
    const char *controller, *file, *text;
    enum resource_need need;
    /* Not 0: writes with one number, which follow each other, hold each other (a limit of memory that of
     * memory and swap). One that is refused is tried again after the others. */
    int group;
};
struct resource_writes {
    struct resource_write *v;
    size_t n;
    int64_t memory_below; /* not 0: refused unless less memory is in use (checkBeforeUpdate; v2) */
};

/* What the plan has to know of the host and of a cgroup that has limits already. */
struct resources_host {
    bool (*is_v2)(const void *arg, const char *controller); /* it stands in the cgroup2 hierarchy */
    const void *arg;
    int64_t memory_limit, cpu_quota; /* in force now, of v2; not above 0: none */
    bool pids_zero_is_unset;         /* before runtime-spec 1.3 a limit of 0 was none */
};

struct err *resources_plan(struct arena *a, const struct oci_resources *r, const struct resources_host *host,
    struct resource_writes *ret) __attribute__((warn_unused_result));

#endif
