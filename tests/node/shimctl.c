/*
 * A client of wherry-shim for tests (lib/api/shim.h), on nothing but libc, so that it shares no mistake.
 *
 *   shimctl SOCK call JSON          one request ("seq" is added); prints the answer; 1 where it is an error
 *   shimctl SOCK send JSON          one request, and away without its answer
 *   shimctl SOCK raw BYTES...       each argument one packet as it is; prints one answer each
 *   shimctl SOCK wait ID            until that container has exited; prints its exit code
 *   shimctl SOCK events N           prints N events
 *   shimctl SOCK exec JSON          with our streams, or a terminal's master to stdout; its exit code is ours
 *   shimctl SOCK attach JSON        stdin to it, its output to our stdout and stderr, until all ends
 *   shimctl SOCK stall JSON         attaches, reads nothing, until the shim drops us
 *   shimctl SOCK hold N             N connections, prints how many were served, keeps them until stdin ends
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PACKET = 192 * 1024, DEADLINE_MS = 60 * 1000 };
static char packet[PACKET + 1];
static int passed = -1; /* the descriptor that came last */

static void die(const char *what)
{
    fprintf(stderr, "shimctl: %s: %s\n", what, strerror(errno));
    exit(125);
}

static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        die(path);
    return fd;
}

static void send_packet(int sock, const char *text, size_t len, const int *fds, size_t n)
{
    union {
        struct cmsghdr align;
        char data[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)text, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n) {
        m.msg_control = control.data;
        m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        *h = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(h), fds, n * sizeof(int));
    }
    if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
        die("send");
}

/* {"op":..} becomes {"seq":1,"op":..} */
static void request(int sock, const char *json, const int *fds, size_t n)
{
    char *text = NULL;
    int len = asprintf(&text, "{\"seq\":1,%s", json + 1);
    if (len < 0)
        die("request");
    send_packet(sock, text, (size_t)len, fds, n);
    free(text);
}

/* The next packet; false at the end. */
static bool receive(int sock)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    if (poll(&p, 1, DEADLINE_MS) != 1) {
        fprintf(stderr, "shimctl: nothing came\n");
        exit(124);
    }
    union {
        struct cmsghdr align;
        char data[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {packet, PACKET};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.data,
        .msg_controllen = sizeof(control.data)};
    ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == ECONNRESET)
        n = 0;
    if (n < 0)
        die("receive");
    packet[n] = '\0';
    const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (n && h && h->cmsg_type == SCM_RIGHTS)
        memcpy(&passed, CMSG_DATA(h), sizeof(int));
    return n > 0;
}

/* Up to the answer; true where it is no error. */
static bool answer(int sock)
{
    do
        if (!receive(sock))
            die("the shim hung up");
    while (strstr(packet, "\"event\":"));
    return !strstr(packet, "\"error\":");
}

