/* Event, Lease. */
#include "master/edit.h"
#include "master/strategy.h"
#include <string.h>

static void validate_event(struct admission *x, struct json *ev)
{
    const struct json *object = json_get(ev, "involvedObject");
    const char *its_ns = json_str(json_get(object, "namespace"));
    const char *ns = json_str(json_at(ev, "metadata", "namespace", NULL));
    const struct path *p = PATH(PATH(NULL, "involvedObject"), "namespace");
    bool none = !its_ns || !*its_ns; /* about a cluster-scoped object: those live in default */
    if (none ? strcmp(ns, "default") != 0 && strcmp(ns, "kube-system") != 0 : strcmp(its_ns, ns) != 0)
        invalid_str(&x->invalid, p, none ? "" : its_ns, "does not match event.namespace");
}

static void validate_lease(struct admission *x, struct json *lease)
{
    const struct path *p = PATH(NULL, "spec");
    int64_t v;
    if (json_int(json_at(lease, "spec", "leaseDurationSeconds", NULL), &v) && v <= 0)
        invalid_int(&x->invalid, PATH(p, "leaseDurationSeconds"), v, "must be greater than 0");
    if (json_int(json_at(lease, "spec", "leaseTransitions", NULL), &v) && v < 0)
        invalid_int(&x->invalid, PATH(p, "leaseTransitions"), v, "must be greater than or equal to 0");
}

const struct strategy event_strategy = {.validate = validate_event};
static bool is_renewal(struct arena *a, const struct json *lease, const struct json *old)
{
    return json_equal(json_with_at(a, lease, NULL, "spec", "renewTime", NULL),
        json_with_at(a, old, NULL, "spec", "renewTime", NULL));
}

const struct strategy lease_strategy = {.validate = validate_lease, .is_heartbeat = is_renewal};
