/*
 * A seccomp agent: listens at a unix socket, takes listeners from the runtime and answers their notifications.
 *
 *     seccomp_agent SOCKET ERRNO     prints "ready", then each state as it came, then one line per call
 *
 * A call gets ERRNO; with ERRNO 0 it is let through.
 */
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECONDS 60 /* and it ends, whatever the test forgets */

static int take(int sock)
{
    static char text[1 << 16];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd = -1, conn = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
    ssize_t n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
    if (n <= 0 || !CMSG_FIRSTHDR(&msg))
        return -1;
    text[n] = '\0';
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    printf("%s\n", text);
    close(conn);
    return fd;
}

static void answer(int fd, int error)
{
    struct seccomp_notif call;
    struct seccomp_notif_resp resp;
    memset(&call, 0, sizeof(call));
    memset(&resp, 0, sizeof(resp));
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
        return;
    printf("call %d of %u\n", call.data.nr, call.pid);
    resp.id = call.id;
    resp.error = -error;
    resp.flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0)
        perror("answer");
}

int main(int argc, char **argv)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n = 1;
    struct pollfd p[32] = {{.fd = sock, .events = POLLIN}};
    if (argc < 3)
        return 2;
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", argv[1]);
    if (bind(sock, (struct sockaddr *)&sa, sizeof(sa)) || listen(sock, 8))
        return 1;
    alarm(SECONDS);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (poll(p, (nfds_t)n, -1) > 0) {
        for (int i = 1; i < n; i++) {
            if (p[i].revents & POLLIN)
                answer(p[i].fd, atoi(argv[2]));
            else if (p[i].revents) {
                close(p[i].fd);
                p[i--] = p[--n];
            }
        }
        int fd = p[0].revents & POLLIN && n < 32 ? take(sock) : -1;
        if (fd >= 0)
            p[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return 0;
}
