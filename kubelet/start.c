/*
 * Starting one container: image -> config.json -> the shim. Entered by the planner's ACTION_START; leaves the
 * instance RUNNING (after postStart), EXITED with StartError, or NEW with a reason to wait and a time to
 * retry.
 */
#include "kubelet/container_spec.h"
#include "kubelet/events.h"
#include "kubelet/hooks.h"
#include "kubelet/images.h"
#include "kubelet/probes.h"
#include "kubelet/pull_secrets.h"
#include "kubelet/sandbox.h"
#include "kubelet/termination.h"
#include "lib/api/image.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/tls.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START_CONFIG_MAX = 4 << 20, START_BACKOFF_SHOWN_MS = 1000, START_HOOK_MS = 24 * 3600 * 1000 };

static void retry(struct instance *i, const char *reason, const char *message, int64_t delay)
{
    i->state = INSTANCE_NEW;
    if (i->attempted)
        i->state = INSTANCE_EXITED; /* its last end is still what is known of it */
    instance_wait(i, reason, message);
    i->retry_at = clock_mono_ms() + delay;
    worker_kick(i->worker);
}

/* --- the image */

static void image_failed(struct instance *i, enum image_outcome outcome, const char *message)
{
    static const char *const reasons[] = {[IMAGE_BAD_NAME] = "InvalidImageName",
        [IMAGE_NEVER] = "ErrImageNeverPull",
        [IMAGE_PULL_FAILED] = "ErrImagePull",
        [IMAGE_INSPECT_FAILED] = "ImageInspectError"};
    const char *reason = reasons[outcome];
    if (outcome == IMAGE_PULL_FAILED)
        events_instance(
            i, EVENT_WARNING, "Failed", "Failed to pull image \"%s\": %s", i->spec->image, message);
    else
        events_instance(i, EVENT_WARNING, outcome == IMAGE_NEVER ? "ErrImageNeverPull" : "InspectFailed",
            "%s", message ? message : "");
    events_instance(i, EVENT_WARNING, "Failed", "Error: %s", reason);
    int64_t delay = backoff_next(&i->pull, &backoff_pull, 0);
    i->pull_retry_at = clock_mono_ms() + delay;
    /* First the error is shown, then that it backs off. */
    retry(i, reason, message, outcome == IMAGE_PULL_FAILED ? START_BACKOFF_SHOWN_MS : delay);
}

static void pulling(void *arg)
{
    struct instance *i = arg;
    events_instance(i, EVENT_NORMAL, "Pulling", "Pulling image \"%s\"", i->spec->image);
}

static void create(struct instance *i);

static void image_done(
    void *arg, enum image_outcome outcome, struct held_image *image, int64_t millis, const char *message)
{
    struct instance *i = arg;
    i->image_wait = NULL;
    images_release(i->image);
    i->image = image;
    if (!image) {
        image_failed(i, outcome, message);
        return;
    }
    if (outcome == IMAGE_PULLED)
        events_instance(i, EVENT_NORMAL, "Pulled",
            "Successfully pulled image \"%s\" in %lld.%03llds (%lld.%03llds including waiting). Image size: "
            "%lld "
            "bytes.",
            i->spec->image, (long long)millis / 1000, (long long)millis % 1000, (long long)millis / 1000,
            (long long)millis % 1000, (long long)opt_int_or(image->image.size, 0));
    else
        events_instance(i, EVENT_NORMAL, "Pulled",
            "Container image \"%s\" already present on machine and can be accessed by the pod",
            i->spec->image);
    backoff_reset(&i->pull);
    create(i);
}

/* Still backing off from a failed pull: says so, once per wait. */
static bool backs_off(struct instance *i)
{
    int64_t now = clock_mono_ms();
    if (i->pull_retry_at <= now)
        return false;
    auto_free char *why = i->waiting && strcmp(i->waiting, "ErrImagePull") == 0
                              ? mem_printf("Back-off pulling image \"%s\": ErrImagePull: %s", i->spec->image,
                                    i->waiting_message ? i->waiting_message : "")
                              : NULL;
    if (!why)
        return false;
    events_instance(i, EVENT_NORMAL, "BackOff", "Back-off pulling image \"%s\"", i->spec->image);
    events_instance(i, EVENT_WARNING, "Failed", "Error: ImagePullBackOff");
    retry(i, "ImagePullBackOff", why, i->pull_retry_at - now);
    return true;
}

