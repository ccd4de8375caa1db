/* CNI documents: field tables, and the differences between versions of the specification. */
#include "lib/api/cni.h"
#include <string.h>

const char *const cni_versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL};

static int version_rank(const char *version)
{
    for (int i = 0; version && cni_versions[i]; i++)
        if (!strcmp(cni_versions[i], version))
            return i;
    return -1;
}

bool cni_version_is_known(const char *version)
{
    return version_rank(version) >= 0;
}

bool cni_version_at_least(const char *version, const char *minimum)
{
    return version_rank(version) >= version_rank(minimum);
}

FIELDS_DEFINE(cni_error_fields, cni_error, FIELD(cni_error, cni_version, "cniVersion", FIELD_STR),
    FIELD(cni_error, code, "code", FIELD_INT), FIELD(cni_error, msg, "msg", FIELD_STR),
    FIELD(cni_error, details, "details", FIELD_STR));

static const struct {
    enum cni_code code;
    enum err_kind kind;
} kinds[] = {
    {CNI_INCOMPATIBLE_VERSION, ERR_UNSUPPORTED},
    {CNI_UNSUPPORTED_FIELD, ERR_UNSUPPORTED},
    {CNI_UNKNOWN_CONTAINER, ERR_NOT_FOUND},
    {CNI_INVALID_ENVIRONMENT, ERR_INVALID},
    {CNI_DECODING_FAILURE, ERR_INVALID},
    {CNI_INVALID_CONFIG, ERR_INVALID},
    {CNI_TRY_AGAIN, ERR_UNAVAILABLE},
    {CNI_NOT_AVAILABLE, ERR_UNAVAILABLE},
    {CNI_LIMITED_NETWORK, ERR_UNAVAILABLE},
    {CNI_ADDRESSES_USED_UP, ERR_LIMIT},
};

struct err *cni_error_decode(const char *text, size_t len)
{
    auto_arena *a = arena_new();
    struct cni_error e;
    auto_err *bad = fields_parse(&cni_error_fields, a, text, len, &e);
    if (bad || !e.code.set)
        return err_new(ERR_SYSTEM, "failed without a CNI error on its stdout");
    enum err_kind kind = ERR_SYSTEM;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (e.code.v == kinds[i].code)
            kind = kinds[i].kind;
    return err_new(kind, "%s%s%s (CNI code %lld)", e.msg ? e.msg : "no message",
        e.details && *e.details ? ": " : "", e.details ? e.details : "", (long long)e.code.v);
}

static FIELDS_DEFINE(interface_fields, cni_interface, FIELD(cni_interface, name, "name", FIELD_STR),
    FIELD(cni_interface, mac, "mac", FIELD_STR), FIELD(cni_interface, mtu, "mtu", FIELD_INT),
    FIELD(cni_interface, sandbox, "sandbox", FIELD_STR),
    FIELD(cni_interface, socket_path, "socketPath", FIELD_STR),
    FIELD(cni_interface, pci_id, "pciID", FIELD_STR));

static FIELDS_DEFINE(ip_fields, cni_ip, FIELD(cni_ip, version, "version", FIELD_STR),
    FIELD(cni_ip, interface, "interface", FIELD_INT), FIELD(cni_ip, address, "address", FIELD_STR),
    FIELD(cni_ip, gateway, "gateway", FIELD_STR));

FIELDS_DEFINE(cni_route_fields, cni_route, FIELD(cni_route, dst, "dst", FIELD_STR),
    FIELD(cni_route, gw, "gw", FIELD_STR), FIELD(cni_route, mtu, "mtu", FIELD_INT),
    FIELD(cni_route, advmss, "advmss", FIELD_INT), FIELD(cni_route, priority, "priority", FIELD_INT),
    FIELD(cni_route, table, "table", FIELD_INT), FIELD(cni_route, scope, "scope", FIELD_INT));

