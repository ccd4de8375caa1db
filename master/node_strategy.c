/* Node. */
#include "master/edit.h"
#include "master/meta.h"
#include "master/strategy.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void defaults(struct admission *x, struct json *node)
{
    struct arena *a = x->arena;
    struct json *spec = edit_object(a, node, "spec"), *status = edit_object(a, node, "status");
    const struct json *cidr = edit_get(spec, "podCIDR"), *capacity = edit_get(status, "capacity");
    if (cidr && !edit_get(spec, "podCIDRs")) {
        struct json list = edit_new_array(a, 2);
        edit_append(a, &list, *cidr);
        edit_set(a, spec, "podCIDRs", list);
    }
    if (capacity && capacity->n && !edit_get(status, "allocatable"))
        edit_set(a, status, "allocatable", edit_copy(a, capacity, 2));
}

/* Nothing is scheduled to a node before it has once been ready: node life cycle takes the taint away. */
static void create(struct admission *x, struct json *node)
{
    struct arena *a = x->arena;
    struct json *spec = edit_object(a, node, "spec"), *taints = edit_get(spec, "taints");
    for (size_t i = 0; taints && i < taints->n; i++) {
        const char *key = json_str(json_get(&taints->items[i], "key"));
        if (key && !strcmp(key, "node.kubernetes.io/not-ready"))
            return;
    }
    if (!taints) {
        edit_set(a, spec, "taints", edit_new_array(a, 2));
        taints = edit_get(spec, "taints");
    }
    struct json t = edit_new_object(a, 4);
    edit_set_str(a, &t, "key", "node.kubernetes.io/not-ready");
    edit_set_str(a, &t, "effect", "NoSchedule");
    edit_append(a, taints, t);
}

static bool is_cidr(struct arena *a, const char *text)
{
    unsigned char ip[16];
    char *end;
    const char *slash = strchr(text, '/');
    if (!slash)
        return false;
    const char *head = arena_strndup(a, text, (size_t)(slash - text));
    unsigned long prefix = strtoul(slash + 1, &end, 10);
    if (end == slash + 1 || *end)
        return false;
    return (inet_pton(AF_INET, head, ip) == 1 && prefix <= 32) ||
           (inet_pton(AF_INET6, head, ip) == 1 && prefix <= 128);
}

static void check_taints(struct admission *x, const struct json *taints)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
    const struct path *p = PATH(PATH(NULL, "metadata"), "taints");
    for (size_t i = 0; taints && i < taints->n; i++) {
        const struct json *t = &taints->items[i];
        const char *key = json_str(json_get(t, "key")), *value = json_str(json_get(t, "value"));
        meta_check_qualified(&x->invalid, PATH(PATH_ITEM(p, i), "key"), key ? key : "");
        if (value)
            meta_check_label_value(&x->invalid, PATH(PATH_ITEM(p, i), "value"), value);
        invalid_choice(&x->invalid, PATH(PATH_ITEM(p, i), "effect"), json_get(t, "effect"), effects);
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_get(&taints->items[k], "key"), json_get(t, "key")) &&
                json_equal(json_get(&taints->items[k], "effect"), json_get(t, "effect")))
                invalid_duplicate(&x->invalid, PATH_ITEM(p, i), key ? key : "");
    }
}

static void validate(struct admission *x, struct json *node)
{
    const struct json *spec = json_get(node, "spec"), *cidrs = json_get(spec, "podCIDRs");
    check_taints(x, json_get(spec, "taints"));
    for (size_t i = 0; cidrs && i < cidrs->n; i++) {
        const char *text = json_str(&cidrs->items[i]);
        if (text && !is_cidr(x->arena, text))
            invalid_str(&x->invalid, PATH_ITEM(PATH(PATH(NULL, "spec"), "podCIDRs"), i), text,
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    }
}

static void validate_update(struct admission *x, struct json *node, const struct json *old)
{
    static const char *const fixed[] = {"podCIDRs", "providerID"};
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        const struct json *was = json_at(old, "spec", fixed[i], NULL);
        const struct json *is = json_at(node, "spec", fixed[i], NULL);
        if (was && (!is || !json_equal(is, was)))
            invalid_forbidden(&x->invalid, PATH(PATH(NULL, "spec"), fixed[i]),
                "node updates may not change this field once it is set");
    }
}

static const struct json *without_times(struct arena *a, const struct json *node)
{
    const struct json *timeless = &json_empty_array;
    json_each_item (c, json_at(node, "status", "conditions", NULL))
        timeless = json_append(a, timeless, json_with(a, c, "lastHeartbeatTime", NULL));
    return json_with_at(a, node, timeless, "status", "conditions", NULL);
}

static bool is_heartbeat(struct arena *a, const struct json *node, const struct json *old)
{
    return json_equal(without_times(a, node), without_times(a, old));
}

const struct strategy node_strategy = {.defaults = defaults,
    .create = create,
    .validate = validate,
    .validate_update = validate_update,
    .is_heartbeat = is_heartbeat};
