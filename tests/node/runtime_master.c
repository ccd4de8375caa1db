/*
 * The other end of --console-socket: listens on a unix socket, takes one terminal, types what it is told,
 * prints what comes until the other side is closed. And of --pidfd-socket: prints the text that came with the
 * pidfd, and whose it is.
 *
 *     master SOCKET [TEXT]        prints "ready" on stderr once it listens
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pid_of(int pidfd)
{
    char path[40], line[100];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f) && sscanf(line, "Pid: %d", &pid) != 1)
        ;
    if (f)
        fclose(f);
    return pid;
}

int main(int argc, char **argv)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), master;
    if (argc < 2)
        return 2;
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", argv[1]);
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 1))
        return 1;
    fprintf(stderr, "ready\n");
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 20000) != 1)
        return 1;
    int conn = accept(fd, NULL, NULL);
    char text[4096], control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {text, sizeof(text)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(conn, &msg, 0);
    if (len <= 0 || !CMSG_FIRSTHDR(&msg))
        return 1;
    memcpy(&master, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    if (pid_of(master))
        return printf("%.*s %d\n", (int)len, text, pid_of(master)) < 0;
    if (argc > 2 && write(master, argv[2], strlen(argv[2])) < 0)
        return 1;
    for (;;) {
        struct pollfd p = {.fd = master, .events = POLLIN};
        ssize_t n = poll(&p, 1, 10000) == 1 ? read(master, text, sizeof(text)) : -1;
        if (n <= 0 || write(1, text, (size_t)n) != n)
            return 0;
    }
}