void start_instance(struct instance *i)
{
    const char *asked = i->spec->image ? i->spec->image : "";
    bool other = !i->image_asked || strcmp(i->image_asked, asked) != 0;
    if (other) {
        backoff_reset(&i->pull);
        i->pull_retry_at = 0;
        free(i->image_asked);
        i->image_asked = mem_strdup(asked);
    }
    if (backs_off(i))
        return;
    auto_free char *auth = pull_secrets_file(i->worker);
    struct image_want want = {.ref = asked,
        .policy = i->spec->image_pull_policy,
        .auth_file = auth,
        .pulling = pulling,
        .done = image_done,
        .arg = i};
    i->state = INSTANCE_FETCHING;
    struct image_wait *wait = images_want(i->worker->kubelet->images, &want);
    if (wait)
        i->image_wait = wait;
    worker_kick(i->worker); /* the next one may have its turn */
}

/* --- the container */

static void new_cid(struct instance *i)
{
    unsigned char random[32];
    tls_random(random, sizeof(random));
    for (size_t n = 0; n < sizeof(random); n++)
        snprintf(i->cid + 2 * n, 3, "%02x", random[n]);
}

static void set_string(char **p, const char *s)
{
    char *copy = mem_strdup(s);
    free(*p);
    *p = copy;
}

static void note_image(struct instance *i)
{
    const struct image *m = &i->image->image;
    set_string(&i->image_id, m->id);
    set_string(&i->stop_signal, m->config ? m->config->stop_signal : NULL);
    set_string(&i->image_name, i->image->ref);
    set_string(&i->image_digest, m->digests.n ? m->digests.v[0] : m->id);
}

static void note_user(struct instance *i, const struct account_user *u)
{
    free(i->user.groups);
    i->user = (struct instance_user){.set = true, .uid = u->uid, .gid = u->gid, .n = u->groups.n};
    i->user.groups = mem_array(u->groups.n + 1, sizeof(int64_t));
    if (u->groups.n)
        memcpy(i->user.groups, u->groups.v, u->groups.n * sizeof(int64_t));
}

static void hook_done(void *arg, const char *message)
{
    struct instance *i = arg;
    i->hook = NULL;
    if (i->state != INSTANCE_HOOK)
        return;
    i->state = INSTANCE_RUNNING;
    if (message) {
        const struct pod_spec *s = i->worker->desired->pod->spec;
        log_warn(i->worker->keys, "container=%s postStart: %s", i->name, message);
        events_instance(i, EVENT_WARNING, "FailedPostStartHook", "PostStartHook failed");
        stop_instance(i, 1000 * opt_int_or(s->termination_grace_period_seconds, 30), "FailedPostStartHook");
    } else {
        instance_wait(i, NULL, NULL);
        probes_begin(i);
    }
    worker_kick(i->worker);
}

static void started(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct instance *i = arg;
    const struct lifecycle *l = i->spec->lifecycle;
    const char *at = json_str(json_get(results, "startedAt"));
    (void)fds, (void)n;
    container_spec_close(i->fds);
    i->start_call = NULL;
    if (error) {
        events_instance(i, EVENT_WARNING, "Failed", "Error: %s", err_message(error));
        instance_start_failed(i, err_message(error));
        return;
    }
    events_instance(i, EVENT_NORMAL, "Started", "Container started");
    if (i->state != INSTANCE_STARTING)
        return; /* it has ended already: the event came first */
    if (!at || !clock_parse(at, &i->started_ns))
        i->started_ns = clock_now_ns();
    i->state = INSTANCE_RUNNING;
    if (l && l->post_start) {
        i->state = INSTANCE_HOOK;
        i->hook = hook_run(i, l->post_start, START_HOOK_MS, hook_done, i);
    } else {
        instance_wait(i, NULL, NULL);
        probes_begin(i);
    }
    worker_kick(i->worker);
}

/* The bundle, and the log's folder. */
static struct err *write_bundle(struct instance *i, const struct oci_config *config, const char *bundle)
{
    auto_buf b = BUF_INIT(START_CONFIG_MAX);
    struct json_out o = {.buf = &b};
    auto_free char *path = mem_printf("%s/config.json", bundle), *log = termination_log_path(i, i->restarts);
    auto_free char *log_dir = mem_strndup(log, (size_t)(strrchr(log, '/') - log));
    TRY(file_mkdirs(AT_FDCWD, bundle, 0700, NULL));
    TRY(file_mkdirs(AT_FDCWD, log_dir, 0755, NULL));
    fields_encode(&oci_config_fields, config, &o, NULL);
    TRY(buf_check(&b, "config.json"));
    if (i->restarts >= 2) { /* the last two attempts' logs are kept */
        auto_free char *old = termination_log_path(i, i->restarts - 2);
        unlink(old);
    }
    return file_write_atomic(AT_FDCWD, path, buf_str(&b), b.len, 0600, FILE_NO_FSYNC);
}

