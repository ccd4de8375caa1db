/* The rules of where a Pod may be: affinity, tolerations, spreading. */
#include "master/meta.h"
#include "master/pod_spec.h"
#include <string.h>

static bool is_number(const char *s)
{
    s += *s == '-';
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* ---- Node affinity ---- */

static void check_node_requirement(struct invalid *v, const struct json *r, const struct path *p)
{
    const char *op = pod_text(r, "operator");
    const struct json *values = json_get(r, "values");
    size_t n = values ? values->n : 0;
    if (!strcmp(op, "In") || !strcmp(op, "NotIn")) {
        if (!n)
            invalid_required(v, PATH(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) {
        if (n)
            invalid_forbidden(
                v, PATH(p, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (!strcmp(op, "Gt") || !strcmp(op, "Lt")) {
        if (n != 1)
            invalid_required(
                v, PATH(p, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
        else if (!is_number(values->items[0].text))
            invalid_str(v, PATH_ITEM(PATH(p, "values"), 0), values->items[0].text,
                "for 'Gt', 'Lt' operators, the value must be an integer");
    } else {
        invalid_str(v, PATH(p, "operator"), op, "not a valid selector operator");
    }
}

static void check_node_term(struct invalid *v, const struct json *term, const struct path *p)
{
    const struct json *list = json_get(term, "matchExpressions"), *fields = json_get(term, "matchFields");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct path *at = PATH_ITEM(PATH(p, "matchExpressions"), i);
        check_node_requirement(v, &list->items[i], at);
        meta_check_qualified(v, PATH(at, "key"), pod_text(&list->items[i], "key"));
    }
    for (size_t i = 0; fields && i < fields->n; i++) {
        const struct path *at = PATH_ITEM(PATH(p, "matchFields"), i);
        const char *op = pod_text(&fields->items[i], "operator"), *key = pod_text(&fields->items[i], "key");
        if (strcmp(op, "In") != 0 && strcmp(op, "NotIn") != 0)
            invalid_str(v, PATH(at, "operator"), op, "not a valid selector operator");
        if (strcmp(key, "metadata.name") != 0)
            invalid_str(v, PATH(at, "key"), key, "not a valid field selector key");
    }
}

static void check_weight(struct invalid *v, const struct json *j, const struct path *p)
{
    int64_t weight = 0;
    json_int(json_get(j, "weight"), &weight);
    if (weight < 1 || weight > 100)
        invalid_int(v, PATH(p, "weight"), weight, "must be in the range 1-100");
}

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void check_node_affinity(struct invalid *v, const struct json *a, const struct path *p)
{
    const struct json *required = json_get(a, REQUIRED), *terms = json_get(required, "nodeSelectorTerms");
    const struct json *preferred = json_get(a, PREFERRED);
    const struct path *at = PATH(PATH(p, REQUIRED), "nodeSelectorTerms");
    if (required && (!terms || !terms->n))
        invalid_required(v, at, "must have at least one node selector term");
    for (size_t i = 0; terms && i < terms->n; i++)
        check_node_term(v, &terms->items[i], PATH_ITEM(at, i));
    for (size_t i = 0; preferred && i < preferred->n; i++) {
        const struct path *item = PATH_ITEM(PATH(p, PREFERRED), i);
        check_weight(v, &preferred->items[i], item);
        check_node_term(v, json_get(&preferred->items[i], "preference"), PATH(item, "preference"));
    }
}

/* ---- Pod affinity ---- */

static void check_label_selector(struct invalid *v, const struct json *s, const struct path *p)
{
    const struct json *list = json_get(s, "matchExpressions");
    meta_check_labels(v, PATH(p, "matchLabels"), json_get(s, "matchLabels"));
    for (size_t i = 0; list && i < list->n; i++) {
        const struct path *at = PATH_ITEM(PATH(p, "matchExpressions"), i);
        const char *op = pod_text(&list->items[i], "operator");
        const struct json *values = json_get(&list->items[i], "values");
        size_t n = values ? values->n : 0;
        bool set = !strcmp(op, "In") || !strcmp(op, "NotIn");
        bool exists = !strcmp(op, "Exists") || !strcmp(op, "DoesNotExist");
        if (set && !n)
            invalid_required(v, PATH(at, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
        else if (exists && n)
            invalid_forbidden(
                v, PATH(at, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        else if (!set && !exists)
            invalid_str(v, PATH(at, "operator"), op, "not a valid selector operator");
        meta_check_qualified(v, PATH(at, "key"), pod_text(&list->items[i], "key"));
    }
}

static void check_pod_term(struct invalid *v, const struct json *term, const struct path *p)
{
    const char *key = pod_text(term, "topologyKey");
    check_label_selector(v, json_get(term, "labelSelector"), PATH(p, "labelSelector"));
    check_label_selector(v, json_get(term, "namespaceSelector"), PATH(p, "namespaceSelector"));
    if (!*key)
        invalid_required(v, PATH(p, "topologyKey"), "can not be empty");
    meta_check_qualified(v, PATH(p, "topologyKey"), key);
}

static void check_pod_affinity(struct invalid *v, const struct json *a, const struct path *p)
{
    const struct json *required = json_get(a, REQUIRED), *preferred = json_get(a, PREFERRED);
    for (size_t i = 0; required && i < required->n; i++)
        check_pod_term(v, &required->items[i], PATH_ITEM(PATH(p, REQUIRED), i));
    for (size_t i = 0; preferred && i < preferred->n; i++) {
        const struct path *item = PATH_ITEM(PATH(p, PREFERRED), i);
        check_weight(v, &preferred->items[i], item);
        check_pod_term(v, json_get(&preferred->items[i], "podAffinityTerm"), PATH(item, "podAffinityTerm"));
    }
}

/* ---- Tolerations, spreading ---- */

static void check_toleration(struct invalid *v, const struct json *t, const struct path *p)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
    static const char *const operators[] = {"Equal", "Exists", NULL};
    const char *key = pod_text(t, "key"), *op = pod_text(t, "operator"), *value = pod_text(t, "value");
    const char *effect = pod_text(t, "effect");
    if (*key)
        meta_check_qualified(v, PATH(p, "key"), key);
    else if (strcmp(op, "Exists") != 0)
        invalid_str(v, PATH(p, "operator"), op,
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
    if (json_get(t, "tolerationSeconds") && strcmp(effect, "NoExecute") != 0)
        invalid_str(
            v, PATH(p, "effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (!*op || !strcmp(op, "Equal"))
        meta_check_label_value(v, PATH(p, "operator"), value);
    else if (strcmp(op, "Exists") != 0)
        invalid_unsupported(v, PATH(p, "operator"), op, operators);
    else if (*value)
        invalid_str(v, PATH(p, "operator"), value, "value must be empty when `operator` is 'Exists'");
    if (*effect)
        invalid_choice(v, PATH(p, "effect"), json_get(t, "effect"), effects);
}

static void check_spread(struct invalid *v, const struct json *list, const struct path *p)
{
    static const char *const whens[] = {"DoNotSchedule", "ScheduleAnyway", NULL};
    for (size_t i = 0; list && i < list->n; i++) {
        const struct json *c = &list->items[i];
        const struct path *at = PATH_ITEM(p, i);
        const char *key = pod_text(c, "topologyKey"), *when = pod_text(c, "whenUnsatisfiable");
        int64_t skew = 0;
        json_int(json_get(c, "maxSkew"), &skew);
        if (skew <= 0)
            invalid_int(v, PATH(at, "maxSkew"), skew, "must be greater than zero");
        if (!*key)
            invalid_required(v, PATH(at, "topologyKey"), "can not be empty");
        invalid_choice(v, PATH(at, "whenUnsatisfiable"), json_get(c, "whenUnsatisfiable"), whens);
        for (size_t k = i + 1; k < list->n; k++)
            if (*key && !strcmp(key, pod_text(&list->items[k], "topologyKey")) &&
                !strcmp(when, pod_text(&list->items[k], "whenUnsatisfiable")))
                invalid_duplicate(v, PATH(at, "{topologyKey, whenUnsatisfiable}"),
                    arena_printf(v->arena, "{%s, %s}", key, when));
        check_label_selector(v, json_get(c, "labelSelector"), PATH(at, "labelSelector"));
    }
}

void pod_rules_placement(struct invalid *v, const struct json *spec, const struct path *p)
{
    const struct json *a = json_get(spec, "affinity"), *tolerations = json_get(spec, "tolerations");
    const struct path *at = PATH(p, "affinity");
    check_node_affinity(v, json_get(a, "nodeAffinity"), PATH(at, "nodeAffinity"));
    check_pod_affinity(v, json_get(a, "podAffinity"), PATH(at, "podAffinity"));
    check_pod_affinity(v, json_get(a, "podAntiAffinity"), PATH(at, "podAntiAffinity"));
    for (size_t i = 0; tolerations && i < tolerations->n; i++)
        check_toleration(v, &tolerations->items[i], PATH_ITEM(PATH(p, "tolerations"), i));
    check_spread(v, json_get(spec, "topologySpreadConstraints"), PATH(p, "topologySpreadConstraints"));
}