static long number_after(const char *text, const char *key)
{
    const char *at = text ? strstr(text, key) : NULL;
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

static int cmd_call(int sock, const char *json)
{
    request(sock, json, NULL, 0);
    bool ok = answer(sock);
    puts(packet);
    return !ok;
}

static int cmd_raw(int sock, char **args)
{
    for (; *args; args++) {
        send_packet(sock, *args, strlen(*args), NULL, 0);
        if (!receive(sock))
            die("the shim hung up");
        puts(packet);
    }
    return 0;
}

static int cmd_wait(int sock, const char *id)
{
    request(sock, "{\"op\":\"subscribe\"}", NULL, 0);
    while (receive(sock)) {
        const char *at = strstr(packet, id);
        const char *end = at ? strchr(at, '}') : NULL;
        const char *code = at ? strstr(at, "\"exitCode\":") : NULL;
        if (code && code < end) {
            printf("%ld\n", number_after(code, "\"exitCode\":"));
            return 0;
        }
    }
    die("the shim hung up");
    return 1;
}

static int cmd_events(int sock, int n)
{
    request(sock, "{\"op\":\"subscribe\"}", NULL, 0);
    answer(sock);
    while (n-- && receive(sock)) {
        puts(packet);
        fflush(stdout);
    }
    return 0;
}

/* Copies what is readable; false at its end. */
static bool copy(int from, int to)
{
    char data[16 * 1024];
    ssize_t n = read(from, data, sizeof(data));
    if (n <= 0)
        return false;
    for (ssize_t at = 0; at < n;) {
        ssize_t done = write(to, data + at, (size_t)(n - at));
        if (done < 0)
            return false;
        at += done;
    }
    return true;
}

static int cmd_exec(int sock, const char *json)
{
    bool terminal = strstr(json, "\"terminal\":true");
    const int streams[3] = {0, 1, 2};
    request(sock, "{\"op\":\"subscribe\"}", NULL, 0);
    answer(sock);
    request(sock, json, streams, terminal ? 0 : 3);
    if (!answer(sock)) {
        puts(packet);
        return 126;
    }
    if (terminal)
        while (copy(passed, 1))
            ;
    const char *name = strstr(json, "\"exec\":\"") + 7;
    size_t len = strcspn(name + 1, "\"") + 2;
    while (receive(sock)) {
        const char *at = strstr(packet, "\"execExit\"") ? strstr(packet, "\"exec\":") : NULL;
        if (at && !strncmp(at + 7, name, len))
            return (int)number_after(packet, "\"exitCode\":");
    }
    die("the shim hung up");
    return 1;
}

static void attach_pipes(int sock, const char *json, int ours[3])
{
    int theirs[3];
    size_t n = 0;
    static const char *const keys[] = {"\"stdin\":true", "\"stdout\":true", "\"stderr\":true"};
    for (int i = 0; i < 3; i++) {
        ours[i] = -1;
        int p[2];
        if (!strstr(json, keys[i]))
            continue;
        if (pipe(p) < 0)
            die("pipe");
        ours[i] = p[i == 0];
        theirs[n++] = p[i != 0];
    }
    request(sock, json, theirs, n);
    bool ok = answer(sock);
    while (n)
        close(theirs[--n]);
    if (ok)
        return;
    puts(packet);
    exit(1);
}

static int cmd_attach(int sock, const char *json)
{
    int ours[3];
    attach_pipes(sock, json, ours);
    fprintf(stderr, "attached\n");
    struct pollfd p[3] = {{ours[0] < 0 ? -1 : 0, POLLIN, 0}, {ours[1], POLLIN, 0}, {ours[2], POLLIN, 0}};
    while (p[1].fd >= 0 || p[2].fd >= 0) {
        if (poll(p, 3, DEADLINE_MS) <= 0)
            die("nothing came");
        for (int i = 0; i < 3; i++) {
            if (p[i].fd < 0 || !p[i].revents || copy(p[i].fd, i ? i : ours[0]))
                continue;
            if (i == 0)
                close(ours[0]);
            p[i].fd = -1;
        }
    }
    return 0;
}

/* Its pipe stays full; the shim closes its end when it has had enough of us. */
static int cmd_stall(int sock, const char *json)
{
    int ours[3];
    attach_pipes(sock, json, ours);
    puts("attached");
    fflush(stdout);
    struct pollfd p = {.fd = ours[1], .events = 0};
    if (poll(&p, 1, DEADLINE_MS) != 1)
        die("was not dropped");
    puts("dropped");
    return 0;
}

static int cmd_hold(const char *path, int n)
{
    int served = 0;
    for (int i = 0; i < n; i++) {
        int sock = connect_to(path);
        struct pollfd p = {.fd = sock, .events = POLLIN};
        send(sock, "{\"seq\":1,\"op\":\"state\"}", 22, MSG_NOSIGNAL);
        if (poll(&p, 1, DEADLINE_MS) == 1 && recv(sock, packet, PACKET, 0) > 0)
            served++;
    }
    printf("%d\n", served);
    fflush(stdout);
    char c;
    while (read(0, &c, 1) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: see the top of shimctl.c\n");
        return 2;
    }
    const char *cmd = argv[2], *arg = argv[3];
    if (!strcmp(cmd, "hold"))
        return cmd_hold(argv[1], atoi(arg));
    int sock = connect_to(argv[1]);
    if (!strcmp(cmd, "send")) {
        request(sock, arg, NULL, 0);
        return 0;
    }
    if (!strcmp(cmd, "call"))
        return cmd_call(sock, arg);
    if (!strcmp(cmd, "raw"))
        return cmd_raw(sock, argv + 3);
    if (!strcmp(cmd, "wait"))
        return cmd_wait(sock, arg);
    if (!strcmp(cmd, "events"))
        return cmd_events(sock, atoi(arg));
    if (!strcmp(cmd, "exec"))
        return cmd_exec(sock, arg);
    if (!strcmp(cmd, "attach"))
        return cmd_attach(sock, arg);
    if (!strcmp(cmd, "stall"))
        return cmd_stall(sock, arg);
    fprintf(stderr, "shimctl: %s: unknown\n", cmd);
    return 2;
}
