/*
 * containerLogs: the CRI log of a container's attempt, from a line near its end or from its beginning, once
 * or as it grows. The file is opened below the log folder without following a link (a container may have that
 * folder mounted), and only a regular file is read. It is read in pieces, the next when the client has taken
 * the last; while following, inotify tells of growth and the shim of the end.
 */
#include "kubelet/crilog_read.h"
#include "kubelet/sandbox.h"
#include "kubelet/server.h"
#include "kubelet/status.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, OUT_MAX = 4 << 20 };

struct log_session {
    struct kubelet *kubelet;
    struct http_stream *stream;
    struct crilog_reader reader;
    int fd, inotify;
    struct watch *watch;
    struct shim_client *shim; /* while following: tells of the end */
    char *cid;
    off_t at;
    bool follow, ended; /* ended: nothing will be added any more */
    bool finished;
    bool waiting; /* a piece was sent, the client has not taken it yet */
    struct deferred *soon;
};

static void session_free(void *arg)
{
    struct log_session *s = arg;
    watch_free(s->watch);
    shim_client_free(s->shim);
    deferred_free(s->soon);
    if (s->inotify >= 0)
        close(s->inotify);
    close(s->fd);
    free(s->cid);
    free(s);
}

static void finish(struct log_session *s)
{
    s->finished = true;
    http_stream_end(s->stream); /* session_free() follows */
}

/* --- one piece after the other */

/* The log was moved away (rotated) and begins anew: what is left of the old one has been read. */
static bool is_moved(const struct log_session *s)
{
    struct stat st;
    return fstat(s->fd, &st) == 0 && st.st_nlink == 0;
}

static void read_more(void *arg)
{
    struct log_session *s = arg;
    char data[PIECE];
    auto_buf out = BUF_INIT(OUT_MAX);
    if (s->waiting || s->finished)
        return;
    while (out.len == 0) {
        ssize_t n = pread(s->fd, data, sizeof(data), s->at);
        size_t used = n > 0 ? crilog_read(&s->reader, data, (size_t)n, &out) : 0;
        s->at += (off_t)used;
        if (s->reader.done || n < 0 ||
            (used == 0 && (!s->follow || s->ended || is_moved(s) || n == (ssize_t)sizeof(data)))) {
            if (out.len)
                http_stream_send(s->stream, out.data, out.len);
            finish(s);
            return;
        }
        if (used == 0)
            return; /* inotify or the shim will call */
    }
    s->waiting = true;
    http_stream_send(s->stream, out.data, out.len);
}

static void on_drained(void *arg)
{
    struct log_session *s = arg;
    s->waiting = false;
    deferred_call(s->soon);
}

/* --- following */

static void on_growth(void *arg, int events)
{
    (void)events;
    struct log_session *s = arg;
    char drop[4096];
    while (read(s->inotify, drop, sizeof(drop)) > 0)
        ;
    deferred_call(s->soon);
}

static void on_exited(void *arg, const char *id, int exit_code, int signal, bool oom, const char *finished_at)
{
    (void)exit_code;
    (void)signal;
    (void)oom;
    (void)finished_at;
    struct log_session *s = arg;
    if (strcmp(id, s->cid) != 0)
        return;
    s->ended = true; /* what it wrote until then is in the log */
    deferred_call(s->soon);
}

static void on_exec_exited(void *arg, const char *exec, int exit_code, int signal)
{
    (void)arg;
    (void)exec;
    (void)exit_code;
    (void)signal;
}

static void on_shim_closed(void *arg)
{
    struct log_session *s = arg;
    s->ended = true;
    deferred_call(s->soon);
}

/* The answer to subscribe is the state: it may have ended before we asked. */
static void on_subscribed(
    void *arg, const struct err *error, const struct json *results, int *fds, size_t n_fds)
{
    (void)fds;
    (void)n_fds;
    struct log_session *s = arg;
    bool runs = false;
    json_each_item (c, json_get(results, "containers")) {
        const char *id = json_str(json_get(c, "id")), *status = json_str(json_get(c, "status"));
        runs |= id && status && strcmp(id, s->cid) == 0 &&
                (strcmp(status, "running") == 0 || strcmp(status, "starting") == 0);
    }
    if (error || !runs)
        s->ended = true;
    deferred_call(s->soon);
}

static void begin_following(struct log_session *s, struct worker *w, const char *path)
{
    static const struct shim_client_events events = {on_exited, on_exec_exited, NULL, on_shim_closed};
    auto_free char *socket = mem_printf("%s/%s/shim.sock", s->kubelet->path.run_pods, w->uid);
    s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->inotify < 0 || inotify_add_watch(s->inotify, path, IN_MODIFY | IN_ATTRIB) < 0) {
        s->ended = true; /* out of watches: what there is now is better than an error */
        return;
    }
    s->watch = watch_new(s->kubelet->loop, s->inotify, on_growth, s);
    watch_set(s->watch, UV_READABLE);
    struct err *e = shim_client_open(s->kubelet->loop, socket, &events, s, &s->shim);
    if (e)
        s->ended = true; /* no shim, nothing that writes */
    else
        shim_subscribe(s->shim, on_subscribed, s);
    err_free(e);
}

