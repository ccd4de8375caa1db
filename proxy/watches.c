/* See watches.h. */
#include "proxy/watches.h"
#include "lib/mem.h"
#include <stdlib.h>

static const struct {
    const char *what, *path;
} sources[MODEL_KINDS] = {
    [MODEL_SERVICES] = {"services", "/api/v1/services"},
    [MODEL_SLICES] = {"endpointslices", "/apis/discovery.k8s.io/v1/endpointslices"},
    [MODEL_NODES] = {"nodes", "/api/v1/nodes"},
};

struct source {
    struct watches *of;
    enum model_kind kind;
    struct kube_watch *watch;
    bool synced;
};
struct watches {
    struct model *model;
    const struct watches_events *ev;
    void *arg;
    struct source sources[MODEL_KINDS];
};

static void relisted(void *arg)
{
    struct source *s = arg;
    model_relist(s->of->model, s->kind);
}

static void failed(void *arg, const struct err *e)
{
    struct source *s = arg;
    s->of->ev->failed(s->of->arg, sources[s->kind].what, e);
}

static void changed(void *arg, const struct json *object)
{
    struct source *s = arg;
    auto_err *e = model_set(s->of->model, s->kind, object);
    if (e)
        failed(arg, e);
}

static void deleted(void *arg, const struct json *object)
{
    struct source *s = arg;
    model_delete(s->of->model, s->kind, object);
}

static void synced(void *arg)
{
    struct source *s = arg;
    struct watches *w = s->of;
    bool all = true, before = true;
    for (size_t i = 0; i < MODEL_KINDS; i++) {
        before &= w->sources[i].synced;
        all &= w->sources[i].synced || &w->sources[i] == s;
    }
    s->synced = true;
    model_synced(w->model, s->kind);
    if (all && !before)
        w->ev->synced(w->arg);
}

struct watches *watches_new(struct kube *k, struct model *m, const struct watches_events *ev, void *arg)
{
    static const struct kube_watch_events events = {relisted, changed, deleted, synced, failed};
    struct watches *w = mem_new(struct watches);
    *w = (struct watches){.model = m, .ev = ev, .arg = arg};
    for (size_t i = 0; i < MODEL_KINDS; i++) {
        w->sources[i].of = w;
        w->sources[i].kind = (enum model_kind)i;
        w->sources[i].watch = kube_watch(k, sources[i].path, &events, &w->sources[i]);
    }
    return w;
}

void watches_free(struct watches *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < MODEL_KINDS; i++)
        kube_watch_free(w->sources[i].watch);
    free(w);
}