static void ask_shim(struct instance *i, const char *bundle, struct arena *a)
{
    struct kubelet *k = i->worker->kubelet;
    const struct image *m = &i->image->image;
    const char *storage =
        arena_printf(a, "%s/%s/containers/%s/%s.root", k->path.pods, i->worker->uid, i->name, i->cid);
    auto_free char *log = termination_log_path(i, i->restarts);
    struct shim_mount root = {.type = "overlay",
        .upper = arena_printf(a, "%s/upper", storage),
        .work = arena_printf(a, "%s/work", storage)};
    root.lower.v = arena_array(a, m->layers.n + 1, sizeof(*root.lower.v));
    for (size_t n = m->layers.n; n-- > 0;)
        root.lower.v[root.lower.n++] = m->layers.v[n];
    struct shim_start s = {.id = i->cid,
        .name = i->name,
        .attempt = {true, i->restarts},
        .bundle = bundle,
        .rootfs = &root,
        .log = log,
        .terminal = {true, opt_bool_or(i->spec->tty, false)},
        .stdin_open = {true, opt_bool_or(i->spec->stdin_, false)},
        .stdin_once = {true, opt_bool_or(i->spec->stdin_once, false)}};
    i->start_call = shim_start(sandbox_shim(i->worker), &s, started, i);
}

static struct err *prepare(struct instance *i, struct arena *a, const char *bundle, bool *ret_create)
{
    struct kubelet *k = i->worker->kubelet;
    struct container_spec spec;
    TRY(container_spec_build(i, i->image, a, &spec, ret_create));
    *ret_create = true;
    note_user(i, &spec.user);
    struct err *e = image_pin(k->path.image_root, i->cid, i->image->image.id);
    if (!e)
        e = write_bundle(i, &spec.config, bundle);
    if (e) {
        container_spec_close(&spec);
        return e;
    }
    if (!i->fds)
        i->fds = mem_new(struct container_spec);
    *i->fds = spec;
    return NULL;
}

/* The attempt begins here: from now on it counts. */
static void next_attempt(struct instance *i)
{
    if (i->attempted) {
        i->restarts++;
        instance_end_done(&i->last);
        i->last = i->end;
        i->end = (struct instance_end){0};
    }
    i->attempted = true;
}

static void create(struct instance *i)
{
    struct worker *w = i->worker;
    auto_arena *a = arena_new();
    char old_cid[sizeof(i->cid)];
    bool is_create = false, was = i->attempted;
    int64_t restarts = i->restarts;
    if (!sandbox_shim(w)) { /* it went while the image came */
        retry(i, NULL, NULL, 0);
        return;
    }
    memcpy(old_cid, i->cid, sizeof(old_cid));
    new_cid(i);
    i->restarts += was;
    const char *bundle = arena_printf(a, "%s/%s/containers/%s", w->kubelet->path.run_pods, w->uid, i->cid);
    auto_err *e = prepare(i, a, bundle, &is_create);
    i->restarts = restarts;
    if (e) {
        err_free(image_unpin(w->kubelet->path.image_root, i->cid));
        memcpy(i->cid, old_cid, sizeof(old_cid));
        events_instance(i, EVENT_WARNING, "Failed", "Error: %s", err_message(e));
        int64_t delay = backoff_next(&i->setup, &backoff_config, 0);
        retry(i, is_create ? "CreateContainerError" : "CreateContainerConfigError", err_message(e), delay);
        return;
    }
    backoff_reset(&i->setup);
    if (i->delete_pending) /* it was to be started again at once */
        memcpy(i->spent, old_cid, sizeof(old_cid));
    i->delete_pending = false;
    next_attempt(i);
    note_image(i);
    instance_wait(i, NULL, NULL);
    i->retry_at = 0;
    i->state = INSTANCE_STARTING;
    i->started_ns = clock_now_ns();
    events_instance(i, EVENT_NORMAL, "Created", "Container created");
    ask_shim(i, bundle, a);
    images_release(i->image);
    i->image = NULL;
}
