/* The folder of manifests, see manifests.h. */
#include "kubelet/manifests.h"
#include "kubelet/mirror.h"
#include "kubelet/pods.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/tls.h"
#include "lib/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { MANIFEST_MAX = 3 << 20, MANIFEST_SETTLE_MS = 20 };

struct manifests {
    struct kubelet *kubelet;
    int inotify;
    struct watch *watch;
    struct timer *settle; /* an editor writes a file in several steps */
};

/* --- one document */

/* A name-based-looking uid out of a hash: 8-4-4-4-12 hex digits. */
static void uid_of(const char *hex, char uid[37])
{
    snprintf(uid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static bool is_pod(const struct json *doc)
{
    const char *kind = json_str(json_get(doc, "kind"));
    return kind && strcmp(kind, "Pod") == 0;
}

static const struct json *with_meta(
    struct arena *a, const struct json *doc, const char *value, const char *group, const char *name)
{
    return group ? json_with_at(a, doc, json_new_str(a, value), "metadata", group, name, NULL)
                 : json_with_at(a, doc, json_new_str(a, value), "metadata", name, NULL);
}

/* No taint of its node drives a static Pod away, and its mirror says so. */
static const struct json *with_toleration(struct arena *a, const struct json *doc)
{
    const struct json *all = NULL;
    all = json_with(a, all, "operator", json_new_str(a, "Exists"));
    all = json_with(a, all, "effect", json_new_str(a, "NoExecute"));
    all = json_append(a, json_at(doc, "spec", "tolerations", NULL), all);
    return json_with_at(a, doc, all, "spec", "tolerations", NULL);
}

/* The manifest as a Pod of this node: namespace, uid, annotations; with a master the node's name is added to
 * its own, since other nodes may have the same manifest. */
static const struct json *complete(
    struct kubelet *k, struct arena *a, const struct json *doc, const char *hash)
{
    char uid[37], now[CLOCK_TEXT];
    const char *name = json_str(json_at(doc, "metadata", "name", NULL));
    const char *restart = json_str(json_at(doc, "spec", "restartPolicy", NULL));
    uid_of(hash, uid);
    clock_rfc3339_nano(clock_now_ns(), now);
    if (!json_str(json_at(doc, "metadata", "namespace", NULL)))
        doc = with_meta(a, doc, "default", NULL, "namespace");
    if (name && k->kube)
        doc = with_meta(a, doc, arena_printf(a, "%s-%s", name, k->o.node_name), NULL, "name");
    doc = with_meta(a, doc, uid, NULL, "uid");
    doc = with_meta(a, doc, hash, "annotations", POD_ANNOTATION_HASH);
    doc = with_meta(a, doc, "file", "annotations", POD_ANNOTATION_SOURCE);
    doc = with_meta(a, doc, now, "annotations", POD_ANNOTATION_SEEN);
    doc = json_with(a, doc, "status", NULL);
    if (!restart)
        doc = json_with_at(a, doc, json_new_str(a, "Always"), "spec", "restartPolicy", NULL);
    doc = with_toleration(a, doc);
    return json_with_at(a, doc, json_new_str(a, k->o.node_name), "spec", "nodeName", NULL);
}

/* Of file and document: the same Pod twice in a folder stays two. */
static void hash_of(const char *file, size_t index, const struct json *doc, const char *node, char hex[65])
{
    auto_buf b = BUF_INIT(2 * MANIFEST_MAX);
    buf_addf(&b, "%s\n%zu\n%s\n", file, index, node);
    json_write(&b, doc, 0);
    sha256_hex(buf_str(&b), b.len, hex);
    hex[32] = '\0';
}

static struct err *apply(struct kubelet *k, const char *file, size_t index, const struct json *doc)
{
    auto_arena *a = arena_new();
    struct err *e = NULL;
    char hex[65], uid[37];
    if (!is_pod(doc))
        return err_new(ERR_INVALID, "kind: only Pod is understood here");
    hash_of(file, index, doc, k->o.node_name, hex);
    uid_of(hex, uid);
    struct worker *w = pods_by_uid(k, uid);
    if (w) {
        w->unseen = false;
        return NULL;
    }
    struct desired *d = desired_new(complete(k, a, doc, hex), &e);
    if (!d)
        return e;
    pods_apply(k, WORKER_MANIFEST, d);
    return NULL;
}

/* --- the folder */

static int is_manifest(const struct dirent *d)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    const char *dot = strrchr(d->d_name, '.');
    for (size_t i = 0; dot && d->d_name[0] != '.' && i < ARRAY_SIZE(endings); i++)
        if (strcmp(dot, endings[i]) == 0)
            return 1;
    return 0;
}

static void read_one(struct kubelet *k, int dirfd, const char *name)
{
    auto_arena *a = arena_new();
    auto_free char *text = NULL;
    const struct json *docs = NULL;
    size_t n, index = 0;
    struct err *e = file_read(dirfd, name, MANIFEST_MAX, &text, &n);
    if (!e)
        e = yaml_parse(a, text, n, NULL, &docs);
    if (e) {
        if (err_kind(e) == ERR_NOT_FOUND)
            err_free(e);
        else
            log_err(LOG_ERROR, "", err_wrap(e, "%s/%s", k->path.manifests, name));
        return;
    }
    json_each_item (doc, docs) {
        e = apply(k, name, index, doc);
        log_err(LOG_ERROR, "", err_wrap(e, "%s/%s: document %zu", k->path.manifests, name, index));
        index++;
    }
}

static void read_all(void *arg)
{
    struct manifests *m = arg;
    struct kubelet *k = m->kubelet;
    struct dirent **names = NULL;
    auto_close dirfd = open(k->path.manifests, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pods_list_begin(k, WORKER_MANIFEST);
    int n = dirfd < 0 ? -1 : scandir(k->path.manifests, &names, is_manifest, alphasort);
    for (int i = 0; i < n; i++) {
        read_one(k, dirfd, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    pods_list_end(k, WORKER_MANIFEST);
    for (struct worker *w = pods_first(k); w; w = w->next)
        if (w->source == WORKER_MANIFEST && !w->leaving)
            mirror_ensure(w);
}

static void changed(void *arg, int events)
{
    struct manifests *m = arg;
    char text[4096];
    (void)events;
    while (read(m->inotify, text, sizeof(text)) > 0)
        timer_start(m->settle, MANIFEST_SETTLE_MS);
}

struct manifests *manifests_new(struct kubelet *k)
{
    struct manifests *m = mem_new(struct manifests);
    m->kubelet = k;
    m->settle = timer_new(k->loop, read_all, m);
    m->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return m;
}

void manifests_start(struct kubelet *k)
{
    struct manifests *m = k->manifests;
    if (m->inotify < 0 || inotify_add_watch(m->inotify, k->path.manifests,
                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0) {
        log_error("", "watching %s: %s", k->path.manifests, strerror(errno));
    } else {
        m->watch = watch_new(k->loop, m->inotify, changed, m);
        watch_set(m->watch, UV_READABLE);
    }
    read_all(m);
}

void manifests_free(struct manifests *m)
{
    if (!m)
        return;
    watch_free(m->watch);
    timer_free(m->settle);
    if (m->inotify >= 0)
        close(m->inotify);
    free(m);
}
