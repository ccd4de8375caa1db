/* Admission on the node, see admit.h. */
#include "kubelet/admit.h"
#include <stdlib.h>
#include <string.h>

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

struct verdict {
    struct arena *arena;
    const char *reason, *message;
};

static bool refuse(struct verdict *v, const char *reason, const char *message)
{
    v->reason = reason;
    v->message = message;
    return false;
}

/* --- resources */

static bool fits(struct verdict *v, const struct admit_in *in, const char *resource, int64_t capacity)
{
    int64_t asked = pod_request(in->pod->spec, resource), used = 0;
    for (size_t i = 0; i < in->n_others; i++)
        used += pod_request(in->others[i], resource);
    if (asked == 0 || asked + used <= capacity)
        return true;
    return refuse(v, arena_printf(v->arena, "OutOf%s", resource),
        arena_printf(v->arena,
            "Node didn't have enough resource: %s, requested: %lld, used: %lld, capacity: %lld", resource,
            (long long)asked, (long long)used, (long long)capacity));
}

static bool fits_all(struct verdict *v, const struct admit_in *in)
{
    if ((int64_t)in->n_others + 1 > in->max_pods)
        return refuse(v, "OutOfpods",
            arena_printf(v->arena,
                "Node didn't have enough resource: pods, requested: 1, used: %zu, capacity: %lld",
                in->n_others, (long long)in->max_pods));
    return fits(v, in, "cpu", in->milli_cpu) && fits(v, in, "memory", in->memory);
}

/* --- ports */

static bool ips_meet(const char *a, const char *b)
{
    bool any_a = !a || !*a || is(a, "0.0.0.0"), any_b = !b || !*b || is(b, "0.0.0.0");
    return any_a || any_b || strcmp(a, b) == 0;
}

static bool port_taken(const struct container_port *p, const struct pod_spec *s)
{
    const char *protocol = p->protocol ? p->protocol : "TCP";
    for (size_t i = 0; i < s->containers.n; i++)
        for (size_t j = 0; j < s->containers.v[i].ports.n; j++) {
            const struct container_port *q = &s->containers.v[i].ports.v[j];
            if (opt_int_or(q->host_port, 0) == p->host_port.v &&
                is(q->protocol ? q->protocol : "TCP", protocol) && ips_meet(p->host_ip, q->host_ip))
                return true;
        }
    return false;
}

static bool ports_free(struct verdict *v, const struct admit_in *in)
{
    const struct pod_spec *s = in->pod->spec;
    for (size_t i = 0; i < s->containers.n; i++)
        for (size_t j = 0; j < s->containers.v[i].ports.n; j++) {
            const struct container_port *p = &s->containers.v[i].ports.v[j];
            for (size_t o = 0; opt_int_or(p->host_port, 0) && o < in->n_others; o++)
                if (port_taken(p, in->others[o]))
                    return refuse(v, "NodePorts",
                        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod "
                        "ports");
        }
    return true;
}

/* --- labels */

static bool requirement_holds(const struct node_selector_requirement *r, const char *value)
{
    const char *op = r->operator_ ? r->operator_ : "";
    bool in = false;
    for (size_t i = 0; value && i < r->values.n; i++)
        in |= strcmp(r->values.v[i], value) == 0;
    if (strcmp(op, "In") == 0)
        return in;
    if (strcmp(op, "NotIn") == 0)
        return !in;
    if (strcmp(op, "Exists") == 0)
        return value != NULL;
    if (strcmp(op, "DoesNotExist") == 0)
        return value == NULL;
    if (!value || r->values.n != 1)
        return false;
    long long have = atoll(value), want = atoll(r->values.v[0]);
    return strcmp(op, "Gt") == 0 ? have > want : strcmp(op, "Lt") == 0 && have < want;
}

static bool term_holds(const struct node_selector_term *t, const struct node *n)
{
    if (t->match_expressions.n + t->match_fields.n == 0)
        return false;
    for (size_t i = 0; i < t->match_expressions.n; i++) {
        const struct node_selector_requirement *r = &t->match_expressions.v[i];
        if (!requirement_holds(r, meta_label(n->metadata, r->key ? r->key : "")))
            return false;
    }
    for (size_t i = 0; i < t->match_fields.n; i++) {
        const struct node_selector_requirement *r = &t->match_fields.v[i];
        if (!is(r->key, "metadata.name") || !requirement_holds(r, n->metadata->name))
            return false;
    }
    return true;
}

