/*
 * Which addresses a Service leads to: pure. A Service and the Pods it selects come in; the Endpoints object
 * and the EndpointSlices that should exist come out. Pods whose named target ports lead to different numbers
 * are in different subsets and slices.
 */
#ifndef WHERRY_MASTER_CTL_ENDPOINTS_PLAN_H
#define WHERRY_MASTER_CTL_ENDPOINTS_PLAN_H

#include "lib/api/pod.h"
#include "lib/json.h"

enum { ENDPOINTS_PER_SLICE = 100 };

#define ENDPOINTS_SERVICE_LABEL "kubernetes.io/service-name"
#define ENDPOINTS_MANAGER_LABEL "endpointslice.kubernetes.io/managed-by"
#define ENDPOINTS_MANAGER "endpointslice-controller.k8s.io"
#define ENDPOINTS_MIRROR "endpointslicemirroring-controller.k8s.io"

struct endpoints_plan {
    const struct json *endpoints; /* the Endpoints object */
    size_t n_slices;
    const struct json **slices; /* EndpointSlice objects, named SERVICE-0, SERVICE-1, ... */
};
/* pods: those that the Service selects, in the order of their names, already without those that have ended or
 * have no address. All results live in a. */
void endpoints_plan(struct arena *a, const struct json *service, struct pod *const *pods, size_t n,
    struct endpoints_plan *ret);

/* Slices that show what somebody wrote into an Endpoints object by hand, for a Service without a selector. */
void endpoints_mirror(
    struct arena *a, const struct json *service, const struct json *endpoints, struct endpoints_plan *ret);

#endif
