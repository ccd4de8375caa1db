/* What several programs ask of a Pod, see pod.h. */
#include "lib/api/pod.h"
#include "lib/api/quantity.h"
#include <string.h>

static bool is_cpu(const char *resource)
{
    return strcmp(resource, "cpu") == 0;
}

static int64_t amount(const struct str_map *m, const char *resource)
{
    return is_cpu(resource) ? quantity_millis_of(m, resource, 0) : quantity_units_of(m, resource, 0);
}

int64_t container_limit(const struct container *c, const char *resource)
{
    return c->resources ? amount(&c->resources->limits, resource) : 0;
}

int64_t container_request(const struct container *c, const char *resource)
{
    if (!c->resources)
        return 0;
    if (!str_map_get(&c->resources->requests, resource))
        return container_limit(c, resource);
    return amount(&c->resources->requests, resource);
}

bool container_is_sidecar(const struct container *c)
{
    return c->restart_policy && strcmp(c->restart_policy, "Always") == 0;
}

int64_t pod_request(const struct pod_spec *s, const char *resource)
{
    int64_t running = 0, sidecars = 0, peak = 0;
    if (s->resources && str_map_get(&s->resources->requests, resource))
        return amount(&s->resources->requests, resource) + amount(&s->overhead, resource);
    for (size_t i = 0; i < s->containers.n; i++)
        running += container_request(&s->containers.v[i], resource);
    for (size_t i = 0; i < s->init_containers.n; i++) {
        const struct container *c = &s->init_containers.v[i];
        int64_t r = container_request(c, resource);
        if (container_is_sidecar(c))
            sidecars += r;
        int64_t step = container_is_sidecar(c) ? sidecars : sidecars + r;
        if (step > peak)
            peak = step;
    }
    running += sidecars;
    return (running > peak ? running : peak) + amount(&s->overhead, resource);
}

int64_t pod_limit(const struct pod_spec *s, const char *resource)
{
    int64_t running = 0, sidecars = 0, peak = 0;
    if (s->resources && str_map_get(&s->resources->limits, resource))
        return amount(&s->resources->limits, resource) + amount(&s->overhead, resource);
    for (size_t i = 0; i < s->containers.n; i++) {
        int64_t l = container_limit(&s->containers.v[i], resource);
        if (!l)
            return 0;
        running += l;
    }
    for (size_t i = 0; i < s->init_containers.n; i++) {
        const struct container *c = &s->init_containers.v[i];
        int64_t l = container_limit(c, resource);
        if (!l)
            return 0;
        if (container_is_sidecar(c))
            sidecars += l;
        int64_t step = container_is_sidecar(c) ? sidecars : sidecars + l;
        if (step > peak)
            peak = step;
    }
    running += sidecars;
    return (running > peak ? running : peak) + amount(&s->overhead, resource);
}

/* What one set of requests and limits says of a class: 0 nothing, 1 something, 2 limits equal requests of
 * both cpu and memory. */
static int qos_of(const struct resource_requirements *r)
{
    static const char *const counted[] = {"cpu", "memory"};
    int guaranteed = 0, something = 0;
    for (size_t i = 0; r && i < ARRAY_SIZE(counted); i++) {
        int64_t limit = amount(&r->limits, counted[i]);
        int64_t request = str_map_get(&r->requests, counted[i]) ? amount(&r->requests, counted[i]) : limit;
        something |= limit > 0 || request > 0;
        guaranteed += limit > 0 && limit == request;
    }
    return guaranteed == 2 ? 2 : something;
}

enum pod_qos pod_qos(const struct pod_spec *s)
{
    bool any = false, all = true;
    int whole = qos_of(s->resources);
    if (whole)
        return whole == 2 ? POD_GUARANTEED : POD_BURSTABLE;
    for (size_t i = 0; i < s->containers.n + s->init_containers.n; i++) {
        const struct container *c =
            i < s->containers.n ? &s->containers.v[i] : &s->init_containers.v[i - s->containers.n];
        int q = qos_of(c->resources);
        any |= q > 0;
        all &= q == 2;
    }
    return !any ? POD_BEST_EFFORT : all ? POD_GUARANTEED : POD_BURSTABLE;
}

const char *pod_qos_name(enum pod_qos q)
{
    static const char *const names[] = {"BestEffort", "Burstable", "Guaranteed"};
    return names[q];
}

const char *pod_condition(const struct pod_status *s, const char *type)
{
    for (size_t i = 0; s && i < s->conditions.n; i++)
        if (s->conditions.v[i].type && strcmp(s->conditions.v[i].type, type) == 0)
            return s->conditions.v[i].status;
    return NULL;
}

bool pod_is_ready(const struct pod *p)
{
    const char *status = pod_condition(p->status, "Ready");
    return status && strcmp(status, "True") == 0;
}

bool pod_is_terminal(const struct pod *p)
{
    const char *phase = p->status && p->status->phase ? p->status->phase : "";
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

bool pod_is_mirror(const struct pod *p)
{
    return meta_annotation(p->metadata, POD_ANNOTATION_MIRROR) != NULL;
}