FIELDS_DEFINE(cni_dns_fields, cni_dns, FIELD(cni_dns, nameservers, "nameservers", FIELD_STRS),
    FIELD(cni_dns, domain, "domain", FIELD_STR), FIELD(cni_dns, search, "search", FIELD_STRS),
    FIELD(cni_dns, options, "options", FIELD_STRS));

static FIELDS_DEFINE(result_fields, cni_result, FIELD(cni_result, cni_version, "cniVersion", FIELD_STR),
    FIELD_OF(cni_result, interfaces, "interfaces", FIELD_STRUCTS, &interface_fields),
    FIELD_OF(cni_result, ips, "ips", FIELD_STRUCTS, &ip_fields),
    FIELD_OF(cni_result, routes, "routes", FIELD_STRUCTS, &cni_route_fields),
    FIELD_OF(cni_result, dns, "dns", FIELD_STRUCT, &cni_dns_fields));

static struct err *check_ips(const struct cni_result *r)
{
    for (size_t i = 0; i < r->ips.n; i++) {
        const struct cni_ip *ip = &r->ips.v[i];
        if (!ip->address)
            return err_new(ERR_INVALID, "ips[%zu].address: missing", i);
        if (ip->interface.set && (ip->interface.v < 0 || (size_t)ip->interface.v >= r->interfaces.n))
            return err_new(ERR_INVALID, "ips[%zu].interface: %lld: there are %zu interfaces", i,
                (long long)ip->interface.v, r->interfaces.n);
    }
    return NULL;
}

struct err *cni_result_decode(struct arena *a, const struct json *j, struct cni_result *ret)
{
    struct cni_result r;
    TRY(fields_decode(&result_fields, a, j, &r));
    if (r.cni_version && !cni_version_is_known(r.cni_version))
        return err_new(ERR_INVALID, "cniVersion: %s: not a known version", r.cni_version);
    TRY(check_ips(&r));
    *ret = r;
    return NULL;
}

/* Up to 0.4.0 each address names its family, and nothing of 1.1.0 is known. */
static void shape_for(struct cni_result *r, const char *version)
{
    bool family = !cni_version_at_least(version, "1.0.0"), newest = cni_version_at_least(version, "1.1.0");
    for (size_t i = 0; i < r->ips.n; i++)
        r->ips.v[i].version = !family ? NULL : strchr(r->ips.v[i].address, ':') ? "6" : "4";
    for (size_t i = 0; i < r->interfaces.n && !newest; i++)
        r->interfaces.v[i] = (struct cni_interface){.name = r->interfaces.v[i].name,
            .mac = r->interfaces.v[i].mac,
            .sandbox = r->interfaces.v[i].sandbox};
    for (size_t i = 0; i < r->routes.n && !newest; i++)
        r->routes.v[i] = (struct cni_route){.dst = r->routes.v[i].dst, .gw = r->routes.v[i].gw};
}

void cni_result_encode(const struct cni_result *r, const char *version, struct buf *out)
{
    auto_arena *a = arena_new();
    struct cni_result c = *r;
    static const struct cni_dns no_dns;
    c.cni_version = version;
    c.ips.v = arena_array(a, c.ips.n, sizeof(*c.ips.v));
    c.interfaces.v = arena_array(a, c.interfaces.n, sizeof(*c.interfaces.v));
    c.routes.v = arena_array(a, c.routes.n, sizeof(*c.routes.v));
    for (size_t i = 0; i < c.ips.n; i++)
        c.ips.v[i] = r->ips.v[i];
    for (size_t i = 0; i < c.interfaces.n; i++)
        c.interfaces.v[i] = r->interfaces.v[i];
    for (size_t i = 0; i < c.routes.n; i++)
        c.routes.v[i] = r->routes.v[i];
    if (!c.dns)
        c.dns = (struct cni_dns *)&no_dns;
    shape_for(&c, version);
    struct json_out o = {.buf = out};
    fields_encode(&result_fields, &c, &o, NULL);
}

