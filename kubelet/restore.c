/* Taking over, see restore.h. */
#include "kubelet/restore.h"
#include "kubelet/cgroups.h"
#include "kubelet/cni.h"
#include "kubelet/pods.h"
#include "kubelet/probes.h"
#include "kubelet/sandbox.h"
#include "kubelet/status.h"
#include "kubelet/trash.h"
#include "lib/api/image.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESTORE_MAX = 4 << 20 };

/* --- one Pod */

static struct err *read_pod(
    struct kubelet *k, const char *uid, enum worker_source *ret_source, struct desired **ret)
{
    auto_free char *path = mem_printf("%s/%s/pod.json", k->path.run_pods, uid), *text = NULL;
    auto_arena *a = arena_new();
    const struct json *j;
    struct err *e = NULL;
    size_t n;
    TRY(file_read(AT_FDCWD, path, RESTORE_MAX, &text, &n));
    TRY_WRAP(json_parse(a, text, n, NULL, &j), "%s", path);
    const char *source = json_str(json_get(j, "source"));
    const struct json *pod = json_get(j, "pod");
    if (!source || !pod)
        return err_new(ERR_INVALID, "%s: source and pod: required", path);
    *ret_source = strcmp(source, "api") == 0 ? WORKER_API : WORKER_MANIFEST;
    *ret = desired_new(pod, &e);
    return err_wrap(e, "%s", path);
}

static void read_status(struct kubelet *k, struct worker *w)
{
    auto_free char *path = mem_printf("%s/%s/status.json", k->path.run_pods, w->uid), *text = NULL;
    auto_arena *a = arena_new();
    struct pod_status s;
    size_t n;
    struct err *e = file_read(AT_FDCWD, path, RESTORE_MAX, &text, &n);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return;
    }
    if (!e)
        e = fields_parse(&pod_status_fields, a, text, n, &s);
    if (e) {
        log_err(LOG_WARN, w->keys, err_wrap(e, "%s", path));
        return;
    }
    status_restore(w, &s);
    w->status_arena = arena_new();
    w->status = arena_new_obj(w->status_arena, struct pod_status);
    err_free(fields_parse(&pod_status_fields, w->status_arena, text, n, w->status));
    if (s.pod_ip)
        w->pod_ip = mem_strdup(s.pod_ip);
    if (s.reason) {
        w->stop_reason = mem_strdup(s.reason);
        w->stop_message = mem_strdup(s.message);
        w->rejected = s.container_statuses.n == 0;
        w->stopping = true;
    }
    bool over = s.phase && (strcmp(s.phase, "Succeeded") == 0 || strcmp(s.phase, "Failed") == 0);
    w->ended = over;
}

/* One container as the shim has it. What ran before us and has ended since is an ordinary end. */
static void take_over(struct worker *w, const struct shim_container *c)
{
    struct instance *i = c->id && c->name ? worker_instance(w, c->name) : NULL;
    int64_t at = 0;
    if (!i || strlen(c->id) >= sizeof(i->cid))
        return;
    bool known = strcmp(i->cid, c->id) == 0;
    int64_t attempt = opt_int_or(c->attempt, 0);
    if (!known && i->cid[0] && i->attempted && attempt <= i->restarts) {
        memcpy(i->spent, c->id, strlen(c->id) + 1); /* an older attempt, still to be forgotten */
        return;
    }
    if (!known) { /* it was started, and the kubelet ended before it could note so */
        if (i->end.set) {
            instance_end_done(&i->last);
            i->last = i->end;
            i->end = (struct instance_end){0};
        }
        memcpy(i->cid, c->id, strlen(c->id) + 1);
        i->restarts = attempt;
        i->attempted = true;
        free(i->image_asked);
        i->image_asked = mem_strdup(i->spec->image);
    }
    if (c->started_at && clock_parse(c->started_at, &at))
        i->started_ns = at;
    if (c->status && strcmp(c->status, "exited") == 0) {
        if (known && i->state == INSTANCE_EXITED) {
            i->delete_pending = true;
            return;
        }
        at = 0;
        if (!c->finished_at || !clock_parse(c->finished_at, &at))
            at = clock_now_ns();
        instance_exited(i, (int)opt_int_or(c->exit_code, 0), (int)opt_int_or(c->signal, 0),
            opt_bool_or(c->oom_killed, false), at);
        return;
    }
    i->state = INSTANCE_RUNNING;
    probes_resume(i);
}

