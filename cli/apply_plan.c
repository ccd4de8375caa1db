#include "cli/apply_plan.h"

#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

/* Lists that the server merges by a key of their items (the API's patchMergeKey); all other lists are
 * replaced whole. */
static const struct {
    const char *list, *key;
} merge_keys[] = {
    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"env", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
    {"imagePullSecrets", "name"},
    {"secrets", "name"},
    {"hostAliases", "ip"},
    {"ports", "containerPort"},
    {"ports", "port"},
    {"topologySpreadConstraints", "topologyKey"},
};

static const char *merge_key(const char *list, const struct json *item)
{
    for (size_t i = 0; i < ARRAY_SIZE(merge_keys); i++)
        if (strcmp(merge_keys[i].list, list) == 0 && json_get(item, merge_keys[i].key))
            return merge_keys[i].key;
    return NULL;
}

static const struct json *find_item(const struct json *list, const char *key, const struct json *value)
{
    json_each_item (it, list)
        if (json_get(it, key) && json_equal(json_get(it, key), value))
            return it;
    return NULL;
}

static const struct json *with_deletions(struct arena *a, const struct json *last, const struct json *now);

static const struct json *list_with_deletions(
    struct arena *a, const char *name, const struct json *last, const struct json *now)
{
    const struct json *out = &json_empty_array;
    json_each_item (it, now) {
        const char *key = merge_key(name, it);
        const struct json *before = key ? find_item(last, key, json_get(it, key)) : NULL;
        out = json_append(a, out, before ? with_deletions(a, before, it) : it);
    }
    json_each_item (it, last) {
        const char *key = merge_key(name, it);
        if (!key || find_item(now, key, json_get(it, key)))
            continue;
        const struct json *gone = json_with(a, &json_empty_object, "$patch", json_new_str(a, "delete"));
        out = json_append(a, out, json_with(a, gone, key, json_get(it, key)));
    }
    return out;
}

/* `now`, with null for each member that only `last` has. */
static const struct json *with_deletions(struct arena *a, const struct json *last, const struct json *now)
{
    const struct json *out = now;
    if (!last || last->type != JSON_OBJECT || now->type != JSON_OBJECT)
        return now;
    json_each_member (m, last) {
        const struct json *mine = json_get(now, m->name);
        if (!mine)
            out = json_with(a, out, m->name, &json_null);
        else if (mine->type == JSON_OBJECT)
            out = json_with(a, out, m->name, with_deletions(a, &m->value, mine));
        else if (mine->type == JSON_ARRAY && m->value.type == JSON_ARRAY)
            out = json_with(a, out, m->name, list_with_deletions(a, m->name, &m->value, mine));
    }
    return out;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct json_member *)a)->name, ((const struct json_member *)b)->name);
}

/* Members in the order of their names, all the way down: the text that kubectl writes for the same manifest.
 */
static struct json sorted(struct arena *a, const struct json *j)
{
    struct json copy = *j;
    if (j->type == JSON_ARRAY) {
        struct json *items = arena_array(a, j->n, sizeof(*items));
        for (uint32_t i = 0; i < j->n; i++)
            items[i] = sorted(a, &j->items[i]);
        copy.items = items;
    } else if (j->type == JSON_OBJECT) {
        struct json_member *members = arena_array(a, j->n, sizeof(*members));
        for (uint32_t i = 0; i < j->n; i++)
            members[i] = (struct json_member){j->members[i].name, sorted(a, &j->members[i].value)};
        if (j->n)
            qsort(members, j->n, sizeof(*members), by_name);
        copy.members = members;
    }
    return copy;
}

/* kubectl's JSON writer keeps its text harmless inside HTML; in JSON these stand in strings only. */
static void write_as_kubectl(struct buf *text, const struct json *j)
{
    auto_buf plain = BUF_INIT(text->max);
    json_write(&plain, j, 0);
    for (const char *p = buf_str(&plain); *p; p++)
        if (*p == '<' || *p == '>' || *p == '&')
            buf_addf(text, "\\u%04x", *p);
        else if (!strncmp(p, "\xe2\x80\xa8", 3) || !strncmp(p, "\xe2\x80\xa9", 3))
            buf_addf(text, "\\u%04x", 0x2028 + (p[2] == '\xa9')), p += 2;
        else
            buf_addc(text, *p);
}

const struct json *apply_annotated(struct arena *a, const struct json *manifest)
{
    auto_buf text = BUF_INIT(4 << 20);
    const struct json *annotations = json_at(manifest, "metadata", "annotations", NULL);
    annotations = json_with(a, annotations, APPLY_ANNOTATION, NULL);
    const struct json *plain = json_with_at(a, manifest, annotations, "metadata", "annotations", NULL);
    struct json canonical = sorted(a, plain);
    write_as_kubectl(&text, &canonical);
    buf_addc(&text, '\n');
    annotations = json_with(a, annotations, APPLY_ANNOTATION, json_new_str(a, buf_str(&text)));
    return json_with_at(a, manifest, annotations, "metadata", "annotations", NULL);
}

const struct json *apply_patch(struct arena *a, const struct json *live, const struct json *manifest)
{
    const char *text = json_str(json_get(json_at(live, "metadata", "annotations", NULL), APPLY_ANNOTATION));
    const struct json *last = NULL, *now = apply_annotated(a, manifest);
    struct err *broken = text ? json_parse(a, text, strlen(text), NULL, &last) : NULL;
    if (broken) { /* an annotation that somebody broke: nothing is known to delete */
        err_free(broken);
        return now;
    }
    return with_deletions(a, last, now);
}

static int64_t number_at(const struct json *object, const char *part, const char *name, int64_t fallback)
{
    int64_t v = fallback;
    json_int(json_at(object, part, name, NULL), &v);
    return v;
}

static bool pod_is_ready(const struct json *pod)
{
    const char *phase = json_str(json_at(pod, "status", "phase", NULL));
    if (phase && strcmp(phase, "Succeeded") == 0)
        return true;
    json_each_item (c, json_at(pod, "status", "conditions", NULL)) {
        const char *type = json_str(json_get(c, "type")), *status = json_str(json_get(c, "status"));
        if (type && status && strcmp(type, "Ready") == 0)
            return strcmp(status, "True") == 0;
    }
    return false;
}

bool apply_is_ready(const struct json *object)
{
    const char *kind = json_str(json_get(object, "kind"));
    if (kind && strcmp(kind, "Pod") == 0)
        return pod_is_ready(object);
    if (kind && strcmp(kind, "ReplicationController") == 0)
        return number_at(object, "status", "observedGeneration", 0) >=
                   number_at(object, "metadata", "generation", 0) &&
               number_at(object, "status", "replicas", 0) == number_at(object, "spec", "replicas", 1) &&
               number_at(object, "status", "readyReplicas", 0) == number_at(object, "spec", "replicas", 1);
    return true;
}
