/* Services as environment variables, see services.h. */
#include "kubelet/services.h"
#include "kubelet/pods.h"
#include "lib/api/kube.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct service {
    struct service *next;
    struct arena *arena;
    const char *ns, *name, *ip;
    const struct json *ports;
    bool seen;
};
struct services {
    struct kubelet *kubelet;
    struct kube_watch *watch;
    struct service *first;
    bool ready;
};

static struct service **find(struct services *s, const char *ns, const char *name)
{
    struct service **p = &s->first;
    while (*p && !(strcmp((*p)->ns, ns) == 0 && strcmp((*p)->name, name) == 0))
        p = &(*p)->next;
    return p;
}

static void drop(struct service **p)
{
    struct service *x = *p;
    *p = x->next;
    arena_free(x->arena);
    free(x);
}

static void on_changed(void *arg, const struct json *j)
{
    struct services *s = arg;
    const char *ns = json_str(json_at(j, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(j, "metadata", "name", NULL));
    const char *ip = json_str(json_at(j, "spec", "clusterIP", NULL));
    if (!ns || !name)
        return;
    struct service **p = find(s, ns, name);
    if (*p)
        drop(p);
    if (!ip || !*ip || strcmp(ip, "None") == 0)
        return;
    struct service *x = mem_new(struct service);
    struct arena *a = arena_new();
    *x = (struct service){.next = s->first, .arena = a, .seen = true};
    x->ns = arena_strdup(a, ns);
    x->name = arena_strdup(a, name);
    x->ip = arena_strdup(a, ip);
    const struct json *ports = json_at(j, "spec", "ports", NULL);
    x->ports = ports ? json_copy(a, ports) : NULL;
    s->first = x;
}

static void on_deleted(void *arg, const struct json *j)
{
    struct services *s = arg;
    const char *ns = json_str(json_at(j, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(j, "metadata", "name", NULL));
    struct service **p = ns && name ? find(s, ns, name) : NULL;
    if (p && *p)
        drop(p);
}

static void on_relisted(void *arg)
{
    struct services *s = arg;
    for (struct service *x = s->first; x; x = x->next)
        x->seen = false;
}

static void on_synced(void *arg)
{
    struct services *s = arg;
    for (struct service **p = &s->first; *p;) {
        if ((*p)->seen)
            p = &(*p)->next;
        else
            drop(p);
    }
    if (s->ready)
        return;
    s->ready = true;
    for (struct worker *w = pods_first(s->kubelet); w; w = w->next)
        worker_kick(w);
}

struct services *services_new(struct kubelet *k)
{
    static const struct kube_watch_events ev = {
        .relisted = on_relisted, .changed = on_changed, .deleted = on_deleted, .synced = on_synced};
    struct services *s = mem_new(struct services);
    s->kubelet = k;
    s->ready = !k->kube;
    if (k->kube)
        s->watch = kube_watch(k->kube, "/api/v1/services", &ev, s);
    return s;
}

void services_free(struct services *s)
{
    if (!s)
        return;
    kube_watch_free(s->watch);
    while (s->first)
        drop(&s->first);
    free(s);
}

bool services_ready(const struct services *s)
{
    return s->ready;
}

/* "web-front" -> "WEB_FRONT" */
static const char *env_name(struct arena *a, const char *name)
{
    char *s = arena_strdup(a, name);
    for (char *p = s; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    return s;
}

enum { PAIRS_PER_PORT = 6, PAIRS_PER_SERVICE = 3 };

static void put(struct str_map *m, const char *name, const char *value)
{
    m->v[m->n++] = (struct str_pair){name, value};
}

static void port_env(struct arena *a, const struct service *s, const char *name, const struct json *p,
    bool first, struct str_map *m)
{
    const char *protocol = json_str(json_get(p, "protocol")), *port_name = json_str(json_get(p, "name"));
    int64_t port = 0;
    json_int(json_get(p, "port"), &port);
    if (!protocol)
        protocol = "TCP";
    char *lower = arena_strdup(a, protocol);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const char *number = arena_printf(a, "%lld", (long long)port);
    const char *url = arena_printf(a, "%s://%s:%s", lower, s->ip, number);
    const char *prefix = arena_printf(a, "%s_PORT_%s_%s", name, number, protocol);
    if (port_name && *port_name)
        put(m, arena_printf(a, "%s_SERVICE_PORT_%s", name, env_name(a, port_name)), number);
    if (first) {
        put(m, arena_printf(a, "%s_SERVICE_PORT", name), number);
        put(m, arena_printf(a, "%s_PORT", name), url);
    }
    put(m, prefix, url);
    put(m, arena_printf(a, "%s_PROTO", prefix), lower);
    put(m, arena_printf(a, "%s_PORT", prefix), number);
    put(m, arena_printf(a, "%s_ADDR", prefix), s->ip);
}

static bool is_wanted(const struct service *s, const char *ns, bool links)
{
    bool master = strcmp(s->ns, "default") == 0 && strcmp(s->name, "kubernetes") == 0;
    return master || (links && strcmp(s->ns, ns) == 0);
}

void services_env(const struct services *s, struct arena *a, const char *ns, bool links, struct str_map *ret)
{
    size_t room = 0;
    for (const struct service *x = s->first; x; x = x->next)
        if (is_wanted(x, ns, links))
            room += PAIRS_PER_SERVICE + (x->ports ? x->ports->n * (PAIRS_PER_PORT + 2) : 0);
    *ret = (struct str_map){.v = arena_array(a, room + 1, sizeof(*ret->v))};
    for (const struct service *x = s->first; x; x = x->next) {
        if (!is_wanted(x, ns, links))
            continue;
        const char *name = env_name(a, x->name);
        bool first = true;
        put(ret, arena_printf(a, "%s_SERVICE_HOST", name), x->ip);
        json_each_item (p, x->ports) {
            port_env(a, x, name, p, first, ret);
            first = false;
        }
    }
}
