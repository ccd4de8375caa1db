/* The rules of Services, in the order in which Kubernetes reports what breaks them. */
#include "master/service_rules.h"
#include "master/meta.h"
#include <arpa/inet.h>
#include <string.h>

#define IP_RULE "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define PORT_RULE "must be between 1 and 65535, inclusive"
#define AFFINITY_MAX 86400

static const char *text(const struct json *j, const char *name)
{
    const char *s = json_str(json_get(j, name));
    return s ? s : "";
}

static bool is_type(const struct json *spec, const char *type)
{
    return !strcmp(text(spec, "type"), type);
}

static bool is_ip(const char *s)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static void check_target(struct invalid *v, const struct path *p, const struct json *target)
{
    int64_t n;
    if (!target)
        return;
    if (json_int(target, &n)) {
        if (n < 1 || n > 65535)
            invalid_int(v, p, n, PORT_RULE);
        return;
    }
    meta_check_port_name(v, p, json_str(target));
}

static void check_port(
    struct invalid *v, const struct json *port, const struct path *p, bool named, bool headless)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
    const char *name = text(port, "name");
    int64_t n = 0;
    if (named && !*name)
        invalid_required(v, PATH(p, "name"), "");
    else if (*name && meta_check_label_1123(v->arena, name))
        invalid_str(v, PATH(p, "name"), name, meta_check_label_1123(v->arena, name));
    json_int(json_get(port, "port"), &n);
    if (n < 1 || n > 65535)
        invalid_int(v, PATH(p, "port"), n, PORT_RULE);
    if (!*text(port, "protocol"))
        invalid_required(v, PATH(p, "protocol"), "");
    else
        invalid_choice(v, PATH(p, "protocol"), json_get(port, "protocol"), protocols);
    if (!headless || json_get(port, "targetPort"))
        check_target(v, PATH(p, "targetPort"), json_get(port, "targetPort"));
    const char *app = json_str(json_get(port, "appProtocol"));
    if (app)
        meta_check_qualified(v, PATH(p, "appProtocol"), app);
}

static void check_duplicates(struct invalid *v, const struct json *ports, const struct path *p)
{
    for (size_t i = 1; i < ports->n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct json *a = &ports->items[k], *b = &ports->items[i];
            bool same_protocol = !strcmp(text(a, "protocol"), text(b, "protocol"));
            const struct json *n = json_get(b, "nodePort"), *m = json_get(a, "nodePort");
            if (*text(b, "name") && !strcmp(text(a, "name"), text(b, "name")))
                invalid_duplicate(v, PATH(PATH_ITEM(p, i), "name"), text(b, "name"));
            if (same_protocol && json_equal(json_get(a, "port"), json_get(b, "port")))
                invalid_duplicate_raw(v, PATH_ITEM(p, i),
                    arena_printf(v->arena,
                        "{\"Name\":\"\",\"Protocol\":\"%s\",\"AppProtocol\":null,\"Port\":%s,\"TargetPort\":"
                        "0,"
                        "\"NodePort\":0}",
                        text(b, "protocol"), json_get(b, "port")->text));
            if (same_protocol && n && m && json_equal(n, m))
                invalid_duplicate_raw(v, PATH(PATH_ITEM(p, i), "nodePort"), n->text);
        }
}

static void check_ports(struct invalid *v, const struct json *spec, const struct path *at)
{
    const struct json *ports = json_get(spec, "ports");
    const struct path *p = PATH(at, "ports");
    bool headless = !strcmp(text(spec, "clusterIP"), "None"), external = is_type(spec, "ExternalName");
    if ((!ports || !ports->n) && !headless && !external)
        invalid_required(v, p, "");
    for (size_t i = 0; ports && i < ports->n; i++) {
        check_port(v, &ports->items[i], PATH_ITEM(p, i), ports->n > 1, headless);
        if (is_type(spec, "ClusterIP") && json_get(&ports->items[i], "nodePort"))
            invalid_forbidden(
                v, PATH(PATH_ITEM(p, i), "nodePort"), "may not be used when `type` is 'ClusterIP'");
    }
    if (ports)
        check_duplicates(v, ports, p);
}

