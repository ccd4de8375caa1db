/*
 * Packets with descriptors. All sockets are non-blocking. A path that does not fit into sun_path is reached
 * as /proc/self/fd/DIR/NAME.
 */
#include "lib/unixmsg.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of path in *a; *ret_dir (close it after use) may hold the folder. */
static struct err *address(const char *path, struct sockaddr_un *a, int *ret_dir)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(a->sun_path)) {
        memcpy(a->sun_path, path, strlen(path));
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    auto_free char *parent = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
    auto_close dir = open(*parent ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(errno, "open %s", parent);
    int n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", dir, name);
    if ((size_t)n >= sizeof(a->sun_path))
        return err_new(ERR_INVALID, "the name of the socket %s is too long", path);
    *ret_dir = take_fd(dir);
    return NULL;
}

static struct err *new_socket(int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(errno, "make a unix socket");
    int room = 2 * UNIXMSG_MAX; /* a packet must fit whole; the default just does */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    *ret_fd = fd;
    return NULL;
}

static struct err *connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un a;
    auto_close dir = -1;
    auto_close fd = -1;
    TRY(address(path, &a, &dir));
    TRY(new_socket(&fd));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        struct err *e = err_sys(errno, "connect");
        return errno == ECONNREFUSED || errno == EAGAIN ? err_as(e, ERR_UNAVAILABLE) : e;
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *unixmsg_connect(const char *path, int *ret_fd)
{
    return err_wrap(connect_to(path, ret_fd), "%s", path);
}

static struct err *listen_at(const char *path, int *ret_fd)
{
    auto_close other = -1;
    auto_err *refused = connect_to(path, &other);
    if (!refused)
        return err_new(ERR_EXISTS, "somebody listens there already");
    struct sockaddr_un a;
    auto_close dir = -1;
    auto_close fd = -1;
    TRY(address(path, &a, &dir));
    TRY(new_socket(&fd));
    struct stat st;
    if (lstat(a.sun_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return err_new(ERR_EXISTS, "something else than a socket is there");
        if (unlink(a.sun_path) < 0) /* what a dead process left */
            return err_sys(errno, "remove");
    }
    /* bind(2) takes the mode of the socket's own inode: it is never there with a wider one */
    if (fchmod(fd, 0600) < 0)
        return err_sys(errno, "chmod");
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return err_sys(errno, "bind");
    if (listen(fd, 64) < 0)
        return err_sys(errno, "listen");
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *unixmsg_listen(const char *path, int *ret_fd)
{
    return err_wrap(listen_at(path, ret_fd), "%s", path);
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(UNIXMSG_FDS * sizeof(int))];
};

struct err *unixmsg_send(int fd, const char *text, size_t len, const int *fds, size_t n_fds)
{
    if (!len || len > UNIXMSG_MAX)
        return err_new(ERR_LIMIT, "a message of %zu bytes: not in 1..%d", len, UNIXMSG_MAX);
    if (n_fds > UNIXMSG_FDS)
        return err_new(ERR_LIMIT, "a message with %zu descriptors: more than %d", n_fds, UNIXMSG_FDS);
    struct iovec part = {(void *)text, len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    union control control = {0};
    if (n_fds) {
        control.header = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return NULL;
    int failed = errno;
    struct err *e = err_sys(failed, "send");
    bool gone = failed == EAGAIN || failed == EPIPE || failed == ECONNRESET || failed == ENOTCONN;
    return gone ? err_as(e, ERR_UNAVAILABLE) : e;
}

/* All descriptors that came, also of several control messages; more than UNIXMSG_FDS cannot fit. */
static size_t take_descriptors(struct msghdr *m, int fds[UNIXMSG_FDS])
{
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && n < UNIXMSG_FDS; i++)
            memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return n;
}

/* The length of the next packet: -1 with errno, 0 at the end. */
static ssize_t next_length(int fd)
{
    ssize_t n;
    do
        n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    return n < 0 && errno == ECONNRESET ? 0 : n;
}

struct err *unixmsg_recv(int fd, struct buf *buf, int fds[UNIXMSG_FDS], size_t *ret_n_fds)
{
    buf_clear(buf);
    *ret_n_fds = 0;
    ssize_t want = next_length(fd);
    if (want < 0 && errno == EAGAIN)
        return err_as(err_sys(EAGAIN, "receive"), ERR_UNAVAILABLE);
    if (want < 0)
        return err_sys(errno, "receive");
    if (!want)
        return NULL;
    char *to = want <= UNIXMSG_MAX ? buf_room(buf, (size_t)want) : NULL;
    struct iovec part = {to, to ? (size_t)want : 0};
    union control control;
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return err_sys(errno, "receive");
    size_t n_fds = take_descriptors(&m, fds);
    if (!to || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) { /* the packet is gone, the connection goes on */
        while (n_fds)
            close(fds[--n_fds]);
        return err_new(ERR_LIMIT, "a message of %zd bytes, or with too many descriptors", want);
    }
    buf_grown(buf, (size_t)n);
    *ret_n_fds = n_fds;
    return NULL;
}
