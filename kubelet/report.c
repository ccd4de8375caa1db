/* Status to disk and master, see report.h. */
#include "kubelet/report.h"
#include "kubelet/status.h"
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX = 3 << 20, REPORT_QUIET_MS = 50, REPORT_RETRY_FIRST_MS = 200, REPORT_RETRY_MAX_MS = 10000 };

static void send_status(struct worker *w);

static void retry_later(struct worker *w)
{
    w->status_retry_ms = w->status_retry_ms ? w->status_retry_ms * 2 : REPORT_RETRY_FIRST_MS;
    if (w->status_retry_ms > REPORT_RETRY_MAX_MS)
        w->status_retry_ms = REPORT_RETRY_MAX_MS;
    timer_start(w->status_timer, (uint64_t)w->status_retry_ms);
}

static void sent(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct worker *w = arg;
    (void)status, (void)body;
    w->status_call = NULL;
    if (error && (err_kind(error) == ERR_NOT_FOUND || err_kind(error) == ERR_CONFLICT)) {
        /* The object is gone, or another one has its name: the watch will tell. */
        w->status_retry_ms = 0;
    } else if (error) {
        log_warn(w->keys, "status: %s", err_message(error));
        free(take_ptr(w->sent_text));
        retry_later(w);
        return;
    } else {
        w->status_retry_ms = 0;
    }
    if (w->status_text && (!w->sent_text || strcmp(w->status_text, w->sent_text) != 0))
        send_status(w);
    worker_kick(w);
}

/* The uid at the master: a static Pod is known there by its mirror. */
static const char *remote_uid(const struct worker *w)
{
    return w->source == WORKER_MANIFEST ? w->mirror_uid : w->gone ? NULL : w->uid;
}

static void send_status(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    const char *uid = remote_uid(w);
    if (!k->kube || !uid || w->status_call || !w->status_text)
        return;
    auto_buf b = BUF_INIT(REPORT_MAX);
    auto_free char *path = mem_printf("/api/v1/namespaces/%s/pods/%s/status", w->ns, w->name);
    /* A refused Pod has no conditions, not even the scheduler's. */
    buf_addf(&b, "{\"metadata\":{\"uid\":\"%s\"},\"status\":{%s%s}", uid,
        w->rejected ? "\"conditions\":null," : "", w->status_text + 1);
    free(w->sent_text);
    w->sent_text = mem_strdup(w->status_text);
    w->status_call =
        kube_request(k->kube, "PATCH", path, "application/merge-patch+json", buf_str(&b), b.len, sent, w);
}

static void timer_fired(void *arg)
{
    struct worker *w = arg;
    send_status(w);
}

bool report_is_settled(const struct worker *w)
{
    if (!w->kubelet->kube || !remote_uid(w) || w->keep_status)
        return true;
    return !w->status_call && w->sent_text && w->status_text && strcmp(w->sent_text, w->status_text) == 0;
}

/* A Pod that is on its way up says so only if that takes a while. */
static bool may_wait(const struct worker *w, const struct pod_status *s)
{
    if (strcmp(s->phase, "Pending") != 0 || w->stopping || w->leaving || w->sent_text)
        return false;
    return clock_now_ns() - w->start_ns < REPORT_QUIET_MS * 1000000LL;
}

static void record(struct worker *w)
{
    auto_free char *path = mem_printf("%s/%s/status.json", w->kubelet->path.run_pods, w->uid);
    auto_free char *dir = mem_printf("%s/%s", w->kubelet->path.run_pods, w->uid);
    struct err *e = file_mkdirs(AT_FDCWD, dir, 0700, NULL);
    if (!e)
        e = file_write_atomic(AT_FDCWD, path, w->status_text, strlen(w->status_text), 0600, FILE_NO_FSYNC);
    log_err(LOG_WARN, w->keys, err_wrap(e, "recording the status"));
}

void report_status(struct worker *w)
{
    struct arena *a = arena_new();
    struct pod_status *s = status_make(w, a, clock_now_ns());
    struct buf b = BUF_INIT(REPORT_MAX);
    struct json_out o = {.buf = &b};
    fields_encode(&pod_status_fields, s, &o, NULL);
    if (w->status_text && strcmp(w->status_text, buf_str(&b)) == 0) {
        buf_done(&b);
        arena_free(a);
    } else {
        free(w->status_text);
        w->status_text = buf_take(&b);
        /* Kept as a copy of its own: what it points to in the worker may go. */
        struct arena *kept = arena_new();
        struct pod_status *copy = arena_new_obj(kept, struct pod_status);
        struct err *e = fields_parse(&pod_status_fields, kept, w->status_text, strlen(w->status_text), copy);
        log_err(LOG_ERROR, w->keys, err_wrap(e, "status"));
        arena_free(w->status_arena);
        w->status_arena = kept;
        w->status = copy;
        arena_free(a);
        record(w);
    }
    if (w->sent_text && strcmp(w->sent_text, w->status_text) == 0)
        return;
    if (!w->status_timer)
        w->status_timer = timer_new(w->kubelet->loop, timer_fired, w);
    if (timer_is_armed(w->status_timer) && w->status_retry_ms)
        return;
    if (may_wait(w, w->status)) {
        if (!timer_is_armed(w->status_timer))
            timer_start(w->status_timer, REPORT_QUIET_MS);
    } else {
        timer_stop(w->status_timer);
        send_status(w);
    }
}

void report_record_pod(struct worker *w)
{
    auto_free char *dir = mem_printf("%s/%s", w->kubelet->path.run_pods, w->uid);
    auto_free char *path = mem_printf("%s/pod.json", dir);
    auto_buf b = BUF_INIT(REPORT_MAX);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "source", w->source == WORKER_API ? "api" : "file");
    json_out_value(&o, "pod", w->desired->json);
    json_out_end_object(&o);
    struct err *e = file_mkdirs(AT_FDCWD, dir, 0700, NULL);
    if (!e)
        e = buf_check(&b, "Pod");
    if (!e)
        e = file_write_atomic(AT_FDCWD, path, buf_str(&b), b.len, 0600, FILE_NO_FSYNC);
    log_err(LOG_WARN, w->keys, err_wrap(e, "recording the Pod"));
}

/* --- the end */

static void deleted(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct worker *w = arg;
    (void)status, (void)body;
    w->delete_call = NULL;
    if (error && err_kind(error) != ERR_NOT_FOUND && err_kind(error) != ERR_CONFLICT) {
        log_warn(w->keys, "confirming the deletion: %s", err_message(error));
        w->deleted_sent = false;
        w->delete_retry_at = clock_mono_ms() + REPORT_RETRY_MAX_MS;
        worker_kick(w);
        return;
    }
    worker_deleted(w);
}

void report_deleted(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    auto_buf b = BUF_INIT(1024);
    auto_free char *path = mem_printf("/api/v1/namespaces/%s/pods/%s", w->ns, w->name);
    if (w->deleted_sent)
        return;
    w->deleted_sent = true;
    buf_addf(&b,
        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0,\"preconditions\":{"
        "\"uid\":\"%s\"}}",
        w->uid);
    w->delete_call = kube_request(k->kube, "DELETE", path, NULL, buf_str(&b), b.len, deleted, w);
}

void report_stop(struct worker *w)
{
    http_call_cancel(w->status_call);
    http_call_cancel(w->delete_call);
    http_call_cancel(w->mirror_call);
    w->status_call = w->delete_call = w->mirror_call = NULL;
    timer_free(w->status_timer);
    w->status_timer = NULL;
}
