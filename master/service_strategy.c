/*
 * Service: defaults, and addresses. clusterIP and clusterIPs[0] are one thing under two names; which of the
 * two a client changed decides. Addresses and node ports are taken last, when everything else is valid.
 */
#include "master/alloc.h"
#include "master/edit.h"
#include "master/service_rules.h"
#include <string.h>

static const char *text(const struct json *spec, const char *name)
{
    const char *s = json_str(json_get(spec, name));
    return s ? s : "";
}

static bool is_type(const struct json *spec, const char *type)
{
    return !strcmp(text(spec, "type"), type);
}

bool service_has_node_ports(const struct json *spec)
{
    if (is_type(spec, "NodePort"))
        return true;
    return is_type(spec, "LoadBalancer") && json_bool(json_get(spec, "allocateLoadBalancerNodePorts"), true);
}

static bool is_external(const struct json *spec)
{
    const struct json *ips = json_get(spec, "externalIPs");
    return is_type(spec, "NodePort") || is_type(spec, "LoadBalancer") || (ips && ips->n);
}

static void default_ports(struct arena *a, struct json *ports)
{
    for (size_t i = 0; ports && i < ports->n; i++) {
        struct json *p = edit_item(ports, i), *target = edit_get(p, "targetPort");
        edit_default_str(a, p, "protocol", "TCP");
        bool unset = !target || (target->type == JSON_NUMBER && !strcmp(target->text, "0")) ||
                     (target->type == JSON_STRING && !target->n);
        if (unset && edit_get(p, "port"))
            edit_set(a, p, "targetPort", *edit_get(p, "port"));
    }
}

static void defaults(struct admission *x, struct json *svc)
{
    struct arena *a = x->arena;
    struct json *spec = edit_object(a, svc, "spec");
    edit_default_str(a, spec, "sessionAffinity", "None");
    edit_default_str(a, spec, "type", "ClusterIP");
    if (!strcmp(text(spec, "sessionAffinity"), "ClientIP")) {
        struct json *client = edit_object(a, edit_object(a, spec, "sessionAffinityConfig"), "clientIP");
        edit_default_int(a, client, "timeoutSeconds", 10800);
    } else {
        edit_remove(spec, "sessionAffinityConfig");
    }
    default_ports(a, edit_get(spec, "ports"));
    if (is_external(spec))
        edit_default_str(a, spec, "externalTrafficPolicy", "Cluster");
    if (is_type(spec, "LoadBalancer"))
        edit_default(a, spec, "allocateLoadBalancerNodePorts", edit_new_bool(true));
    if (!is_type(spec, "ExternalName"))
        edit_default_str(a, spec, "internalTrafficPolicy", "Cluster");
}

static struct json one(struct arena *a, const char *s)
{
    struct json list = edit_new_array(a, 2);
    edit_append(a, &list, edit_new_str(a, s));
    return list;
}

/* clusterIPs follows clusterIP; the other way round where only the list was given. */
static void pair_addresses(struct arena *a, struct json *spec, const struct json *old)
{
    const struct json *ip = json_get(spec, "clusterIP"), *ips = json_get(spec, "clusterIPs");
    const struct json *was = json_at(old, "spec", "clusterIP", NULL);
    const struct json *were = json_at(old, "spec", "clusterIPs", NULL);
    bool ip_changed = old && !(ip && was ? json_equal(ip, was) : ip == was);
    bool ips_same = old && ips && were && json_equal(ips, were);
    if (ip && (!ips || !ips->n || (ip_changed && ips_same)))
        edit_set(a, spec, "clusterIPs", one(a, ip->text));
    else if (!ip && ips && ips->n && old && ips_same && ip_changed)
        edit_remove(spec, "clusterIPs");
    else if (!ip && ips && ips->n && json_str(&ips->items[0]))
        edit_set_str(a, spec, "clusterIP", json_str(&ips->items[0]));
}

static void default_families(struct arena *a, struct json *spec)
{
    if (is_type(spec, "ExternalName")) {
        edit_remove(spec, "ipFamilies");
        edit_remove(spec, "ipFamilyPolicy");
        return;
    }
    const struct json *selector = json_get(spec, "selector");
    bool headless = !strcmp(text(spec, "clusterIP"), "None");
    if (headless && !(selector && selector->n) && !json_get(spec, "ipFamilyPolicy") &&
        !json_get(spec, "ipFamilies")) { /* its endpoints are its owner's business */
        edit_set_str(a, spec, "ipFamilyPolicy", "RequireDualStack");
        struct json list = one(a, "IPv4");
        edit_append(a, &list, edit_new_str(a, "IPv6"));
        edit_set(a, spec, "ipFamilies", list);
        return;
    }
    edit_default_str(a, spec, "ipFamilyPolicy", "SingleStack");
    edit_default(a, spec, "ipFamilies", one(a, "IPv4"));
}

