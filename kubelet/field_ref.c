/* The downward API, see field_ref.h. */
#include "kubelet/field_ref.h"
#include "lib/api/quantity.h"
#include <stdlib.h>
#include <string.h>

enum { FIELD_REF_MAX = 1 << 20 };

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static int pair_order(const void *x, const void *y)
{
    return strcmp(((const struct str_pair *)x)->name, ((const struct str_pair *)y)->name);
}

/* Go's %q, as far as labels and annotations go. */
static void quote(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addf(b, "\\%c", *s);
        else if (*s == '\n')
            buf_adds(b, "\\n");
        else if (*s == '\t')
            buf_adds(b, "\\t");
        else if (*s == '\r')
            buf_adds(b, "\\r");
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_addf(b, "\\x%02x", (unsigned char)*s);
        else
            buf_addc(b, *s);
    }
    buf_addc(b, '"');
}

/* All of a map: name="value" lines, sorted. */
static struct err *all_of(struct arena *a, const struct str_map *m, const char **ret)
{
    auto_buf b = BUF_INIT(FIELD_REF_MAX);
    struct str_pair *sorted = arena_array(a, m->n + 1, sizeof(*sorted));
    if (m->n)
        memcpy(sorted, m->v, m->n * sizeof(*sorted));
    qsort(sorted, m->n, sizeof(*sorted), pair_order);
    for (size_t i = 0; i < m->n; i++) {
        buf_addf(&b, "%s%s=", i ? "\n" : "", sorted[i].name);
        quote(&b, sorted[i].value);
    }
    TRY(buf_check(&b, "labels or annotations"));
    *ret = arena_strdup(a, buf_str(&b));
    return NULL;
}

/* "metadata.labels['a/b']" -> "a/b"; NULL where path has another shape. */
static const char *subscript(struct arena *a, const char *path, const char *of)
{
    size_t n = strlen(of), all = strlen(path);
    if (strncmp(path, of, n) != 0 || strncmp(path + n, "['", 2) != 0 || all < n + 4 ||
        strcmp(path + all - 2, "']") != 0)
        return NULL;
    return arena_strndup(a, path + n + 2, all - n - 4);
}

struct err *field_ref_value(
    struct arena *a, const struct pod *p, const struct field_context *x, const char *path, const char **ret)
{
    const struct object_meta *m = p->metadata;
    const struct {
        const char *path, *value;
    } simple[] = {
        {"metadata.name", m->name},
        {"metadata.namespace", m->namespace_},
        {"metadata.uid", m->uid},
        {"spec.nodeName", x->node_name},
        {"spec.serviceAccountName", p->spec->service_account_name},
        {"status.hostIP", x->host_ip},
        {"status.hostIPs", x->host_ip},
        {"status.podIP", x->pod_ip},
        {"status.podIPs", x->pod_ip},
    };
    if (!path)
        return err_new(ERR_INVALID, "fieldRef.fieldPath: required");
    for (size_t i = 0; i < ARRAY_SIZE(simple); i++)
        if (strcmp(path, simple[i].path) == 0) {
            *ret = or_empty(simple[i].value);
            return NULL;
        }
    if (strcmp(path, "metadata.labels") == 0)
        return all_of(a, &m->labels, ret);
    if (strcmp(path, "metadata.annotations") == 0)
        return all_of(a, &m->annotations, ret);
    const char *name = subscript(a, path, "metadata.labels");
    if (name) {
        *ret = or_empty(str_map_get(&m->labels, name));
        return NULL;
    }
    name = subscript(a, path, "metadata.annotations");
    if (name) {
        *ret = or_empty(str_map_get(&m->annotations, name));
        return NULL;
    }
    return err_new(ERR_INVALID, "unsupported fieldPath: %s", path);
}

static const struct container *named(const struct pod_spec *s, const char *name)
{
    for (size_t i = 0; i < s->containers.n; i++)
        if (strcmp(or_empty(s->containers.v[i].name), name) == 0)
            return &s->containers.v[i];
    for (size_t i = 0; i < s->init_containers.n; i++)
        if (strcmp(or_empty(s->init_containers.v[i].name), name) == 0)
            return &s->init_containers.v[i];
    return NULL;
}

struct err *field_ref_resource(struct arena *a, const struct pod *p, const struct field_context *x,
    const struct container *of, const struct resource_field_selector *r, const char **ret)
{
    const char *resource = or_empty(r->resource), *divisor = r->divisor ? r->divisor : "1";
    bool limit = strncmp(resource, "limits.", 7) == 0;
    if (r->container_name && *r->container_name && !(of = named(p->spec, r->container_name)))
        return err_new(ERR_INVALID, "container %s not found", r->container_name);
    if (!of || (!limit && strncmp(resource, "requests.", 9) != 0))
        return err_new(ERR_INVALID, "unsupported container resource : %s", resource);
    const char *what = resource + (limit ? 7 : 9);
    bool cpu = strcmp(what, "cpu") == 0;
    if (!cpu && strcmp(what, "memory") != 0 && strcmp(what, "ephemeral-storage") != 0)
        return err_new(ERR_INVALID, "unsupported container resource : %s", resource);
    int64_t v = limit ? container_limit(of, what) : container_request(of, what);
    if (!v && limit)
        v = cpu ? x->node_milli_cpu : strcmp(what, "memory") == 0 ? x->node_memory : x->node_storage;
    int64_t d = cpu ? quantity_millis(divisor, 1000) : quantity_units(divisor, 1);
    if (d <= 0)
        d = cpu ? 1000 : 1;
    *ret = arena_printf(a, "%lld", (long long)(v / d + (v % d > 0)));
    return NULL;
}