static void check_addresses(struct admission *x, const struct json *spec, const struct path *at)
{
    struct invalid *v = &x->invalid;
    const struct json *ips = json_get(spec, "clusterIPs");
    const struct path *p = PATH(at, "clusterIPs");
    if (is_type(spec, "ExternalName")) {
        if (ips && ips->n)
            invalid_forbidden(v, p, "may not be set for ExternalName services");
        return;
    }
    for (size_t i = 0; ips && i < ips->n; i++) {
        const char *ip = json_str(&ips->items[i]);
        const char *type = text(spec, "type");
        if (!strcmp(ip, "None")) {
            if (i || ips->n > 1)
                invalid_value(v, p, ips, "'None' must be the first and only value");
            else if (!strcmp(type, "NodePort") || !strcmp(type, "LoadBalancer"))
                invalid_str(v, PATH_ITEM(p, i), ip,
                    arena_printf(x->arena, "may not be set to 'None' for %s services", type));
        } else if (!is_ip(ip)) {
            invalid_str(v, PATH_ITEM(p, i), ip, IP_RULE);
        } else if (i) {
            invalid_value(v, p, ips, "may not hold more than one address: this cluster has one family");
        }
    }
    const char *ip = text(spec, "clusterIP");
    if (*ip && ips && ips->n && strcmp(ip, json_str(&ips->items[0])) != 0)
        invalid_value(v, p, ips, "first value must match `clusterIP`");
}

static void check_families(struct admission *x, const struct json *spec, const struct path *at)
{
    static const char *const policies[] = {"PreferDualStack", "RequireDualStack", "SingleStack", NULL};
    const struct json *families = json_get(spec, "ipFamilies"), *policy = json_get(spec, "ipFamilyPolicy");
    const struct json *selector = json_get(spec, "selector");
    bool headless = !strcmp(text(spec, "clusterIP"), "None") && !(selector && selector->n);
    if (headless || is_type(spec, "ExternalName"))
        return;
    if (policy && !invalid_choice(&x->invalid, PATH(at, "ipFamilyPolicy"), policy, policies))
        return;
    for (size_t i = 0; families && i < families->n; i++) {
        const char *f = json_str(&families->items[i]);
        if (strcmp(f, "IPv4") != 0)
            invalid_str(
                &x->invalid, PATH_ITEM(PATH(at, "ipFamilies"), i), f, "not configured on this cluster");
    }
    if (policy && !strcmp(policy->text, "RequireDualStack"))
        invalid_str(&x->invalid, PATH(at, "ipFamilyPolicy"), policy->text,
            "this cluster is not configured for dual-stack services");
}

