/* See rtnetlink.h. */
#include "runtime/net/rtnetlink.h"
#include "lib/mem.h"
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REPLY_MAX (64 << 10)
#define DEADLINE_S 10

struct err *rtnl_socket(int *ret_fd)
{
    struct timeval deadline = {.tv_sec = DEADLINE_S};
    auto_close fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) < 0)
        return err_sys(errno, "netlink socket");
    *ret_fd = take_fd(fd);
    return NULL;
}

void rtnl_begin(struct rtnl_request *r, int type, int flags, const void *head, size_t n)
{
    memset(r, 0, sizeof(*r));
    r->h.nlmsg_len = (unsigned)NLMSG_LENGTH(n);
    r->h.nlmsg_type = (unsigned short)type;
    r->h.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
    memcpy(r->body, head, n);
}

/* Ours are a few names, numbers and addresses: they fit. */
void rtnl_attr(struct rtnl_request *r, int type, const void *value, size_t n)
{
    struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->h.nlmsg_len));
    a->rta_type = (unsigned short)type;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    memcpy(RTA_DATA(a), value, n);
    r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + (unsigned)RTA_ALIGN(a->rta_len);
}

/* *ret_end: the answer is complete. */
static struct err *read_answer(int fd, void *buf, rtnl_each_fn *fn, void *arg, bool *ret_end)
{
    ssize_t n = recv(fd, buf, REPLY_MAX, 0);
    if (n < 0)
        return errno == EAGAIN ? err_new(ERR_TIMEOUT, "no answer in %d s", DEADLINE_S)
                               : err_sys(errno, "recv");
    unsigned left = (unsigned)n;
    for (struct nlmsghdr *h = buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
            const int *error = NLMSG_DATA(h);
            *ret_end = true;
            return *error ? err_sys(-*error, "netlink") : NULL;
        }
        if (fn)
            fn(arg, h);
    }
    return NULL;
}

static struct err *exchange(int fd, struct rtnl_request *r, rtnl_each_fn *fn, void *arg)
{
    auto_free char *buf = mem_zalloc(REPLY_MAX);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (sendto(fd, r, r->h.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return err_sys(errno, "send");
    for (bool end = false; !end;)
        TRY(read_answer(fd, buf, fn, arg, &end));
    return NULL;
}

struct err *rtnl_ask(int fd, struct rtnl_request *r)
{
    r->h.nlmsg_flags |= NLM_F_ACK;
    return exchange(fd, r, NULL, NULL);
}

struct err *rtnl_dump(int fd, struct rtnl_request *r, rtnl_each_fn *fn, void *arg)
{
    r->h.nlmsg_flags |= NLM_F_DUMP;
    return exchange(fd, r, fn, arg);
}

static void take_index(void *arg, const struct nlmsghdr *h)
{
    const struct ifinfomsg *i = NLMSG_DATA(h);
    *(int *)arg = i->ifi_index;
}

struct err *rtnl_index(int fd, const char *name, int *ret)
{
    struct rtnl_request r;
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    rtnl_begin(&r, RTM_GETLINK, NLM_F_ACK, &head, sizeof(head));
    rtnl_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
    *ret = 0;
    struct err *e = exchange(fd, &r, take_index, ret);
    if (e && err_errno(e) == ENODEV) {
        err_free(e);
        return NULL;
    }
    return e;
}
