/*
 * Discovery. Everything is computed from resources[] when it is asked for: clients keep it (the aggregated
 * form has an ETag).
 */
#include "master/discovery.h"
#include "lib/tls.h"
#include "master/auth.h"
#include <stdio.h>
#include <string.h>

#define DISCOVERY_MAX ((size_t)1 << 20)

void discovery_verbs(struct json_out *o, unsigned verbs)
{
    static const unsigned order[] = {VERB_CREATE, VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET, VERB_LIST,
        VERB_PATCH, VERB_UPDATE, VERB_WATCH};
    json_out_array(o, "verbs");
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        if (verbs & order[i])
            json_out_str(o, NULL, auth_verb_name(order[i]));
    json_out_end_array(o);
}

const char *discovery_singular(struct arena *a, const struct kind *k)
{
    char *s = arena_strdup(a, k->name);
    for (char *p = s; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return s;
}

/* The n-th group besides the core one; NULL: no more. */
static const char *group_at(size_t n)
{
    for (size_t i = 0; i < resources_n; i++) {
        bool first = *resources[i].group != 0;
        for (size_t k = 0; first && k < i; k++)
            first = strcmp(resources[k].group, resources[i].group) != 0;
        if (first && !n--)
            return resources[i].group;
    }
    return NULL;
}

static void write_names(struct json_out *o, const char *name, const char *const *list, size_t max)
{
    if (!list[0])
        return;
    json_out_array(o, name);
    for (size_t i = 0; i < max && list[i]; i++)
        json_out_str(o, NULL, list[i]);
    json_out_end_array(o);
}

/* ---- The old form ---- */

static void write_resource(struct call *c, struct json_out *o, const struct resource *r)
{
    json_out_object(o, NULL);
    json_out_str(o, "name", r->kind->resource);
    json_out_str(o, "singularName", discovery_singular(c->arena, r->kind));
    json_out_bool(o, "namespaced", r->kind->namespaced);
    json_out_str(o, "kind", r->kind->name);
    discovery_verbs(o, r->verbs);
    write_names(o, "shortNames", r->short_names, ARRAY_SIZE(r->short_names));
    const char *categories[] = {r->category, NULL};
    write_names(o, "categories", categories, 2);
    char hash[65];
    const char *stored = arena_printf(c->arena, "%s/%s", r->kind->api_version, r->kind->name);
    sha256_hex(stored, strlen(stored), hash);
    unsigned char first[8];
    for (int i = 0; i < 8; i++)
        sscanf(hash + 2 * i, "%2hhx", &first[i]);
    auto_buf b = BUF_INIT(64);
    base64_encode(first, sizeof(first), &b);
    json_out_str(o, "storageVersionHash", buf_str(&b));
    json_out_end_object(o);
    for (const struct subresource *s = r->subs; s && s->name; s++) {
        json_out_object(o, NULL);
        json_out_str(o, "name", arena_printf(c->arena, "%s/%s", r->kind->resource, s->name));
        json_out_str(o, "singularName", "");
        json_out_bool(o, "namespaced", r->kind->namespaced);
        if (s->group && *s->group) {
            json_out_str(o, "group", s->group);
            json_out_str(o, "version", s->version);
        }
        json_out_str(o, "kind", s->kind);
        discovery_verbs(o, s->verbs);
        json_out_end_object(o);
    }
}

static void write_group_body(struct json_out *o, struct arena *a, const char *group)
{
    const char *gv = arena_printf(a, "%s/v1", group);
    json_out_str(o, "name", group);
    json_out_array(o, "versions");
    json_out_object(o, NULL);
    json_out_str(o, "groupVersion", gv);
    json_out_str(o, "version", "v1");
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_object(o, "preferredVersion");
    json_out_str(o, "groupVersion", gv);
    json_out_str(o, "version", "v1");
    json_out_end_object(o);
}

static void begin_kind(struct json_out *o, const char *kind, const char *version)
{
    json_out_object(o, NULL);
    json_out_str(o, "kind", kind);
    if (version)
        json_out_str(o, "apiVersion", version);
}

static void write_versions(struct call *c, struct json_out *o)
{
    begin_kind(o, "APIVersions", NULL);
    json_out_array(o, "versions");
    json_out_str(o, NULL, "v1");
    json_out_end_array(o);
    json_out_array(o, "serverAddressByClientCIDRs");
    json_out_object(o, NULL);
    json_out_str(o, "clientCIDR", "0.0.0.0/0");
    json_out_str(
        o, "serverAddress", arena_printf(c->arena, "%s:%u", c->cluster->advertise, c->cluster->port));
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_end_object(o);
}

static void write_groups(struct call *c, struct json_out *o)
{
    begin_kind(o, "APIGroupList", "v1");
    json_out_array(o, "groups");
    const char *group;
    for (size_t i = 0; (group = group_at(i)); i++) {
        json_out_object(o, NULL);
        write_group_body(o, c->arena, group);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_end_object(o);
}

static void write_resources(struct call *c, struct json_out *o, const char *group)
{
    begin_kind(o, "APIResourceList", *group ? "v1" : NULL);
    json_out_str(o, "groupVersion", *group ? arena_printf(c->arena, "%s/v1", group) : "v1");
    json_out_array(o, "resources");
    for (size_t i = 0; i < resources_n; i++)
        if (!strcmp(resources[i].group, group))
            write_resource(c, o, &resources[i]);
    json_out_end_array(o);
    json_out_end_object(o);
}

/* ---- The aggregated form ---- */

static void write_response_kind(struct json_out *o, const char *group, const char *version, const char *kind)
{
    json_out_object(o, "responseKind");
    json_out_str(o, "group", group ? group : "");
    json_out_str(o, "version", version ? version : "");
    json_out_str(o, "kind", kind);
    json_out_end_object(o);
}

static void write_aggregated_resource(struct call *c, struct json_out *o, const struct resource *r)
{
    json_out_object(o, NULL);
    json_out_str(o, "resource", r->kind->resource);
    write_response_kind(o, "", "", r->kind->name);
    json_out_str(o, "scope", r->kind->namespaced ? "Namespaced" : "Cluster");
    json_out_str(o, "singularResource", discovery_singular(c->arena, r->kind));
    discovery_verbs(o, r->verbs);
    write_names(o, "shortNames", r->short_names, ARRAY_SIZE(r->short_names));
    const char *categories[] = {r->category, NULL};
    write_names(o, "categories", categories, 2);
    if (r->subs) {
        json_out_array(o, "subresources");
        for (const struct subresource *s = r->subs; s->name; s++) {
            json_out_object(o, NULL);
            json_out_str(o, "subresource", s->name);
            write_response_kind(o, s->group, s->version, s->kind);
            discovery_verbs(o, s->verbs);
            json_out_end_object(o);
        }
        json_out_end_array(o);
    }
    json_out_end_object(o);
}

static void write_aggregated_group(struct call *c, struct json_out *o, const char *group)
{
    json_out_object(o, NULL);
    json_out_object(o, "metadata");
    if (*group)
        json_out_str(o, "name", group);
    json_out_end_object(o);
    json_out_array(o, "versions");
    json_out_object(o, NULL);
    json_out_str(o, "version", "v1");
    json_out_array(o, "resources");
    for (size_t i = 0; i < resources_n; i++)
        if (!strcmp(resources[i].group, group))
            write_aggregated_resource(c, o, &resources[i]);
    json_out_end_array(o);
    json_out_str(o, "freshness", "Current");
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_end_object(o);
}

static void respond_aggregated(struct call *c, bool core)
{
    auto_buf b = BUF_INIT(DISCOVERY_MAX);
    struct json_out o = {.buf = &b};
    begin_kind(
        &o, "APIGroupDiscoveryList", arena_printf(c->arena, "apidiscovery.k8s.io/%s", c->accept.version));
    json_out_object(&o, "metadata");
    json_out_end_object(&o);
    json_out_array(&o, "items");
    if (core)
        write_aggregated_group(c, &o, "");
    const char *group;
    for (size_t i = 0; !core && (group = group_at(i)); i++)
        write_aggregated_group(c, &o, group);
    json_out_end_array(&o);
    json_out_end_object(&o);
    char hash[65];
    sha256_hex(b.data, b.len, hash);
    const char *etag = arena_printf(c->arena, "\"%s\"", hash), *have = http_header(c->req, "If-None-Match");
    const struct http_header headers[] = {
        {"ETag", etag}, {"Vary", "Accept"}, {"Cache-Control", "public"}, {0}};
    const char *type = arena_printf(
        c->arena, "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList", c->accept.version);
    if (have && !strcmp(have, etag))
        call_respond(c, 304, NULL, "", 0, headers);
    else
        call_respond(c, 200, type, b.data, b.len, headers);
}

/* gitVersion: kubectl compares its own version with it and warns beyond one minor version of difference. */
static void respond_version(struct call *c)
{
    static const char text[] =
        "{\"major\":\"1\",\"minor\":\"32\",\"emulationMajor\":\"1\",\"emulationMinor\":\"32\","
        "\"minCompatibilityMajor\":\"1\",\"minCompatibilityMinor\":\"30\",\"gitVersion\":\"v1.32.0+wherry\","
        "\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":\"1970-01-01T00:00:00Z\","
        "\"goVersion\":\"none\",\"compiler\":\"gcc\",\"platform\":\"linux/amd64\"}";
    call_json(c, 200, text, sizeof(text) - 1, NULL);
}

static void respond_root(struct call *c)
{
    auto_buf b = BUF_INIT(DISCOVERY_MAX);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_array(&o, "paths");
    static const char *const fixed[] = {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2",
        "/openapi/v3", "/readyz", "/version"};
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        json_out_str(&o, NULL, fixed[i]);
    const char *group;
    for (size_t i = 0; (group = group_at(i)); i++) {
        json_out_str(&o, NULL, arena_printf(c->arena, "/apis/%s", group));
        json_out_str(&o, NULL, arena_printf(c->arena, "/apis/%s/v1", group));
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    call_json(c, 200, b.data, b.len, NULL);
}

static bool respond_group(struct call *c, const char *path)
{
    const char *slash = strchr(path, '/');
    const char *group = slash ? arena_strndup(c->arena, path, (size_t)(slash - path)) : path, *known;
    if (slash && strcmp(slash, "/v1") != 0)
        return false;
    for (size_t i = 0; (known = group_at(i)); i++)
        if (!strcmp(known, group))
            break;
    if (!known)
        return false;
    auto_buf b = BUF_INIT(DISCOVERY_MAX);
    struct json_out o = {.buf = &b};
    if (slash) {
        write_resources(c, &o, group);
    } else {
        begin_kind(&o, "APIGroup", "v1");
        write_group_body(&o, c->arena, group);
        json_out_end_object(&o);
    }
    call_json(c, 200, b.data, b.len, NULL);
    return true;
}

bool discovery_handle(struct call *c, const char *path)
{
    auto_buf b = BUF_INIT(DISCOVERY_MAX);
    struct json_out o = {.buf = &b};
    bool api = !strcmp(path, "/api"), apis = !strcmp(path, "/apis");
    if (!*path) {
        respond_root(c);
        return true;
    }
    if (!strcmp(path, "/version")) {
        respond_version(c);
        return true;
    }
    if (!strncmp(path, "/apis/", 6))
        return respond_group(c, path + 6);
    if ((api || apis) && c->accept.as == AS_DISCOVERY) {
        respond_aggregated(c, api);
        return true;
    }
    if (api)
        write_versions(c, &o);
    else if (apis)
        write_groups(c, &o);
    else if (!strcmp(path, "/api/v1"))
        write_resources(c, &o, "");
    else
        return false;
    call_json(c, 200, b.data, b.len, NULL);
    return true;
}
