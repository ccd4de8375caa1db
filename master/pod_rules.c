/* The rules of a Pod's spec: what concerns the Pod as a whole. */
#include "master/meta.h"
#include "master/pod_spec.h"
#include <arpa/inet.h>
#include <string.h>

#define IP_RULE "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define ID_RULE "must be between 0 and 2147483647, inclusive"

static bool is_ip(const char *s)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static void check_subdomain(struct invalid *v, const char *s, const struct path *p)
{
    const char *why = meta_check_subdomain(v->arena, s);
    if (why)
        invalid_str(v, p, s, why);
}

static void check_label(struct invalid *v, const char *s, const struct path *p)
{
    const char *why = meta_check_label_1123(v->arena, s);
    if (why)
        invalid_str(v, p, s, why);
}

static void check_dns(struct invalid *v, const struct json *spec, const struct path *p)
{
    static const char *const policies[] = {
        "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL};
    const struct json *config = json_get(spec, "dnsConfig"), *servers = json_get(config, "nameservers");
    const struct path *at = PATH(p, "dnsConfig"), *list = PATH(at, "nameservers");
    invalid_choice(v, PATH(p, "dnsPolicy"), json_get(spec, "dnsPolicy"), policies);
    bool none = !strcmp(pod_text(spec, "dnsPolicy"), "None");
    if (none && !config) {
        invalid_required(v, at, "must provide `dnsConfig` when `dnsPolicy` is None");
        return;
    }
    if (none && (!servers || !servers->n))
        invalid_required(v, list, "must provide at least one DNS nameserver when `dnsPolicy` is None");
    if (servers && servers->n > 3)
        invalid_value(v, list, servers, "must not have more than 3 nameservers");
    for (size_t i = 0; servers && i < servers->n; i++)
        if (!is_ip(servers->items[i].text))
            invalid_str(v, PATH_ITEM(list, i), servers->items[i].text, IP_RULE);
    const struct json *searches = json_get(config, "searches"), *options = json_get(config, "options");
    if (searches && searches->n > 32)
        invalid_value(v, PATH(at, "searches"), searches, "must not have more than 32 search paths");
    for (size_t i = 0; options && i < options->n; i++)
        if (!*pod_text(&options->items[i], "name"))
            invalid_required(v, PATH_ITEM(PATH(at, "options"), i), "must not be empty");
}

static bool is_sysctl(const char *s)
{
    if (strlen(s) > 253)
        return false;
    for (;;) { /* parts of lower case letters, digits, '-' and '_' inside, between dots or slashes */
        size_t n = strcspn(s, "./");
        static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
        if (!n || strspn(s, inner) < n || strchr("-_", s[0]) || strchr("-_", s[n - 1]))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

static void check_sysctls(struct invalid *v, const struct json *list, const struct path *p)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const char *name = pod_text(&list->items[i], "name");
        const struct path *at = PATH(PATH_ITEM(p, i), "name");
        if (!*name)
            invalid_required(v, at, "");
        else if (!is_sysctl(name))
            invalid_str(v, at, name,
                "must have at most 253 characters and match regex "
                "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
        for (size_t k = 0; k < i; k++)
            if (!strcmp(name, pod_text(&list->items[k], "name"))) {
                invalid_duplicate(v, at, name);
                break;
            }
    }
}

static void check_seccomp(struct invalid *v, const struct json *profile, const struct path *p)
{
    static const char *const types[] = {"Localhost", "RuntimeDefault", "Unconfined", NULL};
    if (!profile)
        return;
    bool local = !strcmp(pod_text(profile, "type"), "Localhost");
    const char *file = json_str(json_get(profile, "localhostProfile"));
    if (!*pod_text(profile, "type"))
        invalid_required(v, PATH(p, "type"), "type is required when seccompProfile is set");
    else if (!local)
        invalid_choice(v, PATH(p, "type"), json_get(profile, "type"), types);
    if (local && (!file || !*file))
        invalid_required(v, PATH(p, "localhostProfile"), "must be set when seccomp type is Localhost");
    else if (!local && file)
        invalid_str(v, PATH(p, "localhostProfile"), file, "can only be set when seccomp type is Localhost");
}

void pod_rules_identity(struct invalid *v, const struct json *sc, const struct path *p)
{
    static const char *const ids[] = {"runAsUser", "runAsGroup", "fsGroup"};
    int64_t id;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        if (json_int(json_get(sc, ids[i]), &id) && (id < 0 || id > INT32_MAX))
            invalid_int(v, PATH(p, ids[i]), id, ID_RULE);
    check_seccomp(v, json_get(sc, "seccompProfile"), PATH(p, "seccompProfile"));
}

static void check_security(struct invalid *v, const struct json *spec, const struct path *p)
{
    static const char *const changes[] = {"Always", "OnRootMismatch", NULL};
    static const char *const supplements[] = {"Merge", "Strict", NULL};
    const struct json *sc = json_get(spec, "securityContext"), *groups = json_get(sc, "supplementalGroups");
    const struct path *at = PATH(p, "securityContext");
    bool host_pid = json_bool(json_get(spec, "hostPID"), false);
    pod_rules_identity(v, sc, at);
    for (size_t i = 0; groups && i < groups->n; i++) {
        int64_t id;
        if (json_int(&groups->items[i], &id) && (id < 0 || id > INT32_MAX))
            invalid_int(v, PATH_ITEM(PATH(at, "supplementalGroups"), i), id, ID_RULE);
    }
    if (host_pid && json_bool(json_get(spec, "shareProcessNamespace"), false))
        invalid_raw(v, PATH(at, "shareProcessNamespace"), "true",
            "ShareProcessNamespace and HostPID cannot both be enabled");
    check_sysctls(v, json_get(sc, "sysctls"), PATH(at, "sysctls"));
    if (json_get(sc, "fsGroupChangePolicy"))
        invalid_choice(v, PATH(at, "fsGroupChangePolicy"), json_get(sc, "fsGroupChangePolicy"), changes);
    if (json_get(sc, "supplementalGroupsPolicy"))
        invalid_choice(
            v, PATH(at, "supplementalGroupsPolicy"), json_get(sc, "supplementalGroupsPolicy"), supplements);
}

static void check_aliases(struct invalid *v, const struct json *list, const struct path *p)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const struct json *names = json_get(&list->items[i], "hostnames");
        const char *ip = pod_text(&list->items[i], "ip");
        if (!is_ip(ip))
            invalid_str(v, PATH(PATH_ITEM(p, i), "ip"), ip, IP_RULE);
        for (size_t k = 0; names && k < names->n; k++)
            check_subdomain(v, names->items[k].text, PATH_ITEM(PATH(PATH_ITEM(p, i), "hostnames"), k));
    }
}

