/*
 * rtnetlink: one socket, one request under way at a time. Every message is built in a buffer of fixed size,
 * sent, and its answers are read until the acknowledgement with its sequence number; the kernel's extended
 * acknowledgement ("Device is already a bridge port") goes into the error.
 */
#include "lib/mem.h"
#include "lib/netlink_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX 32768
#define WAIT_SECONDS 5 /* rtnetlink answers within the call; RTNL itself may be held by others for long */

struct netlink {
    struct mnl_socket *socket;
    unsigned port, seq;
};

/* --- the socket --- */

static struct err *open_here(struct netlink **ret)
{
    static const int ON = 1;
    static const struct timeval WAIT = {.tv_sec = WAIT_SECONDS};
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!s)
        return err_sys(errno, "open a netlink socket");
    int fd = mnl_socket_get_fd(s);
    if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &WAIT, sizeof WAIT) < 0) {
        struct err *e = err_sys(errno, "prepare a netlink socket");
        mnl_socket_close(s);
        return e;
    }
    mnl_socket_setsockopt(s, NETLINK_EXT_ACK, (void *)&ON, sizeof ON);
    mnl_socket_setsockopt(s, NETLINK_CAP_ACK, (void *)&ON, sizeof ON);
    mnl_socket_setsockopt(s, NETLINK_GET_STRICT_CHK, (void *)&ON, sizeof ON);
    struct netlink *nl = mem_new(struct netlink);
    nl->socket = s;
    nl->port = mnl_socket_get_portid(s);
    *ret = nl;
    return NULL;
}

/* A socket belongs for good to the namespace that it was made in; the thread goes there just for that. */
struct err *netlink_open(int netns_fd, struct netlink **ret)
{
    if (netns_fd < 0)
        return open_here(ret);
    auto_close home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return err_sys(errno, "open /proc/thread-self/ns/net");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return err_sys(errno, "enter the network namespace");
    struct err *e = open_here(ret);
    if (setns(home, CLONE_NEWNET) < 0)
        abort(); /* to go on in a stranger's network would be worse */
    return e;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    mnl_socket_close(nl->socket);
    free(nl);
}

/* --- requests --- */

void netlink_msg_init(struct netlink_msg *m, uint16_t type, uint16_t flags)
{
    m->h = mnl_nlmsg_put_header(m->buf);
    m->h->nlmsg_type = type;
    m->h->nlmsg_flags = NLM_F_REQUEST | flags;
}

static int find_message(const struct nlattr *attr, void *data)
{
    if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
        *(const char **)data = mnl_attr_get_str(attr);
    return MNL_CB_OK;
}

/* NULL for an acknowledgement. */
static struct err *answer_error(const struct nlmsghdr *h)
{
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_len < mnl_nlmsg_size(sizeof *e))
        return err_new(ERR_SYSTEM, "netlink: short answer");
    if (e->error == 0)
        return NULL;
    const char *text = NULL;
    if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
        size_t skip = sizeof *e;
        if (!(h->nlmsg_flags & NLM_F_CAPPED))
            skip += mnl_nlmsg_get_payload_len(&e->msg);
        mnl_attr_parse(h, (unsigned)skip, find_message, &text);
    }
    struct err *out = text ? err_sys(-e->error, "%s", text) : err_sys(-e->error, "netlink");
    return e->error == -ENODEV || e->error == -ESRCH ? err_as(out, ERR_NOT_FOUND) : out;
}

enum progress { MORE, FINISHED };

/* Reads the answers in one datagram. */
static struct err *take(
    struct netlink *nl, const char *buf, size_t len, netlink_answer_fn *fn, void *arg, enum progress *ret)
{
    int left = (int)len;
    for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
        if (h->nlmsg_seq != nl->seq)
            continue; /* of a request that was given up */
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
            return err_new(ERR_CONFLICT, "netlink: the list changed while it was read");
        if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
            *ret = FINISHED;
            return h->nlmsg_type == NLMSG_ERROR ? answer_error(h) : NULL;
        }
        if (fn)
            fn(arg, h);
    }
    return NULL;
}