bool admit_node_matches(const struct pod_spec *s, const struct node *n)
{
    for (size_t i = 0; i < s->node_selector.n; i++)
        if (!is(meta_label(n->metadata, s->node_selector.v[i].name), s->node_selector.v[i].value))
            return false;
    const struct node_selector *need =
        s->affinity && s->affinity->node_affinity ? s->affinity->node_affinity->required : NULL;
    for (size_t i = 0; need && i < need->node_selector_terms.n; i++)
        if (term_holds(&need->node_selector_terms.v[i], n))
            return true;
    return !need;
}

/* --- what this node cannot do */

static bool sysctls_allowed(struct verdict *v, const struct pod_spec *s)
{
    static const char *const safe[] = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem"};
    for (size_t i = 0; s->security_context && i < s->security_context->sysctls.n; i++) {
        const char *name = s->security_context->sysctls.v[i].name;
        bool ok = false;
        for (size_t j = 0; j < ARRAY_SIZE(safe); j++)
            ok |= is(name, safe[j]);
        if (ok && strncmp(name, "net.", 4) == 0 && opt_bool_or(s->host_network, false))
            ok = false;
        if (!ok)
            return refuse(v, "SysctlForbidden",
                arena_printf(v->arena, "forbidden sysctl: \"%s\" not allowlisted", name ? name : ""));
    }
    return true;
}

static bool wants_apparmor(const struct app_armor_profile *p)
{
    return p && !is(p->type, "Unconfined");
}

static bool apparmor_possible(struct verdict *v, const struct admit_in *in)
{
    const struct pod_spec *s = in->pod->spec;
    bool wanted = s->security_context && wants_apparmor(s->security_context->app_armor_profile);
    for (size_t i = 0; i < s->containers.n; i++)
        wanted |= s->containers.v[i].security_context &&
                  wants_apparmor(s->containers.v[i].security_context->app_armor_profile);
    if (wanted && !in->apparmor)
        return refuse(v, "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host");
    return true;
}

static bool container_supported(struct verdict *v, const char *list, size_t i, const struct container *c)
{
    const struct probe *const probes[] = {c->liveness_probe, c->readiness_probe, c->startup_probe};
    static const char *const names[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    for (size_t p = 0; p < ARRAY_SIZE(probes); p++)
        if (probes[p] && probes[p]->grpc)
            return refuse(v, "Unsupported",
                arena_printf(
                    v->arena, "spec.%s[%zu].%s.grpc: not supported by this node", list, i, names[p]));
    if (c->volume_devices)
        return refuse(v, "Unsupported",
            arena_printf(v->arena, "spec.%s[%zu].volumeDevices: not supported by this node", list, i));
    return true;
}

static bool supported(struct verdict *v, const struct pod_spec *s)
{
    if (s->os && s->os->name && strcmp(s->os->name, "linux") != 0)
        return refuse(v, "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
    if (s->runtime_class_name && *s->runtime_class_name)
        return refuse(v, "Unsupported", "spec.runtimeClassName: not supported by this node");
    if (s->resource_claims)
        return refuse(v, "Unsupported", "spec.resourceClaims: not supported by this node");
    for (size_t i = 0; i < s->volumes.n; i++)
        if (s->volumes.v[i].image)
            return refuse(v, "Unsupported",
                arena_printf(v->arena, "spec.volumes[%zu].image: not supported by this node", i));
    for (size_t i = 0; i < s->containers.n; i++)
        if (!container_supported(v, "containers", i, &s->containers.v[i]))
            return false;
    for (size_t i = 0; i < s->init_containers.n; i++)
        if (!container_supported(v, "initContainers", i, &s->init_containers.v[i]))
            return false;
    return true;
}

bool admit(struct arena *a, const struct admit_in *in, const char **ret_reason, const char **ret_message)
{
    struct verdict v = {.arena = a};
    const struct pod_spec *s = in->pod->spec;
    bool ok = supported(&v, s) && apparmor_possible(&v, in) && sysctls_allowed(&v, s);
    if (ok && in->node && !admit_node_matches(s, in->node))
        ok = refuse(&v, "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
    ok = ok && fits_all(&v, in) && ports_free(&v, in);
    *ret_reason = v.reason;
    *ret_message = v.message;
    return ok;
}
