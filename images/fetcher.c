/* Requests are fixed structs; answers are frames: a head, and as many bytes as it says. */
#include "images/fetcher.h"
#include "images/confine.h"
#include "images/document.h"
#include "images/interrupt.h"
#include "images/limits.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX (128U << 10)
#define ACCEPT                                                                                               \
    MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST ", */*;q=0.1"

struct request {
    int64_t size;   /* of the blob; -1: a manifest */
    char name[200]; /* tag or digest */
};
enum frame_kind { FRAME_DATA, FRAME_END, FRAME_ERROR };
struct frame {
    uint32_t kind, len; /* what follows: data, a content type, a message */
    uint32_t error;     /* enum err_kind */
};

/* --- the child --- */

static bool send_frame(int sock, enum frame_kind kind, enum err_kind error, const void *data, size_t n)
{
    struct frame f = {.kind = kind, .len = (uint32_t)n, .error = error};
    auto_err *e = file_write_all(sock, &f, sizeof f);
    if (!e && n)
        e = file_write_all(sock, data, n);
    return !e;
}

static bool on_data(void *arg, const void *data, size_t len)
{
    const int *sock = arg;
    for (size_t n; len; data = (const char *)data + n, len -= n) {
        n = len < FRAME_MAX ? len : FRAME_MAX;
        if (!send_frame(*sock, FRAME_DATA, 0, data, n))
            return false;
    }
    return true;
}

static bool serve_one(struct registry *r, int sock, const struct request *q)
{
    char path[256];
    bool blob = q->size >= 0;
    const char *type = "";
    snprintf(path, sizeof path, "%s/%s", blob ? "blobs" : "manifests", q->name);
    const struct registry_get g = {.path = path,
        .accept = blob ? NULL : ACCEPT,
        .max = blob ? q->size : (int64_t)LIMITS_DOCUMENT,
        .exact = blob,
        .on_data = on_data,
        .arg = &sock};
    auto_err *e = registry_get(r, &g, &type);
    if (!e)
        return send_frame(sock, FRAME_END, 0, type, strlen(type));
    size_t n = strnlen(err_message(e), 2000);
    return send_frame(sock, FRAME_ERROR, err_kind(e), err_message(e), n);
}

static void serve(const struct registry_opts *o, int sock)
{
    struct request q;
    struct registry *r = NULL;
    struct err *e = confine_fetcher();
    if (!e)
        e = registry_new(o, &r);
    while (read(sock, &q, sizeof q) == (ssize_t)sizeof q) {
        q.name[sizeof q.name - 1] = '\0';
        if (e ? !send_frame(sock, FRAME_ERROR, err_kind(e), err_message(e), strlen(err_message(e)))
              : !serve_one(r, sock, &q))
            break;
    }
    registry_free(r);
    err_free(e);
}

/* --- the parent --- */

struct err *fetcher_start(const struct registry_opts *o, struct fetcher *ret)
{
    int s[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
        return err_sys(errno, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        close(s[0]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent || dup2(STDERR_FILENO, 1) < 0)
            _exit(127);
        serve(o, s[1]);
        _exit(0);
    }
    int failed = errno;
    close(s[1]);
    if (pid < 0) {
        close(s[0]);
        return err_sys(failed, "fork");
    }
    *ret = (struct fetcher){pid, s[0], o->stall_ms};
    return NULL;
}

void fetcher_stop(struct fetcher *f)
{
    int status;
    if (f->sock >= 0)
        close(f->sock); /* which ends it, too, unless it is busy */
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    *f = (struct fetcher){0, -1, 0};
}

void fetcher_cleanup(struct fetcher *f)
{
    fetcher_stop(f);
}

/* The fetcher has deadlines of its own, back-off included: this one is for a fetcher that hangs. */
static struct err *read_all(struct fetcher *f, void *to, size_t n)
{
    for (char *p = to; n;) {
        struct pollfd pf = {.fd = f->sock, .events = POLLIN};
        TRY(interrupt_check());
        int ready = poll(&pf, 1, (int)(f->stall_ms * 3));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0)
            return err_sys(errno, "poll");
        if (!ready)
            return err_new(ERR_TIMEOUT, "the fetching process hangs");
        ssize_t got = read(f->sock, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_new(ERR_SYSTEM, "the fetching process died");
        p += got;
        n -= (size_t)got;
    }
    return NULL;
}

/* *ret_len 0: the end, its content type is in data. */
static struct err *next_frame(struct fetcher *f, char data[FRAME_MAX + 1], size_t *ret_len, bool *ret_end)
{
    struct frame h;
    TRY(read_all(f, &h, sizeof h));
    if (h.len > FRAME_MAX || h.kind > FRAME_ERROR)
        return err_new(ERR_BUG, "the fetching process sends nonsense");
    TRY(read_all(f, data, h.len));
    data[h.len] = '\0';
    if (h.kind == FRAME_ERROR)
        return err_new(h.error <= ERR_BUG ? h.error : ERR_BUG, "%s", data);
    *ret_len = h.len;
    *ret_end = h.kind == FRAME_END;
    return NULL;
}

static struct err *fetch(struct fetcher *f, const char *name, int64_t size,
    bool (*give)(void *arg, const void *data, size_t len), void *arg, char *content_type)
{
    struct request q = {.size = size};
    auto_free char *data = mem_realloc(NULL, FRAME_MAX + 1, 1);
    size_t n = 0;
    bool end = false;
    if (strlen(name) >= sizeof q.name)
        return err_new(ERR_INVALID, "%.40s...: too long", name);
    memcpy(q.name, name, strlen(name));
    TRY(file_write_all(f->sock, &q, sizeof q));
    for (;;) {
        TRY(next_frame(f, data, &n, &end));
        if (end) {
            if (content_type)
                snprintf(content_type, 128, "%s", data);
            return NULL;
        }
        if (!give(arg, data, n))
            return NULL;
    }
}

static bool add_to_buf(void *arg, const void *data, size_t len)
{
    struct buf *b = arg;
    buf_add(b, data, len);
    return !b->over;
}

struct err *fetcher_manifest(
    struct fetcher *f, const char *tag_or_digest, struct buf *body, char *content_type)
{
    TRY_WRAP(fetch(f, tag_or_digest, -1, add_to_buf, body, content_type), "manifest %s", tag_or_digest);
    return buf_check(body, "manifest");
}

struct err *fetcher_blob(struct fetcher *f, const char *digest, int64_t size,
    bool (*give)(void *arg, const void *data, size_t len), void *arg)
{
    return err_wrap(fetch(f, digest, size, give, arg, NULL), "blob %s", digest);
}
