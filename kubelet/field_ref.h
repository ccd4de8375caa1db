/*
 * The downward API: what fieldRef and resourceFieldRef stand for, for environment variables and volume files.
 * Pure: what is not in the Pod comes in field_context.
 */
#ifndef WHERRY_KUBELET_FIELD_REF_H
#define WHERRY_KUBELET_FIELD_REF_H

#include "lib/api/pod.h"
#include "lib/mem.h"

struct field_context {
    const char *node_name, *host_ip, *pod_ip;          /* NULL: not known yet */
    int64_t node_milli_cpu, node_memory, node_storage; /* what an unset limit stands for */
};
/* *ret lives in `a`; an absent label or annotation is "". ERR_INVALID names a path that is none. */
struct err *field_ref_value(struct arena *a, const struct pod *p, const struct field_context *x,
    const char *path, const char **ret) __attribute__((warn_unused_result));
/* of: the container that containerName says, else the one that asks. */
struct err *field_ref_resource(struct arena *a, const struct pod *p, const struct field_context *x,
    const struct container *of, const struct resource_field_selector *r, const char **ret)
    __attribute__((warn_unused_result));

#endif