struct err *netlink_talk(struct netlink *nl, struct netlink_msg *m, netlink_answer_fn *fn, void *arg)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
    m->h->nlmsg_seq = ++nl->seq;
    if (mnl_socket_sendto(nl->socket, m->h, m->h->nlmsg_len) < 0)
        return err_sys(errno, "netlink: send");
    for (enum progress p = MORE; p == MORE;) {
        ssize_t n = mnl_socket_recvfrom(nl->socket, answer, sizeof answer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return err_new(ERR_TIMEOUT, "netlink: no answer in %d s", WAIT_SECONDS);
        if (n < 0)
            return err_sys(errno, "netlink: receive");
        TRY(take(nl, answer, (size_t)n, fn, arg, &p));
    }
    return NULL;
}

struct err *netlink_do(struct netlink *nl, struct netlink_msg *m)
{
    m->h->nlmsg_flags |= NLM_F_ACK;
    return netlink_talk(nl, m, NULL, NULL);
}

/* --- links --- */

static struct ifinfomsg *link_msg(struct netlink_msg *m, uint16_t type, uint16_t flags, int index)
{
    netlink_msg_init(m, type, flags);
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m->h, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    i->ifi_index = index;
    return i;
}

static struct err *put_name(struct netlink_msg *m, const char *name)
{
    if (!*name || strlen(name) >= IFNAMSIZ)
        return err_new(ERR_INVALID, "interface name \"%s\": not 1 to %d characters", name, IFNAMSIZ - 1);
    mnl_attr_put_strz(m->h, IFLA_IFNAME, name);
    return NULL;
}

static int link_kind(const struct nlattr *attr, void *data)
{
    struct net_link *l = data;
    if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
        strncpy(l->kind, mnl_attr_get_str(attr), sizeof l->kind - 1);
    return MNL_CB_OK;
}

static int link_attr(const struct nlattr *attr, void *data)
{
    struct net_link *l = data;
    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME:
        strncpy(l->name, mnl_attr_get_str(attr), sizeof l->name - 1);
        break;
    case IFLA_MASTER:
        l->master = (int)mnl_attr_get_u32(attr);
        break;
    case IFLA_MTU:
        l->mtu = mnl_attr_get_u32(attr);
        break;
    case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(attr) == sizeof l->mac)
            memcpy(l->mac, mnl_attr_get_payload(attr), sizeof l->mac);
        break;
    case IFLA_LINKINFO:
        mnl_attr_parse_nested(attr, link_kind, l);
        break;
    }
    return MNL_CB_OK;
}

static bool link_read(const struct nlmsghdr *h, struct net_link *l)
{
    *l = (struct net_link){0};
    if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < mnl_nlmsg_size(sizeof(struct ifinfomsg)))
        return false;
    const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
    l->index = i->ifi_index;
    l->up = i->ifi_flags & IFF_UP;
    mnl_attr_parse(h, sizeof *i, link_attr, l);
    return true;
}

static void link_got(void *arg, const struct nlmsghdr *h)
{
    struct net_link l;
    if (link_read(h, &l))
        *(struct net_link *)arg = l;
}

struct err *netlink_link_get(struct netlink *nl, const char *name, struct net_link *ret)
{
    struct netlink_msg m;
    struct net_link l = {0};
    link_msg(&m, RTM_GETLINK, NLM_F_ACK, 0);
    TRY(put_name(&m, name));
    struct err *e = netlink_talk(nl, &m, link_got, &l);
    if (e && err_errno(e) != ENODEV)
        return err_wrap(e, "interface %s", name);
    err_free(e);
    *ret = l;
    return NULL;
}

struct link_walk {
    void (*fn)(void *arg, const struct net_link *l);
    void *arg;
};

static void link_walk_got(void *arg, const struct nlmsghdr *h)
{
    struct link_walk *w = arg;
    struct net_link l;
    if (link_read(h, &l))
        w->fn(w->arg, &l);
}

struct err *netlink_link_each(struct netlink *nl, void (*fn)(void *arg, const struct net_link *l), void *arg)
{
    struct netlink_msg m;
    struct link_walk w = {fn, arg};
    link_msg(&m, RTM_GETLINK, NLM_F_DUMP, 0);
    return err_wrap(netlink_talk(nl, &m, link_walk_got, &w), "list interfaces");
}

