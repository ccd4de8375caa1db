/* autoscaling/v1 Scale: the view of a ReplicationController that `kubectl scale` changes. */
#include "master/changing.h"
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct json_member *)a)->name, ((const struct json_member *)b)->name);
}

/* "app=web,tier=front", sorted. */
static const char *selector_text(struct arena *a, const struct json *selector)
{
    if (!selector || !selector->n)
        return "";
    auto_buf b = BUF_INIT(65536);
    struct json_member *sorted = arena_array(a, selector->n, sizeof(*sorted));
    memcpy(sorted, selector->members, selector->n * sizeof(*sorted));
    qsort(sorted, selector->n, sizeof(*sorted), by_name);
    for (size_t i = 0; i < selector->n; i++)
        buf_addf(&b, "%s%s=%s", i ? "," : "", sorted[i].name, json_str(&sorted[i].value));
    return arena_strdup(a, buf_str(&b));
}

const struct json *scale_of(struct arena *a, const struct json *rc)
{
    static const char *const shared[] = {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"};
    const struct json *meta = json_get(rc, "metadata"), *out = NULL;
    out = json_with(a, out, "kind", json_new_str(a, "Scale"));
    out = json_with(a, out, "apiVersion", json_new_str(a, "autoscaling/v1"));
    for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
        if (json_get(meta, shared[i]))
            out = json_with_at(a, out, json_get(meta, shared[i]), "metadata", shared[i], NULL);
    int64_t wanted = 0, there = 0;
    json_int(json_at(rc, "spec", "replicas", NULL), &wanted);
    json_int(json_at(rc, "status", "replicas", NULL), &there);
    out = json_with(a, out, "spec", &json_empty_object);
    if (wanted)
        out = json_with_at(a, out, json_new_int(a, wanted), "spec", "replicas", NULL);
    out = json_with_at(a, out, json_new_int(a, there), "status", "replicas", NULL);
    const char *selector = selector_text(a, json_at(rc, "spec", "selector", NULL));
    if (*selector)
        out = json_with_at(a, out, json_new_str(a, selector), "status", "selector", NULL);
    return out;
}
