/* See criu.h. */
#include "runtime/criu/criu.h"
#include "lib/file.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/clone.h"
#include "runtime/process/program.h"
#include "runtime/report.h"
#include "runtime/sync.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE_FD 3
#define MESSAGE_MAX (40 << 10)

/* --- the process */

/* CRIU wants a mount point for the container's root. In a mount namespace of its own it leaves the host
 * nothing to clean up, whatever dies. */
static struct err *bind_root(const struct criu_start *s)
{
    if (!s->root)
        return NULL;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_sys(errno, "a mount namespace for criu");
    if (mount(s->rootfs, s->root, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_sys(errno, "bind %s", s->rootfs);
    return NULL;
}

/* Out of each other's way first, then to their numbers. */
static struct err *place(int sock, const struct criu_start *s)
{
    int high[1 + CRIU_FDS], n = 1 + s->n_fds;
    for (int i = 0; i < n; i++) {
        high[i] = fcntl(i ? s->fds[i - 1] : sock, F_DUPFD_CLOEXEC, SERVICE_FD + n);
        if (high[i] < 0)
            return err_sys(errno, "move a descriptor");
    }
    for (int i = 0; i < n; i++)
        if (dup2(high[i], SERVICE_FD + i) < 0)
            return err_sys(errno, "move a descriptor");
    return NULL;
}

static struct err *become_criu(const char *path, int sock, const struct criu_start *s)
{
    char *argv[] = {"criu", "swrk", "3", NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    TRY(cgroups_enter(s->tasks, s->n_tasks));
    TRY(bind_root(s));
    TRY(place(sock, s));
    execv(path, argv);
    return err_sys(errno, "exec %s", path);
}

static void child(const char *path, int sock, int told, const struct criu_start *s) __attribute__((noreturn));
static void child(const char *path, int sock, int told, const struct criu_start *s)
{
    told = fcntl(told, F_DUPFD_CLOEXEC, 64); /* above all that is placed */
    sock = fcntl(sock, F_DUPFD_CLOEXEC, 64);
    struct err *e = become_criu(path, sock, s);
    err_free(sync_send_error(told, e));
    _exit(1);
}

static struct err *start(struct criu *c, const char *path, int sock, const struct criu_start *s)
{
    int told[2], end;
    struct sync_message m;
    TRY(sync_pair(told));
    c->pid = clone_raw(0, s->cgroup, NULL);
    if (c->pid == 0)
        child(path, sock, told[1], s);
    struct err *e = c->pid < 0 ? err_sys(errno, "clone") : NULL;
    close(told[1]);
    if (!e)
        e = sync_recv(told[0], &m, &end); /* its end: the exec closed it */
    close(told[0]);
    return e;
}

struct err *criu_begin(struct arena *a, const struct criu_start *s, struct criu *ret)
{
    const char *path;
    int pair[2];
    if (s->n_fds > CRIU_FDS)
        return err_new(ERR_LIMIT, "criu: more than %d descriptors", CRIU_FDS);
    TRY(program_find(a, "criu", &path));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(errno, "socketpair");
    *ret = (struct criu){.arena = a, .sock = pair[0]};
    struct err *e = start(ret, path, pair[1], s);
    close(pair[1]);
    if (e)
        criu_end(ret);
    return err_wrap(e, "criu");
}

void criu_end(struct criu *c)
{
    close(take_fd(c->sock)); /* what it waits for */
    if (c->pid > 0)
        waitpid(c->pid, NULL, 0);
    c->pid = 0;
}

/* --- the conversation */

static struct err *say(struct criu *c, const struct buf *request)
{
    TRY(buf_check(request, "request to criu"));
    return send(c->sock, request->data, request->len, MSG_NOSIGNAL) < 0 ? err_sys(errno, "criu: send") : NULL;
}

static int descriptor_of(struct msghdr *msg)
{
    struct cmsghdr *h = CMSG_FIRSTHDR(msg);
    int fd = -1;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    return fd;
}

static struct err *hear(struct criu *c, struct criu_response *r, int *ret_fd)
{
    auto_free char *data = mem_zalloc(MESSAGE_MAX);
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {data, MESSAGE_MAX};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    ssize_t n = recvmsg(c->sock, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return err_sys(errno, "criu: receive");
    *ret_fd = descriptor_of(&msg);
    return n ? criu_response_parse(c->arena, data, (size_t)n, r)
             : err_new(ERR_SYSTEM, "criu ended without an answer");
}

static struct err *refused(const struct criu_response *r)
{
    static const char *const names[] = {[CRIU_DUMP] = "DUMP",
        [CRIU_RESTORE] = "RESTORE",
        [CRIU_PRE_DUMP] = "PRE_DUMP",
        [CRIU_NOTIFY] = "NOTIFY",
        [CRIU_FEATURE_CHECK] = "FEATURE_CHECK"};
    const char *name = r->type > 0 && r->type < (int)ARRAY_SIZE(names) ? names[r->type] : NULL;
    return err_new(ERR_SYSTEM, "criu failed: type %s errno %lld%s%s", name ? name : "?", (long long)r->error,
        r->error_text ? ": " : "", r->error_text ? r->error_text : "");
}

static struct err *answer_notification(
    struct criu *c, const struct criu_response *r, int fd, criu_notify_fn *notify, void *arg)
{
    auto_buf reply = BUF_INIT(64);
    report_debug("criu: %s", r->script ? r->script : "a notification without a name");
    struct err *e = notify ? notify(arg, r, fd) : NULL;
    criu_put_int(&reply, CRIU_REQ_TYPE, CRIU_NOTIFY);
    criu_put_int(&reply, CRIU_REQ_NOTIFY_SUCCESS, !e);
    struct err *sent = say(c, &reply);
    if (e && sent)
        err_free(sent);
    return e ? e : sent;
}

static struct err *converse(
    struct criu *c, const struct buf *request, criu_notify_fn *notify, void *arg, struct criu_response *ret)
{
    TRY(say(c, request));
    for (;;) {
        auto_close fd = -1;
        TRY(hear(c, ret, &fd));
        if (!ret->success)
            return refused(ret);
        if (ret->type != CRIU_NOTIFY)
            return NULL;
        TRY(answer_notification(c, ret, fd, notify, arg));
    }
}

struct err *criu_request(struct criu *c, enum criu_type type, const struct buf *opts, criu_notify_fn *notify,
    void *arg, struct criu_response *ret)
{
    auto_buf request = BUF_INIT(MESSAGE_MAX);
    criu_put_int(&request, CRIU_REQ_TYPE, type);
    criu_put_message(&request, CRIU_REQ_OPTS, opts);
    TRY(converse(c, &request, notify, arg, ret));
    return ret->type == type ? NULL : err_new(ERR_INVALID, "criu: an answer of another type than %d", type);
}

struct err *criu_check(struct arena *a, enum criu_feature feature, const char *name)
{
    auto_buf features = BUF_INIT(64), request = BUF_INIT(64);
    struct criu_start s = {.cgroup = -1};
    struct criu_response r;
    struct criu c;
    criu_put_int(&features, feature, 1);
    criu_put_int(&request, CRIU_REQ_TYPE, CRIU_FEATURE_CHECK);
    criu_put_message(&request, CRIU_REQ_FEATURES, &features);
    TRY(criu_begin(a, &s, &c));
    struct err *e = converse(&c, &request, NULL, NULL, &r);
    criu_end(&c);
    TRY_WRAP(e, "criu feature check");
    bool can = feature == CRIU_FEATURE_MEM_TRACK ? r.mem_track : r.lazy_pages;
    return can ? NULL : err_new(ERR_UNSUPPORTED, "criu is missing features: %s", name);
}
