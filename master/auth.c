/* Authorisation by table. */
#include "master/auth.h"
#include <string.h>

#define READ (VERB_GET | VERB_LIST | VERB_WATCH)

struct rule {
    enum kind_id kind;
    int sub; /* enum sub_id */
    unsigned verbs;
    const char *ns; /* NULL: any */
};

/* What a kubelet does: see its own Node and Pods, report on them, and read what Pods refer to. */
static const struct rule node_rules[] = {
    {KIND_NODE, SUB_NONE, READ | VERB_CREATE | VERB_UPDATE | VERB_PATCH, NULL},
    {KIND_NODE, SUB_STATUS, VERB_GET | VERB_UPDATE | VERB_PATCH, NULL},
    {KIND_POD, SUB_NONE, READ | VERB_CREATE | VERB_DELETE, NULL},
    {KIND_POD, SUB_STATUS, VERB_GET | VERB_UPDATE | VERB_PATCH, NULL},
    {KIND_POD, SUB_EVICTION, VERB_CREATE, NULL},
    {KIND_LEASE, SUB_NONE, READ | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE, "kube-node-lease"},
    {KIND_EVENT, SUB_NONE, VERB_CREATE | VERB_UPDATE | VERB_PATCH, NULL},
    {KIND_CONFIG_MAP, SUB_NONE, READ, NULL},
    {KIND_SECRET, SUB_NONE, READ, NULL},
    {KIND_SERVICE_ACCOUNT, SUB_NONE, READ, NULL},
    {KIND_SERVICE, SUB_NONE, READ, NULL},
    {KIND_NAMESPACE, SUB_NONE, READ, NULL},
};
/* What the proxy does: know Services and where their Pods are, for addresses and for names. */
static const struct rule proxy_rules[] = {
    {KIND_SERVICE, SUB_NONE, READ, NULL},
    {KIND_ENDPOINTS, SUB_NONE, READ, NULL},
    {KIND_ENDPOINT_SLICE, SUB_NONE, READ, NULL},
    {KIND_NODE, SUB_NONE, READ, NULL},
    {KIND_NAMESPACE, SUB_NONE, READ, NULL},
    {KIND_POD, SUB_NONE, READ, NULL},
    {KIND_EVENT, SUB_NONE, VERB_CREATE | VERB_UPDATE | VERB_PATCH, NULL},
};

static bool has_group(const struct str_list *groups, const char *name)
{
    for (size_t i = 0; i < groups->n; i++)
        if (!strcmp(groups->v[i], name))
            return true;
    return false;
}

bool auth_is_master(const struct str_list *groups)
{
    return has_group(groups, "system:masters");
}

static bool rules_allow(const struct rule *rules, size_t n, unsigned verb, const struct resource *r,
    const struct subresource *sub, const char *ns)
{
    int id = sub ? (int)sub->id : SUB_NONE;
    for (size_t i = 0; i < n; i++)
        if (rules[i].kind == r->kind->id && rules[i].sub == id && (rules[i].verbs & verb) &&
            (!rules[i].ns || (ns && !strcmp(ns, rules[i].ns))))
            return true;
    return false;
}

/* A node changes no other Node, whatever its group may do. */
static bool own_node(const char *user, unsigned verb, const struct resource *r, const char *name)
{
    if (r->kind->id != KIND_NODE || !(verb & (VERB_UPDATE | VERB_PATCH | VERB_DELETE)))
        return true;
    return name && !strcmp(user + strlen("system:node:"), name);
}

bool auth_allows(const char *user, const struct str_list *groups, unsigned verb, const struct resource *r,
    const struct subresource *sub, const char *ns, const char *name)
{
    if (auth_is_master(groups))
        return true;
    if (has_group(groups, "system:nodes") && !strncmp(user, "system:node:", strlen("system:node:")))
        return own_node(user, verb, r, name) &&
               rules_allow(node_rules, sizeof(node_rules) / sizeof(*node_rules), verb, r, sub, ns);
    if (!strcmp(user, "system:kube-proxy"))
        return rules_allow(proxy_rules, sizeof(proxy_rules) / sizeof(*proxy_rules), verb, r, sub, ns);
    return false;
}

const char *auth_verb_name(unsigned verb)
{
    static const struct {
        unsigned verb;
        const char *name;
    } names[] = {{VERB_GET, "get"}, {VERB_LIST, "list"}, {VERB_WATCH, "watch"}, {VERB_CREATE, "create"},
        {VERB_UPDATE, "update"}, {VERB_PATCH, "patch"}, {VERB_DELETE, "delete"},
        {VERB_DELETECOLLECTION, "deletecollection"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].verb == verb)
            return names[i].name;
    return "";
}