static void create(struct admission *x, struct json *svc)
{
    struct json status = edit_new_object(x->arena, 3), *spec = edit_get(svc, "spec");
    edit_set(x->arena, &status, "loadBalancer", edit_new_object(x->arena, 2));
    edit_set(x->arena, svc, "status", status);
    pair_addresses(x->arena, spec, NULL);
}

static void keep(struct arena *a, struct json *spec, const struct json *old, const char *name)
{
    const struct json *v = json_at(old, "spec", name, NULL);
    if (v && !edit_get(spec, name))
        edit_set(a, spec, name, *v);
}

/* What an update leaves out of what was given before stays: addresses, families, ports of the same number. */
static void keep_allocated(struct arena *a, struct json *spec, const struct json *old)
{
    const struct json *before = json_get(old, "spec"), *old_ports = json_get(before, "ports");
    if (!is_type(spec, "ExternalName") && !is_type(before, "ExternalName")) {
        if (!edit_get(spec, "clusterIP") && !edit_get(spec, "clusterIPs")) {
            keep(a, spec, old, "clusterIP");
            keep(a, spec, old, "clusterIPs");
        }
        keep(a, spec, old, "ipFamilies");
        keep(a, spec, old, "ipFamilyPolicy");
    }
    struct json *ports = edit_get(spec, "ports");
    for (size_t i = 0; service_has_node_ports(spec) && ports && i < ports->n; i++) {
        struct json *p = edit_item(ports, i);
        json_each_item (o, old_ports) {
            const struct json *number = json_get(o, "nodePort");
            bool same = json_equal(json_get(o, "port"), json_get(p, "port")) &&
                        json_equal(json_get(o, "protocol"), json_get(p, "protocol"));
            if (number && same && !edit_get(p, "nodePort"))
                edit_set(a, p, "nodePort", *number);
        }
    }
    if (is_type(spec, "LoadBalancer") && !strcmp(text(spec, "externalTrafficPolicy"), "Local"))
        keep(a, spec, old, "healthCheckNodePort");
}

/* A Service that changes its type gives up what the new one has no use for, unless it was changed, too. */
static void drop_with_type(struct arena *a, struct json *spec, const struct json *old)
{
    (void)a;
    const struct json *before = json_get(old, "spec");
    if (is_type(spec, "ExternalName") && !is_type(before, "ExternalName")) {
        static const char *const gone[] = {
            "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"};
        for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
            const struct json *is = json_get(spec, gone[i]), *was = json_get(before, gone[i]);
            if (is && was && json_equal(is, was))
                edit_remove(spec, gone[i]);
        }
    }
    struct json *ports = edit_get(spec, "ports");
    if (service_has_node_ports(before) && !service_has_node_ports(spec)) {
        const struct json *were = json_get(before, "ports");
        for (size_t i = 0; ports && were && i < ports->n && i < were->n; i++) {
            const struct json *is = json_get(&ports->items[i], "nodePort");
            const struct json *was = json_get(&were->items[i], "nodePort");
            if (is && was && json_equal(is, was))
                edit_remove(edit_item(ports, i), "nodePort");
        }
    }
    if (!is_external(spec) && is_external(before))
        edit_remove(spec, "externalTrafficPolicy");
    if (!is_type(spec, "LoadBalancer") && is_type(before, "LoadBalancer")) {
        edit_remove(spec, "allocateLoadBalancerNodePorts");
        edit_remove(spec, "healthCheckNodePort");
        edit_remove(spec, "loadBalancerClass");
    }
}

static void update(struct admission *x, struct json *svc, const struct json *old)
{
    struct json *spec = edit_get(svc, "spec");
    if (x->sub == SUB_STATUS)
        return;
    keep_allocated(x->arena, spec, old);
    drop_with_type(x->arena, spec, old);
    pair_addresses(x->arena, spec, old);
}

/* ---- Taking ---- */

