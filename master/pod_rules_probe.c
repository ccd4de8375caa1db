/* The rules of probes, lifecycle handlers and resources. */
#include "lib/api/quantity.h"
#include "master/meta.h"
#include "master/pod_spec.h"
#include <string.h>

#define PORT_RULE "must be between 1 and 65535, inclusive"

static void check_handler_port(struct invalid *v, const struct json *port, const struct path *p)
{
    int64_t n;
    if (json_int(port, &n)) {
        if (n < 1 || n > 65535)
            invalid_int(v, p, n, PORT_RULE);
    } else if (json_str(port)) {
        meta_check_port_name(v, p, json_str(port));
    }
}

static void check_http(struct invalid *v, const struct json *http, const struct path *p)
{
    static const char *const schemes[] = {"HTTP", "HTTPS", NULL};
    if (!*pod_text(http, "path"))
        invalid_required(v, PATH(p, "path"), "");
    check_handler_port(v, json_get(http, "port"), PATH(p, "port"));
    invalid_choice(v, PATH(p, "scheme"), json_get(http, "scheme"), schemes);
    json_each_item (h, json_get(http, "httpHeaders")) {
        const char *name = pod_text(h, "name");
        static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
        if (!*name || strspn(name, good) != strlen(name))
            invalid_str(v, PATH(p, "httpHeaders"), name,
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
                "regex used for validation is '[-A-Za-z0-9]+')");
    }
}

static void check_handler(struct invalid *v, const struct json *h, const struct path *p)
{
    static const char *const types[] = {"exec", "httpGet", "tcpSocket", "grpc", "sleep"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const struct json *one = json_get(h, types[i]), *command = json_get(one, "command");
        const struct path *at = PATH(p, types[i]);
        if (!one)
            continue;
        if (n++) {
            invalid_forbidden(v, at, "may not specify more than 1 handler type");
            continue;
        }
        if (i == 0 && (!command || !command->n))
            invalid_required(v, PATH(at, "command"), "");
        else if (i == 1)
            check_http(v, one, at);
        else if (i == 2 || i == 3)
            check_handler_port(v, json_get(one, "port"), PATH(at, "port"));
    }
    if (!n)
        invalid_required(v, p, "must specify a handler type");
}

static void check_probe(struct invalid *v, const struct json *c, const char *name, const struct path *at)
{
    static const char *const numbers[] = {
        "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"};
    const struct json *probe = json_get(c, name);
    const struct path *p = PATH(at, name);
    int64_t n;
    if (!probe)
        return;
    check_handler(v, probe, p);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (json_int(json_get(probe, numbers[i]), &n) && n < 0)
            invalid_int(v, PATH(p, numbers[i]), n, "must be greater than or equal to 0");
    bool readiness = !strcmp(name, "readinessProbe");
    if (!readiness && json_int(json_get(probe, "successThreshold"), &n) && n != 1)
        invalid_int(v, PATH(p, "successThreshold"), n, "must be 1");
    if (!json_int(json_get(probe, "terminationGracePeriodSeconds"), &n))
        return;
    if (readiness)
        invalid_int(v, PATH(p, "terminationGracePeriodSeconds"), n, "must not be set for readinessProbes");
    else if (n <= 0)
        invalid_int(v, PATH(p, "terminationGracePeriodSeconds"), n, "must be greater than 0");
}

void pod_rules_probes(struct invalid *v, const struct json *c, bool init, const struct path *p)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    static const char *const moments[] = {"postStart", "preStop"};
    const struct json *lifecycle = json_get(c, "lifecycle");
    bool sidecar = !strcmp(pod_text(c, "restartPolicy"), "Always");
    if (init && !sidecar && lifecycle)
        invalid_forbidden(
            v, PATH(p, "lifecycle"), "may not be set for init containers without restartPolicy=Always");
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++)
        if (json_get(lifecycle, moments[i]))
            check_handler(v, json_get(lifecycle, moments[i]), PATH(PATH(p, "lifecycle"), moments[i]));
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        if (init && !sidecar && json_get(c, probes[i]))
            invalid_forbidden(
                v, PATH(p, probes[i]), "may not be set for init containers without restartPolicy=Always");
        else
            check_probe(v, c, probes[i], p);
    }
}

/* ---- Resources ---- */

static bool is_standard(const char *name)
{
    static const char *const standard[] = {"cpu", "memory", "ephemeral-storage"};
    for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
        if (!strcmp(name, standard[i]))
            return true;
    return !strncmp(name, "hugepages-", 10);
}

static void check_amount(struct invalid *v, const char *name, const char *amount, const struct path *p)
{
    int64_t milli = quantity_millis(amount, 0);
    if (!is_standard(name) && !strchr(name, '/')) {
        invalid_str(v, p, name, "must be a standard resource type or fully qualified");
        invalid_str(v, p, name, "must be a standard resource for containers");
        return;
    }
    if (strchr(name, '/'))
        meta_check_qualified(v, p, name);
    if (milli < 0)
        invalid_str(v, p, amount, "must be greater than or equal to 0");
    if (!is_standard(name) && milli % 1000)
        invalid_str(v, p, amount, "must be an integer");
    if ((!strcmp(name, "memory") || !strcmp(name, "ephemeral-storage")) && milli > 0 && milli % 1000)
        invalid_warn(v, "%s: fractional byte value \"%s\" is invalid, must be an integer",
            path_text(v->arena, p), amount);
}

/* A request within its limit; what cannot be shared has both, and the same. */
static void check_request(
    struct invalid *v, const char *name, const char *asked, const struct json *limits, const struct path *p)
{
    const char *limit = json_str(json_get(limits, name));
    bool shared = !strcmp(name, "cpu") || !strcmp(name, "memory") || !strcmp(name, "ephemeral-storage");
    int64_t a = quantity_millis(asked, 0), b = quantity_millis(limit, 0);
    if (limit && !shared && a != b)
        invalid_str(v, PATH(p, "requests"), asked,
            arena_printf(v->arena, "must be equal to %s limit of %s", name, limit));
    else if (limit && a > b)
        invalid_str(v, PATH(p, "requests"), asked,
            arena_printf(v->arena, "must be less than or equal to %s limit of %s", name, limit));
    else if (!limit && !shared)
        invalid_required(v, PATH(p, "limits"), "Limit must be set for non overcommitable resources");
}

void pod_rules_resources(struct invalid *v, const struct json *r, const struct path *p)
{
    const struct json *limits = json_get(r, "limits"), *requests = json_get(r, "requests");
    bool huge = false, plain = false;
    json_each_member (m, limits) {
        check_amount(v, m->name, json_str(&m->value), PATH_KEY(PATH(p, "limits"), m->name));
        huge = huge || !strncmp(m->name, "hugepages-", 10);
        plain = plain || !strcmp(m->name, "cpu") || !strcmp(m->name, "memory");
    }
    json_each_member (m, requests) {
        check_amount(v, m->name, json_str(&m->value), PATH_KEY(PATH(p, "requests"), m->name));
        if (strchr(m->name, '/') || is_standard(m->name))
            check_request(v, m->name, json_str(&m->value), limits, p);
        huge = huge || !strncmp(m->name, "hugepages-", 10);
        plain = plain || !strcmp(m->name, "cpu") || !strcmp(m->name, "memory");
    }
    if (huge && !plain)
        invalid_forbidden(v, p, "HugePages require cpu or memory");
}