static void check_gates(struct invalid *v, const struct json *spec, const struct path *p)
{
    const struct json *gates = json_get(spec, "schedulingGates"), *ready = json_get(spec, "readinessGates");
    for (size_t i = 0; ready && i < ready->n; i++)
        meta_check_qualified(v, PATH(PATH_ITEM(PATH(p, "readinessGates"), i), "conditionType"),
            pod_text(&ready->items[i], "conditionType"));
    for (size_t i = 0; gates && i < gates->n; i++) {
        const char *name = pod_text(&gates->items[i], "name");
        meta_check_qualified(v, PATH(PATH_ITEM(PATH(p, "schedulingGates"), i), "name"), name);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(name, pod_text(&gates->items[k], "name"))) {
                invalid_duplicate(v, PATH_ITEM(PATH(p, "schedulingGates"), i), name);
                break;
            }
    }
}

static void check_names(struct invalid *v, const struct json *spec, const struct path *p)
{
    static const struct {
        const char *field;
        void (*check)(struct invalid *v, const char *s, const struct path *p);
    } names[] = {{"serviceAccountName", check_subdomain}, {"nodeName", check_subdomain},
        {"hostname", check_label}, {"subdomain", check_label}, {"priorityClassName", check_subdomain},
        {"runtimeClassName", check_subdomain}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *s = pod_text(spec, names[i].field);
        if (*s)
            names[i].check(v, s, PATH(p, names[i].field));
    }
}

static void check_ephemeral(struct invalid *v, const struct json *spec, const struct path *p)
{
    const struct json *list = json_get(spec, "ephemeralContainers");
    if (list && list->n) /* they are added by a subresource that this API has not */
        invalid_forbidden(v, PATH(p, "ephemeralContainers"), "cannot be set on create");
}

void pod_spec_validate(struct invalid *v, const struct json *spec, const struct path *p)
{
    static const char *const restarts[] = {"Always", "OnFailure", "Never", NULL};
    static const char *const systems[] = {"linux", "windows", NULL};
    static const char *const preemption[] = {"Never", "PreemptLowerPriority", NULL};
    const struct json *os = json_get(spec, "os"), *gates = json_get(spec, "schedulingGates");
    int64_t deadline;
    pod_rules_volumes(v, json_get(spec, "volumes"), PATH(p, "volumes"));
    pod_rules_containers(v, spec, p);
    check_ephemeral(v, spec, p);
    invalid_choice(v, PATH(p, "restartPolicy"), json_get(spec, "restartPolicy"), restarts);
    check_dns(v, spec, p);
    meta_check_labels(v, PATH(p, "nodeSelector"), json_get(spec, "nodeSelector"));
    check_security(v, spec, p);
    pod_rules_placement(v, spec, p);
    check_aliases(v, json_get(spec, "hostAliases"), PATH(p, "hostAliases"));
    check_gates(v, spec, p);
    check_names(v, spec, p);
    if (gates && gates->n && *pod_text(spec, "nodeName"))
        invalid_forbidden(
            v, PATH(p, "nodeName"), "cannot be set until all schedulingGates have been cleared");
    if (json_int(json_get(spec, "activeDeadlineSeconds"), &deadline) &&
        (deadline < 1 || deadline > INT32_MAX))
        invalid_int(
            v, PATH(p, "activeDeadlineSeconds"), deadline, "must be between 1 and 2147483647, inclusive");
    if (json_get(spec, "preemptionPolicy"))
        invalid_choice(v, PATH(p, "preemptionPolicy"), json_get(spec, "preemptionPolicy"), preemption);
    if (os)
        invalid_choice(v, PATH(p, "os"), json_get(os, "name"), systems);
}
