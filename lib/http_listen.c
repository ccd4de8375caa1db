/* The HTTP server's listening socket: one address or all, IPv4 and IPv6; errors name address and port. */
#include "lib/http_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#define BACKLOG 1024

static struct err *listen_at(const struct sockaddr *sa, socklen_t len, int *ret_fd)
{
    static const int ON = 1, OFF = 0;
    auto_close fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(errno, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &ON, sizeof ON);
    if (sa->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &OFF, sizeof OFF);
    if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        struct err *e = err_sys(errno, "listen");
        return errno == EADDRINUSE ? err_as(e, ERR_EXISTS) : e;
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *listen_any(uint16_t port, int *ret_fd)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct err *e = listen_at((struct sockaddr *)&six, sizeof six, ret_fd);
    if (!e || err_kind(e) == ERR_EXISTS)
        return e;
    err_free(e); /* a host without IPv6 */
    return listen_at((struct sockaddr *)&four, sizeof four, ret_fd);
}

struct err *http_listen(const char *address, uint16_t port, int *ret_fd)
{
    if (!address)
        return err_wrap(listen_any(port, ret_fd), "port %u", port);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct err *e;
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
        e = listen_at((struct sockaddr *)&four, sizeof four, ret_fd);
    else if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1)
        e = listen_at((struct sockaddr *)&six, sizeof six, ret_fd);
    else
        e = err_new(ERR_INVALID, "not a numeric address");
    return err_wrap(e, "address %s port %u", address, port);
}

uint16_t http_listen_port(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return 0;
    if (sa.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&sa)->sin_port);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) : 0;
}