static void check_affinity(struct invalid *v, const struct json *spec, const struct path *at)
{
    static const char *const choices[] = {"ClientIP", "None", NULL};
    invalid_choice(v, PATH(at, "sessionAffinity"), json_get(spec, "sessionAffinity"), choices);
    int64_t seconds;
    if (json_int(json_at(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds", NULL), &seconds) &&
        (seconds <= 0 || seconds > AFFINITY_MAX))
        invalid_int(v, PATH(PATH(PATH(at, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds"), seconds,
            "must be greater than 0 and less than 86400");
}

static void check_external_ips(struct invalid *v, const struct json *list, const struct path *p)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const char *ip = json_str(&list->items[i]);
        if (!is_ip(ip))
            invalid_str(v, PATH_ITEM(p, i), ip, IP_RULE);
        else if (!strcmp(ip, "0.0.0.0"))
            invalid_str(v, PATH_ITEM(p, i), ip, "may not be unspecified (0.0.0.0)");
        else if (!strncmp(ip, "127.", 4))
            invalid_str(v, PATH_ITEM(p, i), ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
}

static void check_policies(struct invalid *v, const struct json *spec, const struct path *at)
{
    static const char *const policies[] = {"Cluster", "Local", NULL};
    const struct json *internal = json_get(spec, "internalTrafficPolicy");
    const struct json *external = json_get(spec, "externalTrafficPolicy"),
                      *ips = json_get(spec, "externalIPs");
    bool reachable = is_type(spec, "NodePort") || is_type(spec, "LoadBalancer") || (ips && ips->n);
    if (external && !reachable)
        invalid_value(v, PATH(at, "externalTrafficPolicy"), external,
            "may only be set for externally-accessible services");
    else if (external)
        invalid_choice(v, PATH(at, "externalTrafficPolicy"), external, policies);
    if (internal)
        invalid_choice(v, PATH(at, "internalTrafficPolicy"), internal, policies);
    if (json_get(spec, "loadBalancerClass") && !is_type(spec, "LoadBalancer"))
        invalid_forbidden(v, PATH(at, "loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'");
    if (json_get(spec, "allocateLoadBalancerNodePorts") && !is_type(spec, "LoadBalancer"))
        invalid_forbidden(
            v, PATH(at, "allocateLoadBalancerNodePorts"), "may only be used when `type` is 'LoadBalancer'");
}

static void check_external_name(struct invalid *v, const struct json *spec, const struct path *at)
{
    const char *name = text(spec, "externalName");
    if (!is_type(spec, "ExternalName"))
        return;
    size_t n = strlen(name);
    if (!n) {
        invalid_required(v, PATH(at, "externalName"), "");
        return;
    }
    const char *bare = name[n - 1] == '.' ? arena_strndup(v->arena, name, n - 1) : name;
    const char *why = meta_check_subdomain(v->arena, bare);
    if (why)
        invalid_str(v, PATH(at, "externalName"), bare, why);
}

static void check_status(struct admission *x, const struct json *svc)
{
    const struct json *ingress = json_at(svc, "status", "loadBalancer", "ingress", NULL);
    if (ingress && ingress->n && !is_type(json_get(svc, "spec"), "LoadBalancer"))
        invalid_forbidden(&x->invalid, PATH(PATH(PATH(NULL, "status"), "loadBalancer"), "ingress"),
            "may only be used when `spec.type` is 'LoadBalancer'");
}

static void warn(struct admission *x, const struct json *spec)
{
    const struct json *ips = json_get(spec, "externalIPs");
    if (ips && ips->n)
        invalid_warn(
            &x->invalid, "spec.externalIPs is deprecated and may no longer be implemented in some clusters");
    if (!strcmp(text(spec, "trafficDistribution"), "PreferClose"))
        invalid_warn(
            &x->invalid, "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
}

void service_validate(struct admission *x, struct json *svc)
{
    static const char *const types[] = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort", NULL};
    struct invalid *v = &x->invalid;
    const struct json *spec = json_get(svc, "spec");
    const struct path *p = PATH(NULL, "spec");
    if (x->sub == SUB_STATUS) {
        check_status(x, svc);
        return;
    }
    check_ports(v, spec, p);
    check_affinity(v, spec, p);
    invalid_choice(v, PATH(p, "type"), json_get(spec, "type"), types);
    meta_check_labels(v, PATH(p, "selector"), json_get(spec, "selector"));
    check_external_name(v, spec, p);
    check_addresses(x, spec, p);
    check_families(x, spec, p);
    check_external_ips(v, json_get(spec, "externalIPs"), PATH(p, "externalIPs"));
    check_policies(v, spec, p);
    if (!v->n)
        warn(x, spec);
}

void service_validate_update(struct admission *x, struct json *svc, const struct json *old)
{
    const struct json *spec = json_get(svc, "spec"), *before = json_get(old, "spec");
    const struct json *ips = json_get(spec, "clusterIPs"), *were = json_get(before, "clusterIPs");
    if (x->sub == SUB_STATUS || is_type(before, "ExternalName") || is_type(spec, "ExternalName"))
        return;
    if (were && were->n && (!ips || !json_equal(&were->items[0], &ips->items[0])))
        invalid_value(&x->invalid, PATH_ITEM(PATH(PATH(NULL, "spec"), "clusterIPs"), 0), ips,
            "may not change once set");
}
