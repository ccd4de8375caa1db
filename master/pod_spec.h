/* Pods and Pod templates: defaults and rules, shared by Pod and ReplicationController. */
#ifndef WHERRY_MASTER_POD_SPEC_H
#define WHERRY_MASTER_POD_SPEC_H

#include "master/invalid.h"
#include "master/strategy.h"

void pod_spec_defaults(struct arena *a, struct json *spec); /* of a template, too */
void pod_defaults(struct arena *a, struct json *pod);       /* a Pod's own on top of them */
const char *pod_qos_class(const struct json *spec);
/* spec of a Pod or template; the paths begin with p. In the order in which Kubernetes reports. */
void pod_spec_validate(struct invalid *v, const struct json *spec, const struct path *p);

/* Parts of it, one file each. */
void pod_rules_volumes(struct invalid *v, const struct json *volumes, const struct path *p);
void pod_rules_containers(struct invalid *v, const struct json *spec, const struct path *p);
void pod_rules_identity(struct invalid *v, const struct json *security_context, const struct path *p);
void pod_rules_probes(struct invalid *v, const struct json *container, bool init, const struct path *p);
void pod_rules_resources(struct invalid *v, const struct json *r, const struct path *p);
void pod_rules_placement(struct invalid *v, const struct json *spec, const struct path *p);

/* The text of a member, "" where it is absent. */
static inline const char *pod_text(const struct json *j, const char *name)
{
    const char *s = json_str(json_get(j, name));
    return s ? s : "";
}

#endif