/* --- where to begin */

/* The offset of the last n lines. */
static off_t tail_offset(int fd, int64_t lines)
{
    char data[PIECE];
    off_t end = lseek(fd, 0, SEEK_END), at = end;
    if (lines == 0)
        return end;
    while (at > 0) {
        size_t n = at > PIECE ? PIECE : (size_t)at;
        ssize_t got = pread(fd, data, n, at - (off_t)n);
        if (got != (ssize_t)n)
            return 0;
        for (size_t i = n; i > 0; i--) {
            off_t here = at - (off_t)n + (off_t)i;
            if (data[i - 1] == '\n' && here != end && --lines == 0)
                return here;
        }
        at -= (off_t)n;
    }
    return 0;
}

static struct err *number(const struct http_request *r, const char *name, int64_t *ret)
{
    const char *text = http_query(r, name);
    char *end;
    if (!text || !*text)
        return NULL;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (*end || errno || v < 0)
        return err_new(ERR_INVALID, "%s: \"%s\" is not a number from 0 on", name, text);
    *ret = v;
    return NULL;
}

static struct err *read_options(const struct http_request *r, struct crilog_filter *f, int64_t *tail)
{
    int64_t since_seconds = -1;
    const char *since = http_query(r, "sinceTime"), *stream = http_query(r, "stream");
    *tail = -1;
    f->limit = -1;
    f->timestamps = server_flag(r, "timestamps");
    TRY(number(r, "tailLines", tail));
    TRY(number(r, "limitBytes", &f->limit));
    TRY(number(r, "sinceSeconds", &since_seconds));
    if (since && *since && !clock_parse(since, &f->since_ns))
        return err_new(ERR_INVALID, "sinceTime: \"%s\" is not a time", since);
    if (since_seconds >= 0)
        f->since_ns = clock_now_ns() - since_seconds * 1000000000;
    if (stream && strcmp(stream, "Stdout") == 0)
        f->stream = "stdout";
    if (stream && strcmp(stream, "Stderr") == 0)
        f->stream = "stderr";
    return NULL;
}

static struct err *open_log(
    struct kubelet *k, struct worker *w, struct instance *i, int64_t attempt, char **ret_path, int *ret_fd)
{
    auto_close logs = open(k->path.logs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_free char *relative =
        mem_printf("%s_%s_%s/%s/%lld.log", w->ns, w->name, w->uid, i->name, (long long)attempt);
    auto_close fd = -1;
    struct stat st;
    if (logs < 0)
        return err_sys(errno, "open %s", k->path.logs);
    TRY(file_open_beneath(logs, relative, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, &fd));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_new(ERR_INVALID, "%s is not a regular file", relative);
    *ret_path = mem_printf("/proc/self/fd/%d", fd);
    *ret_fd = take_fd(fd);
    return NULL;
}

/* --- the request */

static void refuse(
    struct http_request *r, const struct instance *i, const struct worker *w, bool previous, struct err *e)
{
    if (err_kind(e) != ERR_NOT_FOUND)
        server_text(r, 500, "%s", err_message(e));
    else if (previous)
        server_text(r, 400, "previous terminated container \"%s\" in pod \"%s\" not found", i->name, w->name);
    else
        server_text(r, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s", i->name, w->name,
            status_waiting_reason(i));
    err_free(e);
}

void server_logs(struct kubelet *k, struct http_request *r)
{
    struct worker *w;
    struct instance *i = server_find(k, r, &w);
    struct crilog_filter filter = {0};
    int64_t tail;
    bool previous = server_flag(r, "previous");
    if (!i)
        return;
    struct err *e = read_options(r, &filter, &tail);
    if (e) {
        server_text(r, 400, "%s", err_message(e));
        err_free(e);
        return;
    }
    auto_free char *path = NULL;
    int fd = -1;
    e = previous && i->restarts == 0 ? err_new(ERR_NOT_FOUND, "no previous attempt")
                                     : open_log(k, w, i, i->restarts - previous, &path, &fd);
    if (e) {
        refuse(r, i, w, previous, e);
        return;
    }
    struct log_session *s = mem_new(struct log_session);
    *s = (struct log_session){.kubelet = k,
        .fd = fd,
        .inotify = -1,
        .cid = mem_strdup(i->cid),
        .follow = server_flag(r, "follow") && !previous};
    s->reader.filter = filter;
    s->at = tail >= 0 ? tail_offset(fd, tail) : 0;
    s->soon = deferred_new(k->loop, read_more, s);
    s->stream = http_stream(r, 200, "text/plain", NULL, session_free, s);
    http_stream_on_drain(s->stream, on_drained);
    if (s->follow)
        begin_following(s, w, path);
    deferred_call(s->soon);
}
