/* See sync.h. */
#include "runtime/sync.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct err *sync_pair(int ret[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return err_sys(errno, "socketpair");
    return NULL;
}

struct err *sync_send(int fd, enum sync_kind kind, const char *text, const int *fds, int n_fds)
{
    char letter = (char)kind;
    size_t len = text ? strlen(text) : 0;
    struct iovec iov[2] = {{&letter, 1}, {(void *)text, len < SYNC_TEXT ? len : SYNC_TEXT}};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int) * SYNC_FDS)];
    } control;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    if (n_fds > SYNC_FDS)
        return err_new(ERR_LIMIT, "%d descriptors in one message", n_fds);
    if (n_fds) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds);
        memset(&control, 0, sizeof(control));
        control.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n_fds),
            .cmsg_level = SOL_SOCKET,
            .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.h), fds, sizeof(int) * (size_t)n_fds);
    }
    if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        return err_sys(errno, "send '%c' to the other half of the runtime", letter);
    return NULL;
}

struct err *sync_send_error(int fd, const struct err *e)
{
    char text[SYNC_TEXT];
    snprintf(text, sizeof(text), "%c%s", 'A' + (char)err_kind(e), err_message(e));
    return sync_send(fd, SYNC_ERROR, text, NULL, 0);
}

static void take_fds(struct msghdr *msg, struct sync_message *m)
{
    m->n_fds = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < n && m->n_fds < SYNC_FDS; i++)
            memcpy(&m->fds[m->n_fds++], CMSG_DATA(c) + sizeof(int) * (size_t)i, sizeof(int));
    }
}

struct err *sync_recv(int fd, struct sync_message *m, int *ret_end)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int) * SYNC_FDS)];
    } control;
    struct iovec iov[2] = {{&m->kind, 1}, {m->text, SYNC_TEXT}};
    struct msghdr msg = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    /* ECONNRESET: it closed without reading all that we said; what it said before comes next */
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    *ret_end = n == 0;
    if (n < 0)
        return err_sys(errno, "hear from the other half of the runtime");
    m->text[n > 0 ? n - 1 : 0] = '\0';
    take_fds(&msg, m);
    if (n > 0 && m->kind == SYNC_ERROR)
        return err_new((enum err_kind)(m->text[0] - 'A'), "%s", m->text[0] ? m->text + 1 : "");
    return NULL;
}

struct err *sync_expect(int fd, enum sync_kind kind, struct sync_message *m)
{
    int end;
    TRY(sync_recv(fd, m, &end));
    if (end)
        return err_new(ERR_SYSTEM, "the other half of the runtime is gone");
    if (m->kind != (char)kind)
        return err_new(ERR_BUG, "'%c' where '%c' was to come", m->kind, kind);
    return NULL;
}
