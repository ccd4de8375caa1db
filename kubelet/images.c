/* Images through wherry-images, see images.h. */
#include "kubelet/images.h"
#include "kubelet/limiter.h"
#include "lib/api/paths.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { IMAGES_KEPT = 256, IMAGES_INSPECT_MS = 30000, IMAGES_PULL_MS = 30 * 60000, IMAGES_LINE = 4 << 20 };

struct job { /* one run of wherry-images for one reference */
    struct job *next;
    struct images *images;
    char *ref, *auth_file;
    bool pulling, limited;
    struct ticket *ticket;
    struct spawn *spawn;
    struct image_wait *waits;
    int64_t since;
};
struct image_wait {
    struct image_wait *next;
    struct job *job;
    struct image_want want;
    char *ref, *policy;
};
struct images {
    struct kubelet *kubelet;
    struct held_image *kept[IMAGES_KEPT];
    size_t n_kept;
    struct job *jobs;
    int inotify;
    struct watch *watch;
    struct deferred *rewatch;
};

struct held_image *images_hold(struct held_image *i)
{
    i->holders++;
    return i;
}

void accounts_free(struct image_accounts *a);

void images_release(struct held_image *i)
{
    if (!i || --i->holders)
        return;
    accounts_free(i->accounts);
    arena_free(i->arena);
    free(i->ref);
    free(i);
}

void images_changed(struct images *s)
{
    while (s->n_kept)
        images_release(s->kept[--s->n_kept]);
}

/* --- the store's index changed: what was inspected may be another image now --- */

static void store_changed(void *arg, int events)
{
    struct images *s = arg;
    char text[4096] __attribute__((aligned(8)));
    bool index = false;
    (void)events;
    for (ssize_t n; (n = read(s->inotify, text, sizeof(text))) > 0;)
        for (char *p = text; p < text + n;) {
            const struct inotify_event *e = (const struct inotify_event *)p;
            index |= e->mask & IN_Q_OVERFLOW || (e->len && strcmp(e->name, "index.json") == 0);
            p += sizeof(*e) + e->len;
        }
    if (index)
        images_changed(s);
}

struct images *images_new(struct kubelet *k)
{
    struct images *s = mem_new(struct images);
    s->kubelet = k;
    s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->inotify < 0)
        return s;
    inotify_add_watch(s->inotify, k->path.image_root, IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE);
    s->watch = watch_new(k->loop, s->inotify, store_changed, s);
    watch_set(s->watch, UV_READABLE);
    return s;
}

static void job_free(struct job *j)
{
    spawn_cancel(j->spawn);
    limiter_end(j->ticket);
    free(j->ref);
    free(j->auth_file);
    free(j);
}

static void wait_free(struct image_wait *w)
{
    free(w->ref);
    free(w->policy);
    free(w);
}

void images_free(struct images *s)
{
    if (!s)
        return;
    while (s->jobs) {
        struct job *j = s->jobs;
        s->jobs = j->next;
        while (j->waits) {
            struct image_wait *w = j->waits;
            j->waits = w->next;
            wait_free(w);
        }
        job_free(j);
    }
    images_changed(s);
    watch_free(s->watch);
    if (s->inotify >= 0)
        close(s->inotify);
    free(s);
}

static struct held_image *kept_find(struct images *s, const char *ref)
{
    for (size_t i = 0; i < s->n_kept; i++)
        if (strcmp(s->kept[i]->ref, ref) == 0)
            return s->kept[i];
    return NULL;
}

static void keep(struct images *s, struct held_image *h)
{
    for (size_t i = 0; i < s->n_kept; i++)
        if (strcmp(s->kept[i]->ref, h->ref) == 0) {
            images_release(s->kept[i]);
            s->kept[i] = images_hold(h);
            return;
        }
    if (s->n_kept == IMAGES_KEPT)
        images_release(s->kept[--s->n_kept]);
    s->kept[s->n_kept++] = images_hold(h);
}