struct list_text {
    const char *cni_version, *name, *type;
    struct str_list cni_versions;
    struct opt_bool disable_check, disable_gc;
    const struct json *plugins;
};
static FIELDS_DEFINE(list_fields, list_text, FIELD(list_text, cni_version, "cniVersion", FIELD_STR),
    FIELD(list_text, cni_versions, "cniVersions", FIELD_STRS), FIELD(list_text, name, "name", FIELD_STR),
    FIELD(list_text, type, "type", FIELD_STR), FIELD(list_text, disable_check, "disableCheck", FIELD_BOOL),
    FIELD(list_text, disable_gc, "disableGC", FIELD_BOOL), FIELD(list_text, plugins, "plugins", FIELD_JSON));

static struct err *best_version(const struct list_text *t, const char **ret)
{
    const char *best = cni_version_is_known(t->cni_version) ? t->cni_version : NULL;
    for (size_t i = 0; i < t->cni_versions.n; i++)
        if (cni_version_is_known(t->cni_versions.v[i]) &&
            (!best || cni_version_at_least(t->cni_versions.v[i], best)))
            best = t->cni_versions.v[i];
    if (!best)
        return err_new(ERR_UNSUPPORTED, "cniVersion: %s: known are %s to %s",
            t->cni_version ? t->cni_version : "missing", cni_versions[0], CNI_LATEST);
    *ret = best;
    return NULL;
}

/* A plugin's type is the name of its program, and becomes part of a path. */
static bool type_is_valid(const char *type)
{
    return type && *type && *type != '.' && !strchr(type, '/');
}

struct err *cni_list_parse(struct arena *a, const char *text, size_t len, struct cni_list *ret)
{
    const struct json *j;
    struct list_text t;
    TRY(json_parse(a, text, len, NULL, &j));
    TRY(fields_decode(&list_fields, a, j, &t));
    struct cni_list l = {.name = t.name, .disable_check = t.disable_check, .disable_gc = t.disable_gc};
    TRY(best_version(&t, &l.cni_version));
    if (!t.name || !*t.name)
        return err_new(ERR_INVALID, "name: missing");
    bool single = !t.plugins;
    if (!single && t.plugins->type != JSON_ARRAY)
        return err_new(ERR_INVALID, "plugins: not an array");
    l.n = single ? 1 : t.plugins->n;
    if (l.n == 0)
        return err_new(ERR_INVALID, "plugins: empty");
    struct cni_list_plugin *p = arena_array(a, l.n, sizeof(*p));
    for (size_t i = 0; i < l.n; i++) {
        p[i].config = single ? j : &t.plugins->items[i];
        p[i].type = json_str(json_get(p[i].config, "type"));
        if (!type_is_valid(p[i].type))
            return err_new(ERR_INVALID, "plugins[%zu].type: %s: not the name of a program", i,
                p[i].type ? p[i].type : "missing");
    }
    l.plugins = p;
    *ret = l;
    return NULL;
}

void cni_request(const struct cni_list *l, size_t i, const struct json *capability_args,
    const struct json *prev_result, const struct json *valid_attachments, struct buf *out)
{
    auto_arena *a = arena_new();
    const struct json *c = l->plugins[i].config, *runtime = NULL;
    c = json_with(a, c, "cniVersion", json_new_str(a, l->cni_version));
    c = json_with(a, c, "name", json_new_str(a, l->name));
    json_each_member (m, json_get(c, "capabilities"))
        if (json_bool(&m->value, false) && json_get(capability_args, m->name))
            runtime = json_with(a, runtime, m->name, json_get(capability_args, m->name));
    c = json_with(a, c, "runtimeConfig", runtime);
    c = json_with(a, c, "prevResult", prev_result);
    c = json_with(a, c, "cni.dev/valid-attachments", valid_attachments);
    json_write(out, c, 0);
}
