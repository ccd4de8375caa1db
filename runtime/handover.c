/* See handover.h. */
#include "runtime/handover.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_SECONDS 10

struct err *handover_connect(const char *option, const char *path, int *ret_sock)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    auto_close sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return err_sys(errno, "socket");
    auto_close at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0)
        return err_sys(errno, "%s: %s", option, path);
    const struct timeval limit = {.tv_sec = PEER_SECONDS}; /* for one whose backlog is full */
    if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return err_sys(errno, "SO_SNDTIMEO");
    snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d", at); /* a path of any length */
    if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return err_sys(errno, "%s: connect to %s", option, path);
    *ret_sock = take_fd(sock);
    return NULL;
}

struct err *handover_send(int sock, const char *name, int fd)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.h), &fd, sizeof(int));
    struct iovec iov = {(char *)name, strlen(name)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? err_sys(errno, "send a descriptor to the other side")
                                                 : NULL;
}

struct err *handover_pidfd(const char *path, const char *role, int pidfd)
{
    auto_close sock = -1;
    if (!path)
        return NULL;
    TRY(handover_connect("--pidfd-socket", path, &sock));
    return err_wrap(handover_send(sock, role, pidfd), "--pidfd-socket");
}