static void adopted(struct worker *w, const struct shim_state *state, struct arena *a)
{
    bool *found = arena_array(a, w->n_instances + 1, sizeof(*found));
    w->adopting = false;
    for (size_t s = 0; state && s < state->containers.n; s++) {
        take_over(w, &state->containers.v[s]);
        for (size_t i = 0; i < w->n_instances; i++)
            found[i] |=
                state->containers.v[s].id && strcmp(w->instances[i]->cid, state->containers.v[s].id) == 0;
    }
    for (size_t i = 0; i < w->n_instances; i++) {
        struct instance *x = w->instances[i];
        if (!found[i] && plan_is_live(x->state))
            instance_lost(x);
    }
    w->volumes_ready = state != NULL;
    if (state)
        log_info(w->keys, "taken over");
    worker_begin(w);
}

static void restore_one(struct kubelet *k, const char *uid)
{
    struct desired *d = NULL;
    enum worker_source source = WORKER_API;
    struct err *e = read_pod(k, uid, &source, &d);
    if (e) {
        log_err(
            LOG_WARN, "", e); /* an unfinished record: the sweep removes it, or its source names it again */
        return;
    }
    struct worker *w = worker_new(k, source, d);
    w->restored = w->attempted_before = true;
    w->unseen = source == WORKER_API;
    read_status(k, w);
    const struct object_meta *m = d->pod->metadata;
    if (m->deletion_timestamp)
        worker_leave(w, 1000 * opt_int_or(m->deletion_grace_period_seconds, 0), false);
    auto_free char *json = mem_printf("%s/%s/sandbox.json", k->path.run_pods, uid);
    if (!file_exists(AT_FDCWD, json)) { /* there was no sandbox, or it was cleared: an end is an end */
        w->terminal = w->ended;
        for (size_t i = 0; i < w->n_instances; i++)
            if (plan_is_live(w->instances[i]->state))
                instance_lost(w->instances[i]);
        worker_begin(w);
        return;
    }
    w->adopting = true;
    sandbox_adopt(w, adopted);
}

static void each_name(const char *dir, void (*fn)(struct kubelet *k, const char *name), struct kubelet *k)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.')
            fn(k, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

void restore_all(struct kubelet *k)
{
    each_name(k->path.run_pods, restore_one, k);
}

/* --- the sweep */

static void sweep_state(struct kubelet *k, const char *uid)
{
    struct worker *w = pods_by_uid(k, uid);
    if (w && !(w->cleared && w->terminal))
        return;
    auto_free char *path = mem_printf("%s/%s", k->path.pods, uid);
    trash_put(k->trash, path);
}

static void sweep_run(struct kubelet *k, const char *uid)
{
    if (pods_by_uid(k, uid))
        return;
    auto_free char *path = mem_printf("%s/%s", k->path.run_pods, uid);
    log_err(LOG_WARN, "", file_remove_tree(AT_FDCWD, path));
}

static void sweep_logs(struct kubelet *k, const char *name)
{
    const char *uid = strrchr(name, '_');
    if (!uid || pods_by_uid(k, uid + 1))
        return;
    auto_free char *path = mem_printf("%s/%s", k->path.logs, name);
    trash_put(k->trash, path);
}

static void sweep_pin(struct kubelet *k, const char *cid)
{
    for (struct worker *w = pods_first(k); w; w = w->next)
        if (worker_instance_by_cid(w, cid))
            return;
    log_err(LOG_WARN, "", image_unpin(k->path.image_root, cid));
}

static void del_done(void *arg, const struct err *error, const char *ip)
{
    (void)arg, (void)ip;
    if (error)
        log_warn("", "CNI DEL of a Pod that is gone: %s", err_message(error));
}

static void sweep_network(void *arg, const char *uid)
{
    struct kubelet *k = arg;
    struct worker *w = pods_by_uid(k, uid);
    if (!w || (w->sandbox == SANDBOX_NONE && w->terminal))
        cni_del(k, uid, 0, del_done, NULL);
}

void restore_sweep(struct kubelet *k)
{
    auto_free char *pins = mem_printf("%s/pins", k->path.image_root);
    cgroups_clear_orphans(k);
    each_name(k->path.run_pods, sweep_run, k);
    each_name(k->path.pods, sweep_state, k);
    each_name(k->path.logs, sweep_logs, k);
    each_name(pins, sweep_pin, k);
    cni_each_kept(k, sweep_network, k);
}