static void reserve_ip(struct admission *x, struct json *spec, const struct json *old)
{
    struct alloc *al = x->cluster->alloc;
    const char *ip = json_str(edit_get(spec, "clusterIP")),
               *was = json_str(json_at(old, "spec", "clusterIP", NULL));
    char chosen[16];
    if (is_type(spec, "ExternalName") || (ip && !strcmp(ip, "None")) || (ip && was && !strcmp(ip, was)))
        return;
    if (!ip || !*ip) {
        if (!alloc_choose_ip(al, chosen)) {
            x->refusal = status_internal(x->arena, "failed to allocate a serviceIP: range is full");
            return;
        }
        ip = chosen;
        edit_set_str(x->arena, spec, "clusterIP", ip);
        edit_set(x->arena, spec, "clusterIPs", one(x->arena, ip));
    } else if (!alloc_ip_free(al, ip)) {
        const char *why =
            alloc_ip_in_range(al, ip)
                ? "provided IP is already allocated"
                : arena_printf(x->arena,
                      "the provided IP (%s) is not in the valid range. The range of valid IPs is %s", ip,
                      x->cluster->service_cidr);
        invalid_raw(&x->invalid, PATH(PATH(NULL, "spec"), "clusterIPs"),
            arena_printf(x->arena, "[\"%s\"]", ip),
            arena_printf(x->arena, "failed to allocate IP %s: %s", ip, why));
        return;
    }
    if (!x->dry_run)
        alloc_hold_ip(al, ip);
}

static bool had_port(const struct json *old, int64_t port, const char *protocol)
{
    json_each_item (p, json_at(old, "spec", "ports", NULL)) {
        int64_t n;
        const char *its = json_str(json_get(p, "protocol"));
        if (json_int(json_get(p, "nodePort"), &n) && n == port && its && !strcmp(its, protocol))
            return true;
    }
    return false;
}

/* A port that its own Service uses for another protocol already suits best. */
static bool shared_port(
    struct alloc *al, const struct json *ports, size_t i, const char *protocol, int64_t *ret)
{
    const struct json *number = json_get(&ports->items[i], "port");
    for (size_t k = 0; k < i; k++) {
        int64_t n;
        if (json_equal(json_get(&ports->items[k], "port"), number) &&
            json_int(json_get(&ports->items[k], "nodePort"), &n) && alloc_port_free(al, n, protocol)) {
            *ret = n;
            return true;
        }
    }
    return false;
}

static void reserve_ports(struct admission *x, struct json *spec, const struct json *old)
{
    struct alloc *al = x->cluster->alloc;
    struct json *ports = edit_get(spec, "ports");
    for (size_t i = 0; ports && service_has_node_ports(spec) && i < ports->n; i++) {
        struct json *p = edit_item(ports, i);
        const char *protocol = text(p, "protocol");
        const struct path *at = PATH(PATH_ITEM(PATH(PATH(NULL, "spec"), "ports"), i), "nodePort");
        int64_t n = 0;
        if (json_int(edit_get(p, "nodePort"), &n) && n) {
            if (had_port(old, n, protocol))
                continue;
            if (n < ALLOC_PORT_MIN || n > ALLOC_PORT_MAX) {
                invalid_int(&x->invalid, at, n,
                    "provided port is not in the valid range. The range of valid ports is 30000-32767");
                continue;
            }
            if (!alloc_port_free(al, n, protocol)) {
                invalid_int(&x->invalid, at, n, "provided port is already allocated");
                continue;
            }
        } else if (shared_port(al, ports, i, protocol, &n) || alloc_choose_port(al, protocol, &n)) {
            edit_set_int(x->arena, p, "nodePort", n);
        } else {
            x->refusal = status_internal(x->arena, "failed to allocate a nodePort: range is full");
            return;
        }
        if (!x->dry_run)
            alloc_hold_port(al, n, protocol);
    }
}

static void reserve_health(struct admission *x, struct json *spec)
{
    int64_t n = 0;
    if (!is_type(spec, "LoadBalancer") || strcmp(text(spec, "externalTrafficPolicy"), "Local") != 0 ||
        edit_get(spec, "healthCheckNodePort") || !alloc_choose_port(x->cluster->alloc, "TCP", &n))
        return;
    edit_set_int(x->arena, spec, "healthCheckNodePort", n);
    if (!x->dry_run)
        alloc_hold_port(x->cluster->alloc, n, "TCP");
}

static void reserve(struct admission *x, struct json *svc, const struct json *old)
{
    struct json *spec = edit_get(svc, "spec");
    if (x->sub == SUB_STATUS)
        return;
    default_families(x->arena, spec);
    reserve_ip(x, spec, old);
    if (!x->invalid.n && !x->refusal)
        reserve_ports(x, spec, old);
    if (!x->invalid.n && !x->refusal)
        reserve_health(x, spec);
}

const struct strategy service_strategy = {
    .defaults = defaults,
    .create = create,
    .update = update,
    .validate = service_validate,
    .validate_update = service_validate_update,
    .reserve = reserve,
};
