/*
 * Content negotiation: the clauses of Accept, best quality first, until one is found that we can write.
 * Protobuf and CBOR we cannot: clients that prefer them name JSON as well.
 */
#include "master/accept.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLAUSES_MAX 32

struct clause {
    const char *type;
    const char *as, *group, *version;
    bool pretty, stream;
    double q;
};

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    for (size_t n = strlen(s); n && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
        s[n - 1] = 0;
    return s;
}

static struct clause parse_clause(char *text)
{
    char *save = NULL, *type = strtok_r(text, ";", &save);
    struct clause c = {.type = type ? trim(type) : "", .q = 1};
    for (char *p; (p = strtok_r(NULL, ";", &save));) {
        p = trim(p);
        char *eq = strchr(p, '=');
        if (!eq)
            continue;
        *eq++ = 0;
        if (!strcmp(p, "as"))
            c.as = eq;
        else if (!strcmp(p, "g"))
            c.group = eq;
        else if (!strcmp(p, "v"))
            c.version = eq;
        else if (!strcmp(p, "q"))
            c.q = strtod(eq, NULL);
        else if (!strcmp(p, "pretty"))
            c.pretty = strcmp(eq, "0") != 0;
    }
    return c;
}

static bool known_format(const char *type, enum accept_format *ret)
{
    static const struct {
        const char *type;
        enum accept_format format;
    } known[] = {{"application/json", ACCEPT_JSON}, {"*/*", ACCEPT_JSON}, {"application/*", ACCEPT_JSON},
        {"application/yaml", ACCEPT_YAML}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcasecmp(type, known[i].type)) {
            *ret = known[i].format;
            return true;
        }
    return false;
}

static bool known_as(const struct clause *c, enum accept_as *ret)
{
    static const struct {
        const char *as, *group, *versions;
        enum accept_as value;
    } known[] = {
        {"Table", "meta.k8s.io", "v1 v1beta1", AS_TABLE},
        {"PartialObjectMetadata", "meta.k8s.io", "v1 v1beta1", AS_PARTIAL},
        {"PartialObjectMetadataList", "meta.k8s.io", "v1 v1beta1", AS_PARTIAL_LIST},
        {"APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2 v2beta1", AS_DISCOVERY},
    };
    for (size_t i = 0; c->group && c->version && i < ARRAY_SIZE(known); i++) {
        const char *at = strstr(known[i].versions, c->version);
        size_t n = strlen(c->version);
        if (!strcmp(c->as, known[i].as) && !strcmp(c->group, known[i].group) && at &&
            (at[n] == ' ' || !at[n]) && *c->version) {
            *ret = known[i].value;
            return true;
        }
    }
    return false;
}

enum accept_result accept_parse(struct arena *a, const char *header, struct accept *ret)
{
    *ret = (struct accept){.version = "v1"};
    if (!header || !*header)
        return ACCEPT_OK;
    struct clause clauses[CLAUSES_MAX];
    size_t n = 0;
    char *save = NULL, *copy = arena_strdup(a, header);
    for (char *c = strtok_r(copy, ",", &save); c && n < CLAUSES_MAX; c = strtok_r(NULL, ",", &save))
        clauses[n++] = parse_clause(c);
    enum accept_result result = ACCEPT_NONE;
    double best = 0;
    for (size_t i = 0; i < n; i++) {
        struct accept found = {.version = "v1", .pretty = clauses[i].pretty};
        if (!known_format(clauses[i].type, &found.format) || clauses[i].q <= best)
            continue;
        if (clauses[i].as && !known_as(&clauses[i], &found.as)) {
            if (result == ACCEPT_NONE)
                result = ACCEPT_NO_CONVERSION;
            continue;
        }
        if (clauses[i].as)
            found.version = clauses[i].version;
        *ret = found;
        best = clauses[i].q;
        result = ACCEPT_OK;
    }
    return result;
}

const char *accept_media_type(struct arena *a, const char *header)
{
    char *type = arena_strndup(a, header ? header : "", strcspn(header ? header : "", ";"));
    type = trim(type);
    for (char *c = type; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return type;
}
