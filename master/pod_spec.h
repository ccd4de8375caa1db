/* Pods and Pod templates: defaults and rules, shared by Pod and ReplicationController. */
#ifndef WHERRY_MASTER_POD_SPEC_H
#define WHERRY_MASTER_POD_SPEC_H

#include "master/invalid.h"
#include "master/strategy.h"

void pod_spec_defaults(struct arena *a, struct json *spec); /* of a template, too */
void pod_defaults(struct arena *a, struct json *pod);       /* a Pod's own on top of them */
const char *pod_qos_class(const struct json *spec);
/* spec of a Pod or template; the paths begin with p. */
void pod_spec_validate(struct invalid *v, const struct json *spec, const struct path *p);

#endif