const char *images_policy(const char *ref, const char *policy)
{
    if (policy && *policy)
        return policy;
    const char *slash = strrchr(ref, '/'), *name = slash ? slash + 1 : ref, *tag = strchr(name, ':');
    if (strchr(ref, '@'))
        return "IfNotPresent";
    return !tag || strcmp(tag, ":latest") == 0 ? "Always" : "IfNotPresent";
}

/* --- what the program said --- */

struct said {
    struct held_image *image;
    bool not_found;
    char *error;
};

static void said_line(struct said *s, const char *line, size_t n)
{
    struct arena *a = arena_new();
    const struct json *j, *v;
    struct err *e = json_parse(a, line, n, NULL, &j);
    if (!e && (v = json_get(j, "image"))) {
        struct held_image *h = mem_new(struct held_image);
        *h = (struct held_image){.holders = 1, .arena = a};
        e = fields_decode(&image_fields, a, v, &h->image);
        if (!e) {
            images_release(s->image);
            s->image = h;
            return;
        }
        free(h);
    } else if (!e && (v = json_get(j, "error"))) {
        const char *kind = json_str(json_get(v, "kind")), *message = json_str(json_get(v, "message"));
        free(s->error);
        s->error = mem_strdup(message ? message : "unknown error");
        s->not_found = kind && strcmp(kind, err_kind_name(ERR_NOT_FOUND)) == 0;
    }
    err_free(e);
    arena_free(a);
}

static void said_read(struct said *s, const struct spawn_result *r)
{
    const char *p = buf_str(&r->out), *end = p + r->out.len;
    *s = (struct said){0};
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        if (n)
            said_line(s, p, n);
        p += n + 1;
    }
    struct err *e = spawn_result_err(r, "wherry-images");
    if (e && !s->error)
        s->error = mem_strdup(err_message(e));
    if (!e && !s->image && !s->error)
        s->error = mem_strdup("wherry-images named no image");
    err_free(e);
}

static void said_done(struct said *s)
{
    images_release(s->image);
    free(s->error);
}

/* --- jobs --- */

static void job_answer(
    struct job *j, enum image_outcome outcome, struct held_image *image, const char *message)
{
    struct images *s = j->images;
    int64_t millis = clock_mono_ms() - j->since;
    for (struct job **p = &s->jobs; *p; p = &(*p)->next)
        if (*p == j) {
            *p = j->next;
            break;
        }
    while (j->waits) {
        struct image_wait *w = j->waits;
        j->waits = w->next;
        bool ok = outcome == IMAGE_PRESENT || outcome == IMAGE_PULLED;
        w->want.done(w->want.arg, outcome, ok ? images_hold(image) : NULL, millis, message);
        wait_free(w);
    }
    job_free(j);
}

static void job_begin(struct job *j);

/* Not there: those who never pull are told so, the others make it a pull. */
static void job_absent(struct job *j)
{
    struct image_wait **p = &j->waits;
    struct image_wait *never = NULL;
    while (*p) {
        struct image_wait *w = *p;
        if (strcmp(w->policy, "Never") != 0) {
            p = &w->next;
            continue;
        }
        *p = w->next;
        w->next = never;
        never = w;
    }
    while (never) {
        struct image_wait *w = never;
        never = w->next;
        auto_free char *message =
            mem_printf("Container image \"%s\" is not present with pull policy of Never", w->want.ref);
        w->want.done(w->want.arg, IMAGE_NEVER, NULL, 0, message);
        wait_free(w);
    }
    if (!j->waits) {
        job_answer(j, IMAGE_NEVER, NULL, NULL);
        return;
    }
    j->pulling = true;
    job_begin(j);
}

