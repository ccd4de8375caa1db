/* Mirror Pods, see mirror.h. */
#include "kubelet/mirror.h"
#include "kubelet/node_agent.h"
#include "kubelet/pods.h"
#include "kubelet/report.h"
#include "lib/api/kube.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <stdlib.h>
#include <string.h>

enum { MIRROR_MAX = 3 << 20 };

static const char *hash_of(const struct worker *w)
{
    const char *h = meta_annotation(w->desired->pod->metadata, POD_ANNOTATION_HASH);
    return h ? h : w->uid;
}

static void deleted(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    (void)arg, (void)status, (void)body;
    if (error && err_kind(error) != ERR_NOT_FOUND)
        log_warn("", "deleting a mirror Pod: %s", err_message(error));
}

static void mirror_delete(struct kubelet *k, const char *ns, const char *name, const char *uid)
{
    auto_free char *path = mem_printf("/api/v1/namespaces/%s/pods/%s", ns, name);
    auto_free char *body =
        uid ? mem_printf("{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"%s\"}}", uid)
            : mem_strdup("{\"gracePeriodSeconds\":0}");
    if (k->kube)
        kube_request(k->kube, "DELETE", path, NULL, body, strlen(body), deleted, NULL);
}

static void made(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct worker *w = arg;
    const char *uid = json_str(json_at(body, "metadata", "uid", NULL));
    (void)status;
    w->mirror_call = NULL;
    if (error) { /* the watch shows what is there; a conflict is an older one that goes */
        if (err_kind(error) != ERR_EXISTS)
            log_warn(w->keys, "mirror Pod: %s", err_message(error));
        return;
    }
    if (!uid || w->mirror_uid)
        return;
    w->mirror_uid = mem_strdup(uid);
    free(take_ptr(w->sent_text));
    worker_kick(w);
}

/* A static Pod that names objects of the API has no mirror: it is to run without them. */
static const struct json *mirror_object(struct arena *a, const struct worker *w)
{
    const struct kubelet *k = w->kubelet;
    const struct node *n = node_agent_node(k);
    const struct json *j = w->desired->json;
    j = json_with_at(a, j, NULL, "metadata", "uid", NULL);
    j = json_with(a, j, "status", NULL);
    j = json_with_at(
        a, j, json_new_str(a, hash_of(w)), "metadata", "annotations", POD_ANNOTATION_MIRROR, NULL);
    if (!n || !n->metadata || !n->metadata->uid)
        return j;
    const struct json *owner = NULL, *owners = NULL;
    owner = json_with(a, owner, "apiVersion", json_new_str(a, "v1"));
    owner = json_with(a, owner, "kind", json_new_str(a, "Node"));
    owner = json_with(a, owner, "name", json_new_str(a, k->o.node_name));
    owner = json_with(a, owner, "uid", json_new_str(a, n->metadata->uid));
    owner = json_with(a, owner, "controller", json_new_bool(a, true));
    owners = json_append(a, owners, owner);
    return json_with_at(a, j, owners, "metadata", "ownerReferences", NULL);
}

void mirror_ensure(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    if (!k->kube || w->mirror_uid || w->mirror_call || w->leaving || w->source != WORKER_MANIFEST || w->uses)
        return;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(MIRROR_MAX);
    auto_free char *path = mem_printf("/api/v1/namespaces/%s/pods", w->ns);
    json_write(&b, mirror_object(a, w), 0);
    w->mirror_call = kube_request(k->kube, "POST", path, NULL, buf_str(&b), b.len, made, w);
}

static struct worker *static_pod(struct kubelet *k, const struct json *object, const char **ret_uid)
{
    const char *ns = json_str(json_at(object, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(object, "metadata", "name", NULL));
    *ret_uid = json_str(json_at(object, "metadata", "uid", NULL));
    if (!ns || !name || !*ret_uid)
        return NULL;
    for (struct worker *w = pods_first(k); w; w = w->next)
        if (w->source == WORKER_MANIFEST && !w->leaving && strcmp(w->ns, ns) == 0 &&
            strcmp(w->name, name) == 0)
            return w;
    if (pods_are_synced(k)) /* its manifest is gone */
        mirror_delete(k, ns, name, *ret_uid);
    return NULL;
}

void mirror_seen(struct kubelet *k, const struct json *object)
{
    const char *uid;
    const char *hash = json_str(json_at(object, "metadata", "annotations", POD_ANNOTATION_MIRROR, NULL));
    struct worker *w = static_pod(k, object, &uid);
    if (!w)
        return;
    bool leaving = json_at(object, "metadata", "deletionTimestamp", NULL) != NULL;
    if (!hash || strcmp(hash, hash_of(w)) != 0 || leaving) {
        mirror_delete(k, w->ns, w->name, uid);
        return;
    }
    if (w->mirror_uid && strcmp(w->mirror_uid, uid) == 0)
        return;
    free(w->mirror_uid);
    w->mirror_uid = mem_strdup(uid);
    free(take_ptr(w->sent_text));
    worker_kick(w);
}

void mirror_lost(struct kubelet *k, const struct json *object)
{
    const char *uid = json_str(json_at(object, "metadata", "uid", NULL));
    for (struct worker *w = pods_first(k); w && uid; w = w->next)
        if (w->source == WORKER_MANIFEST && !w->leaving &&
            (!w->mirror_uid || strcmp(w->mirror_uid, uid) == 0)) {
            free(take_ptr(w->mirror_uid));
            mirror_ensure(w);
        }
}

void mirror_gone(struct kubelet *k, const char *ns, const char *name)
{
    mirror_delete(k, ns, name, NULL);
}