struct err *netlink_bridge_add(struct netlink *nl, const char *name, unsigned mtu)
{
    struct netlink_msg m;
    link_msg(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    TRY(put_name(&m, name));
    struct nlattr *info = mnl_attr_nest_start(m.h, IFLA_LINKINFO);
    mnl_attr_put_strz(m.h, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(m.h, info);
    TRY_WRAP(netlink_do(nl, &m), "add bridge %s", name);
    if (!mtu)
        return NULL;
    link_msg(&m, RTM_NEWLINK, 0, 0); /* only a later change counts as asked for: else ports move it */
    TRY(put_name(&m, name));
    mnl_attr_put_u32(m.h, IFLA_MTU, mtu);
    return err_wrap(netlink_do(nl, &m), "set the MTU of bridge %s to %u", name, mtu);
}

/* The other end is born in its namespace under its name: nothing is renamed or moved, no event is lost. */
struct err *netlink_veth_add(struct netlink *nl, const char *name, int master, unsigned mtu,
    const char *peer_name, int peer_netns_fd, const unsigned char *peer_mac)
{
    struct netlink_msg m;
    link_msg(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    TRY(put_name(&m, name));
    if (mtu)
        mnl_attr_put_u32(m.h, IFLA_MTU, mtu);
    if (master)
        mnl_attr_put_u32(m.h, IFLA_MASTER, (uint32_t)master);
    struct nlattr *info = mnl_attr_nest_start(m.h, IFLA_LINKINFO);
    mnl_attr_put_strz(m.h, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(m.h, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(m.h, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(m.h, sizeof(struct ifinfomsg));
    TRY(put_name(&m, peer_name));
    if (mtu)
        mnl_attr_put_u32(m.h, IFLA_MTU, mtu);
    if (peer_netns_fd >= 0)
        mnl_attr_put_u32(m.h, IFLA_NET_NS_FD, (uint32_t)peer_netns_fd);
    if (peer_mac)
        mnl_attr_put(m.h, IFLA_ADDRESS, 6, peer_mac);
    mnl_attr_nest_end(m.h, peer);
    mnl_attr_nest_end(m.h, data);
    mnl_attr_nest_end(m.h, info);
    return err_wrap(netlink_do(nl, &m), "add veth %s with %s", name, peer_name);
}

struct err *netlink_link_delete(struct netlink *nl, int index)
{
    struct netlink_msg m;
    link_msg(&m, RTM_DELLINK, 0, index);
    return err_wrap(netlink_do(nl, &m), "delete interface %d", index);
}

struct err *netlink_link_up(struct netlink *nl, int index, bool up)
{
    struct netlink_msg m;
    struct ifinfomsg *i = link_msg(&m, RTM_NEWLINK, 0, index);
    i->ifi_change = IFF_UP;
    i->ifi_flags = up ? IFF_UP : 0;
    return err_wrap(netlink_do(nl, &m), "set interface %d %s", index, up ? "up" : "down");
}

struct err *netlink_link_master(struct netlink *nl, int index, int master)
{
    struct netlink_msg m;
    link_msg(&m, RTM_NEWLINK, 0, index);
    mnl_attr_put_u32(m.h, IFLA_MASTER, (uint32_t)master);
    return err_wrap(netlink_do(nl, &m), "set interface %d master %d", index, master);
}

struct err *netlink_bridge_port(struct netlink *nl, int index, bool hairpin, bool isolated)
{
    struct netlink_msg m;
    struct ifinfomsg *i = link_msg(&m, RTM_SETLINK, 0, index);
    i->ifi_family = AF_BRIDGE;
    struct nlattr *port = mnl_attr_nest_start(m.h, IFLA_PROTINFO);
    mnl_attr_put_u8(m.h, IFLA_BRPORT_MODE, hairpin);
    mnl_attr_put_u8(m.h, IFLA_BRPORT_ISOLATED, isolated);
    mnl_attr_nest_end(m.h, port);
    return err_wrap(netlink_do(nl, &m), "set bridge port %d", index);
}