static void job_done(void *arg, const struct spawn_result *r)
{
    struct job *j = arg;
    struct said s;
    j->spawn = NULL;
    limiter_end(j->ticket);
    j->ticket = NULL;
    said_read(&s, r);
    if (s.image && !s.error) {
        s.image->ref = mem_strdup(j->ref);
        keep(j->images, s.image);
        job_answer(j, j->pulling ? IMAGE_PULLED : IMAGE_PRESENT, s.image, NULL);
    } else if (!j->pulling && s.not_found) {
        job_absent(j);
    } else {
        job_answer(j, j->pulling ? IMAGE_PULL_FAILED : IMAGE_INSPECT_FAILED, NULL, s.error);
    }
    said_done(&s);
}

static void job_run(void *arg)
{
    struct job *j = arg;
    struct kubelet *k = j->images->kubelet;
    const char *argv[10], *const *envp = NULL;
    size_t n = 0;
    argv[n++] = k->path.images;
    argv[n++] = "--root";
    argv[n++] = k->path.image_root;
    argv[n++] = j->pulling ? "pull" : "inspect";
    if (j->pulling && j->auth_file) {
        argv[n++] = "--auth";
        argv[n++] = j->auth_file;
    }
    argv[n++] = j->ref;
    argv[n] = NULL;
    struct spawn_opts o = {.argv = argv,
        .envp = envp,
        .out_max = IMAGES_LINE,
        .err_max = 4096,
        .deadline_ms = j->pulling ? IMAGES_PULL_MS : IMAGES_INSPECT_MS};
    struct err *e = spawn_start(k->loop, &o, job_done, j, &j->spawn);
    if (e) {
        job_answer(j, j->pulling ? IMAGE_PULL_FAILED : IMAGE_INSPECT_FAILED, NULL, err_message(e));
        err_free(e);
    }
}

static void job_begin(struct job *j)
{
    j->since = clock_mono_ms();
    if (j->pulling)
        for (struct image_wait *w = j->waits; w; w = w->next)
            if (w->want.pulling)
                w->want.pulling(w->want.arg);
    j->ticket = limiter_begin(j->images->kubelet->spawns, job_run, j);
}

static struct image_wait *wait_new(const struct image_want *want, const char *policy)
{
    struct image_wait *w = mem_new(struct image_wait);
    *w = (struct image_wait){.want = *want, .ref = mem_strdup(want->ref), .policy = mem_strdup(policy)};
    w->want.ref = w->ref;
    w->want.auth_file = NULL;
    return w;
}

struct image_wait *images_want(struct images *s, const struct image_want *want)
{
    auto_arena *a = arena_new();
    const char *ref = NULL, *policy = images_policy(want->ref ? want->ref : "", want->policy);
    auto_err *e = image_ref_normalise(a, want->ref ? want->ref : "", &ref);
    if (e) {
        auto_free char *message =
            mem_printf("Failed to apply default image tag \"%s\": couldn't parse image name: %s",
                want->ref ? want->ref : "", err_message(e));
        want->done(want->arg, IMAGE_BAD_NAME, NULL, 0, message);
        return NULL;
    }
    bool always = strcmp(policy, "Always") == 0;
    struct held_image *h = always ? NULL : kept_find(s, ref);
    if (h) {
        want->done(want->arg, IMAGE_PRESENT, images_hold(h), 0, NULL);
        return NULL;
    }
    struct job *j = s->jobs;
    while (j && !(strcmp(j->ref, ref) == 0 && (!always || j->pulling)))
        j = j->next;
    struct image_wait *w = wait_new(want, policy);
    if (j) {
        w->job = j;
        w->next = j->waits;
        j->waits = w;
        if (j->pulling && w->want.pulling)
            w->want.pulling(w->want.arg);
        return w;
    }
    j = mem_new(struct job);
    *j = (struct job){.next = s->jobs, .images = s, .ref = mem_strdup(ref), .pulling = always, .waits = w};
    j->auth_file = mem_strdup(want->auth_file);
    w->job = j;
    s->jobs = j;
    job_begin(j);
    return w;
}

void images_cancel(struct image_wait *w)
{
    if (!w)
        return;
    /* The run goes on: somebody will want the image again. */
    for (struct image_wait **p = &w->job->waits; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    wait_free(w);
}
