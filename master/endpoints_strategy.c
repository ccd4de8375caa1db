/* Endpoints and EndpointSlice. */
#include "master/edit.h"
#include "master/meta.h"
#include "master/strategy.h"
#include <arpa/inet.h>
#include <string.h>

#define IP_RULE "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};

static void default_ports(struct arena *a, struct json *ports, bool slice)
{
    for (size_t i = 0; ports && i < ports->n; i++) {
        struct json *p = edit_item(ports, i);
        if (slice)
            edit_default_str(a, p, "name", "");
        edit_default_str(a, p, "protocol", "TCP");
    }
}

static void default_endpoints(struct admission *x, struct json *obj)
{
    struct json *subsets = edit_get(obj, "subsets");
    for (size_t i = 0; subsets && i < subsets->n; i++)
        default_ports(x->arena, edit_get(edit_item(subsets, i), "ports"), false);
}

/* The ranges in which no endpoint may be: what would lead a Service's traffic to the node itself. */
static void check_ip(struct invalid *v, const struct path *p, const char *text, bool twice)
{
    struct in_addr a4;
    struct in6_addr a6;
    const char *shown = text ? text : "";
    if (inet_pton(AF_INET, shown, &a4) == 1) {
        uint32_t ip = ntohl(a4.s_addr);
        if (!ip)
            invalid_str(v, p, shown, "may not be unspecified (0.0.0.0 or ::)");
        else if (ip >> 24 == 127)
            invalid_str(v, p, shown, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
        else if (ip >> 16 == 0xa9fe)
            invalid_str(v, p, shown, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
        else if (ip >> 8 == 0xe00000)
            invalid_str(
                v, p, shown, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    } else if (inet_pton(AF_INET6, shown, &a6) != 1) {
        invalid_str(v, p, shown, IP_RULE);
        if (twice)
            invalid_str(v, p, shown, "must be a valid IP address");
    }
}

static void check_addresses(struct invalid *v, const struct json *list, const struct path *p)
{
    for (size_t i = 0; list && i < list->n; i++)
        check_ip(v, PATH(PATH_ITEM(p, i), "ip"), json_str(json_get(&list->items[i], "ip")), true);
}

static void check_ports(struct invalid *v, const struct json *ports, const struct path *p, bool named)
{
    for (size_t i = 0; ports && i < ports->n; i++) {
        const struct json *port = &ports->items[i];
        const struct path *at = PATH_ITEM(p, i);
        const char *name = json_str(json_get(port, "name"));
        int64_t n = 0;
        if ((!name || !*name) && named)
            invalid_required(v, PATH(at, "name"), "");
        else if (name && *name && meta_check_label_1123(v->arena, name))
            invalid_str(v, PATH(at, "name"), name, meta_check_label_1123(v->arena, name));
        json_int(json_get(port, "port"), &n);
        if (json_get(port, "port") && (n < 1 || n > 65535))
            invalid_int(v, PATH(at, "port"), n, "must be between 1 and 65535, inclusive");
        invalid_choice(v, PATH(at, "protocol"), json_get(port, "protocol"), protocols);
    }
}

static void validate_endpoints(struct admission *x, struct json *obj)
{
    const struct json *subsets = json_get(obj, "subsets");
    for (size_t i = 0; subsets && i < subsets->n; i++) {
        const struct json *s = &subsets->items[i], *ready = json_get(s, "addresses");
        const struct json *not_ready = json_get(s, "notReadyAddresses"), *ports = json_get(s, "ports");
        const struct path *p = PATH_ITEM(PATH(NULL, "subsets"), i);
        if (!(ready && ready->n) && !(not_ready && not_ready->n))
            invalid_required(&x->invalid, p, "must specify `addresses` or `notReadyAddresses`");
        check_addresses(&x->invalid, ready, PATH(p, "addresses"));
        check_addresses(&x->invalid, not_ready, PATH(p, "notReadyAddresses"));
        check_ports(&x->invalid, ports, PATH(p, "ports"), ports && ports->n > 1);
    }
}

/* ---- EndpointSlice ---- */

static void default_slice(struct admission *x, struct json *obj)
{
    default_ports(x->arena, edit_get(obj, "ports"), true);
}

static void check_slice_addresses(
    struct invalid *v, const struct json *list, const struct path *p, const char *type)
{
    if (!list || !list->n)
        invalid_required(v, p, "must contain at least 1 address");
    for (size_t i = 0; list && i < list->n; i++) {
        const char *text = json_str(&list->items[i]);
        unsigned char ip[16];
        if (!strcmp(type, "IPv4") && inet_pton(AF_INET, text, ip) != 1)
            invalid_str(v, PATH_ITEM(p, i), text, "must be an IPv4 address");
        else if (!strcmp(type, "IPv6") && inet_pton(AF_INET6, text, ip) != 1)
            invalid_str(v, PATH_ITEM(p, i), text, "must be an IPv6 address");
        else if (!strcmp(type, "FQDN") && meta_check_subdomain(v->arena, text))
            invalid_str(v, PATH_ITEM(p, i), text, meta_check_subdomain(v->arena, text));
        else if (strcmp(type, "FQDN") != 0)
            check_ip(v, PATH_ITEM(p, i), text, false);
    }
}

static void validate_slice(struct admission *x, struct json *obj)
{
    static const char *const types[] = {"FQDN", "IPv4", "IPv6", NULL};
    struct invalid *v = &x->invalid;
    const struct json *endpoints = json_get(obj, "endpoints");
    const char *type = json_str(json_get(obj, "addressType"));
    if (!type || !*type) {
        invalid_required(v, PATH(NULL, "addressType"), "");
        return;
    }
    if (!invalid_choice(v, PATH(NULL, "addressType"), json_get(obj, "addressType"), types))
        return;
    if (!strcmp(type, "FQDN"))
        invalid_warn(v, "spec.addressType: FQDN endpoints are deprecated");
    for (size_t i = 0; endpoints && i < endpoints->n; i++)
        check_slice_addresses(v, json_get(&endpoints->items[i], "addresses"),
            PATH(PATH_ITEM(PATH(NULL, "endpoints"), i), "addresses"), type);
    check_ports(v, json_get(obj, "ports"), PATH(NULL, "ports"), false);
}

static void validate_slice_update(struct admission *x, struct json *obj, const struct json *old)
{
    if (!json_equal(json_get(obj, "addressType"), json_get(old, "addressType")))
        invalid_value(
            &x->invalid, PATH(NULL, "addressType"), json_get(obj, "addressType"), "field is immutable");
}

const struct strategy endpoints_strategy = {.defaults = default_endpoints, .validate = validate_endpoints};
const struct strategy endpoint_slice_strategy = {
    .defaults = default_slice, .validate = validate_slice, .validate_update = validate_slice_update};
