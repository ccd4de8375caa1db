/* See notify.h. */
#include "runtime/verbs/notify.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define INSIDE "/run/notify"
#define SOCKET "notify.sock"
#define DATAGRAM_MAX 4096
#define BARRIER_MS 30000

const char *notify_manager(void)
{
    const char *at = getenv("NOTIFY_SOCKET");
    return at && *at ? at : NULL;
}

struct oci_config *notify_mount(struct arena *a, const struct oci_config *c, const char *folder)
{
    static const char *options[] = {"bind", "nosuid", "noexec", "nodev", "ro"};
    struct oci_config *copy = arena_new_obj(a, struct oci_config);
    *copy = *c;
    copy->mounts.v = arena_array(a, c->mounts.n + 1, sizeof(*copy->mounts.v));
    if (c->mounts.n)
        memcpy(copy->mounts.v, c->mounts.v, c->mounts.n * sizeof(*c->mounts.v));
    copy->mounts.v[copy->mounts.n++] = (struct oci_mount){
        .destination = INSIDE, .type = "bind", .source = folder, .options = {ARRAY_SIZE(options), options}};
    return copy;
}

void notify_setenv(struct process_plan *p, struct arena *a)
{
    process_setenv(p, a, "NOTIFY_SOCKET", INSIDE "/" SOCKET);
}

struct err *notify_make(int dir)
{
    return mkdirat(dir, NOTIFY_DIR, 0755) < 0 ? err_sys(errno, "make " NOTIFY_DIR) : NULL;
}

struct err *notify_listen(struct notify *n, int dir)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    n->sock = -1;
    if (!n->manager || faccessat(dir, NOTIFY_DIR, F_OK, 0) < 0)
        return NULL;
    auto_close sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" NOTIFY_DIR "/" SOCKET, dir);
    if (sock < 0 || bind(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return err_sys(errno, NOTIFY_DIR "/" SOCKET);
    /* whoever the container runs as may write to it */
    if (fchmodat(dir, NOTIFY_DIR "/" SOCKET, 0777, 0) < 0)
        return err_sys(errno, "chmod " NOTIFY_DIR "/" SOCKET);
    n->sock = take_fd(sock);
    return NULL;
}

/* --- what the manager hears */

static struct err *reach(const char *manager, int *ret_sock)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = strlen(manager);
    if ((manager[0] != '/' && manager[0] != '@') || len >= sizeof(sa.sun_path))
        return err_new(ERR_INVALID, "\"%s\": no address of a unix socket", manager);
    memcpy(sa.sun_path, manager, len);
    if (sa.sun_path[0] == '@') /* abstract */
        sa.sun_path[0] = '\0';
    auto_close sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0 ||
        connect(sock, (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return err_sys(errno, "connect to %s", manager);
    *ret_sock = take_fd(sock);
    return NULL;
}

/* A pipe's end goes along, and the manager closes it when it has worked on all that came before: we must be
 * there until then, or it does not know whose messages they were. */
static struct err *barrier(int sock)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    auto_close ours = ends[0];
    auto_close theirs = ends[1];
    char text[] = "BARRIER=1", space[CMSG_SPACE(sizeof(int))] = "";
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &theirs, sizeof(int));
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        return err_sys(errno, "send the barrier");
    close(take_fd(theirs));
    struct pollfd p = {.fd = ours};
    return poll(&p, 1, BARRIER_MS) == 0 ? err_new(ERR_TIMEOUT, "no answer in %d s", BARRIER_MS / 1000) : NULL;
}

static struct err *tell(const char *manager, const char *ready, pid_t main_pid)
{
    auto_close sock = -1;
    char text[DATAGRAM_MAX + 2];
    TRY(reach(manager, &sock));
    int n = snprintf(text, sizeof(text), "%s\n", ready);
    if (send(sock, text, (size_t)n, MSG_NOSIGNAL) < 0)
        return err_sys(errno, "send");
    n = snprintf(text, sizeof(text), "MAINPID=%d\n", (int)main_pid);
    if (send(sock, text, (size_t)n, MSG_NOSIGNAL) < 0)
        return err_sys(errno, "send");
    return barrier(sock);
}

/* --- what the container says */

static char *ready_line(char *datagram)
{
    char *save = NULL;
    for (char *line = strtok_r(datagram, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (!strncmp(line, "READY=", 6))
            return line;
    return NULL;
}

struct err *notify_forward(struct notify *n, pid_t main_pid, bool *ret_done)
{
    char datagram[DATAGRAM_MAX + 1];
    ssize_t len = recv(n->sock, datagram, DATAGRAM_MAX, 0);
    *ret_done = false;
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : err_sys(errno, "NOTIFY_SOCKET: receive");
    datagram[len] = '\0';
    char *ready = ready_line(datagram);
    if (!ready)
        return NULL;
    *ret_done = true;
    close(take_fd(n->sock));
    return err_wrap(tell(n->manager, ready, main_pid), "NOTIFY_SOCKET");
}

struct err *notify_wait(struct notify *n, pid_t main_pid, int pidfd)
{
    while (n->sock >= 0) {
        struct pollfd p[] = {{.fd = n->sock, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
        bool done;
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
            return err_sys(errno, "poll");
        if (p[0].revents) /* a last word counts, though its speaker is gone */
            TRY(notify_forward(n, main_pid, &done));
        else if (p[1].revents)
            break;
    }
    return NULL;
}
