/* See wire.h. */
#include "cni/wire.h"
#include "lib/buf.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

enum { MESSAGE_MAX = 1024, MESSAGES_MAX = 32, ANSWER_MAX = 32768 };

struct wire {
    struct mnl_socket *nl;
    unsigned n; /* messages, numbered from 1 */
    size_t len;
    const char *what[MESSAGES_MAX + 1];
    bool may_exist[MESSAGES_MAX + 1];
    _Alignas(8) char buf[MESSAGES_MAX * MESSAGE_MAX];
};

static struct mnl_socket *open_in(int netns_fd)
{
    if (netns_fd < 0)
        return mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    auto_close home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
        return NULL;
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int why = errno;
    if (setns(home, CLONE_NEWNET) < 0)
        abort(); /* in the wrong namespace nothing may be done */
    errno = why;
    return nl;
}

struct err *wire_open(int netns_fd, struct wire **ret)
{
    struct wire *w = mem_new(struct wire);
    w->nl = open_in(netns_fd);
    if (!w->nl || mnl_socket_bind(w->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        struct err *e = err_sys(errno, "open a netlink socket");
        wire_close(w);
        return e;
    }
    int one = 1;
    (void)setsockopt(mnl_socket_get_fd(w->nl), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    (void)setsockopt(mnl_socket_get_fd(w->nl), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    *ret = w;
    return NULL;
}

void wire_close(struct wire *w)
{
    if (!w)
        return;
    if (w->nl)
        mnl_socket_close(w->nl);
    free(w);
}

/* --- sending --- */

/* What the kernel says beside the number. */
static const char *ext_ack(const struct nlmsghdr *nlh)
{
    struct nlattr *a;
    if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    mnl_attr_for_each(a, nlh, sizeof(struct nlmsgerr)) if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
                                                           mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >=
                                                               0) return mnl_attr_get_str(a);
    return NULL;
}

static struct err *answer_error(const struct wire *w, const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *m = mnl_nlmsg_get_payload(nlh);
    const char *text = ext_ack(nlh);
    unsigned seq = nlh->nlmsg_seq <= w->n ? nlh->nlmsg_seq : 0;
    if (!m->error || (m->error == -EEXIST && w->may_exist[seq]))
        return NULL;
    return text ? err_sys(-m->error, "%s (%s)", w->what[seq], text) : err_sys(-m->error, "%s", w->what[seq]);
}

struct err *wire_send(struct wire *w)
{
    auto_free char *answer = mem_zalloc(ANSWER_MAX);
    struct err *e = NULL;
    if (!w->n)
        return NULL;
    if (mnl_socket_sendto(w->nl, w->buf, w->len) < 0)
        return err_sys(errno, "send netlink messages");
    for (unsigned left = w->n; left > 0;) {
        ssize_t got = mnl_socket_recvfrom(w->nl, answer, ANSWER_MAX);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return e ? e : err_sys(errno, "read the netlink answer");
        int bytes = (int)got;
        struct nlmsghdr *nlh = (void *)answer;
        for (; mnl_nlmsg_ok(nlh, bytes) && left > 0; nlh = mnl_nlmsg_next(nlh, &bytes)) {
            if (nlh->nlmsg_type != NLMSG_ERROR)
                continue;
            left--;
            if (!e)
                e = answer_error(w, nlh);
        }
    }
    w->n = 0;
    w->len = 0;
    return e;
}

static struct nlmsghdr *message(struct wire *w, unsigned type, unsigned flags, const char *what)
{
    if (w->n == MESSAGES_MAX)
        abort(); /* callers send long before */
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(w->buf + w->len);
    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    nlh->nlmsg_seq = ++w->n;
    w->what[w->n] = what;
    w->may_exist[w->n] = false;
    return nlh;
}

static void message_end(struct wire *w, const struct nlmsghdr *nlh)
{
    w->len += MNL_ALIGN(nlh->nlmsg_len);
}

static struct ifinfomsg *link_header(struct nlmsghdr *nlh, int index, unsigned flags)
{
    struct ifinfomsg *ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
    ifm->ifi_index = index;
    ifm->ifi_flags = ifm->ifi_change = flags;
    return ifm;
}

/* --- links --- */

void wire_bridge(struct wire *w, const char *name, const unsigned char mac[6], unsigned mtu)
{
    struct nlmsghdr *nlh = message(w, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "create bridge");
    link_header(nlh, 0, IFF_UP);
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
    if (mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
    struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(nlh, info);
    message_end(w, nlh);
}

void wire_veth(struct wire *w, const struct wire_veth *v)
{
    struct nlmsghdr *nlh = message(w, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "create veth pair");
    link_header(nlh, 0, 0);
    mnl_attr_put_strz(nlh, IFLA_IFNAME, v->name);
    if (v->mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, v->mtu);
    if (v->master)
        mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)v->master);
    struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, v->peer_name);
    mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)v->peer_netns_fd);
    if (v->peer_mac)
        mnl_attr_put(nlh, IFLA_ADDRESS, 6, v->peer_mac);
    if (v->mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, v->mtu);
    mnl_attr_nest_end(nlh, peer);
    mnl_attr_nest_end(nlh, data);
    mnl_attr_nest_end(nlh, info);
    message_end(w, nlh);
}

void wire_port(struct wire *w, int index, bool hairpin, bool isolated)
{
    struct nlmsghdr *nlh = message(w, RTM_NEWLINK, 0, "set up bridge port");
    link_header(nlh, index, 0);
    struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, "bridge");
    struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_SLAVE_DATA);
    mnl_attr_put_u8(nlh, IFLA_BRPORT_MODE, hairpin);
    mnl_attr_put_u8(nlh, IFLA_BRPORT_ISOLATED, isolated);
    mnl_attr_nest_end(nlh, data);
    mnl_attr_nest_end(nlh, info);
    message_end(w, nlh);
}

void wire_flags(struct wire *w, int index, unsigned flags)
{
    struct nlmsghdr *nlh = message(w, RTM_NEWLINK, 0, "bring up interface");
    link_header(nlh, index, flags);
    message_end(w, nlh);
}

void wire_mac(struct wire *w, int index, const unsigned char mac[6])
{
    struct nlmsghdr *nlh = message(w, RTM_NEWLINK, 0, "set MAC address");
    link_header(nlh, index, 0);
    mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
    message_end(w, nlh);
}

/* --- addresses and routes --- */

static size_t bytes_of(int family)
{
    return family == AF_INET ? 4 : 16;
}

static void addr_message(
    struct wire *w, unsigned type, unsigned flags, int index, const struct net_addr *a, uint32_t addr_flags)
{
    struct nlmsghdr *nlh = message(w, type, flags, type == RTM_NEWADDR ? "add address" : "delete address");
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
    size_t n = bytes_of(a->family);
    m->ifa_family = (unsigned char)a->family;
    m->ifa_prefixlen = (unsigned char)a->prefix;
    m->ifa_index = (uint32_t)index;
    mnl_attr_put(nlh, IFA_LOCAL, n, a->ip);
    mnl_attr_put(nlh, IFA_ADDRESS, n, a->ip);
    if (a->family == AF_INET && a->prefix < 31) {
        uint32_t ip, broadcast;
        memcpy(&ip, a->ip, 4);
        broadcast = ip | htonl(0xffffffffU >> a->prefix);
        mnl_attr_put(nlh, IFA_BROADCAST, 4, &broadcast);
    }
    if (addr_flags)
        mnl_attr_put_u32(nlh, IFA_FLAGS, addr_flags);
    message_end(w, nlh);
}

void wire_addr(struct wire *w, int index, const struct net_addr *a, bool on_link)
{
    uint32_t flags = (on_link ? 0 : IFA_F_NOPREFIXROUTE) | (a->family == AF_INET6 ? IFA_F_NODAD : 0);
    addr_message(w, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, a, flags);
}

void wire_addr_delete(struct wire *w, int index, const struct net_addr *a)
{
    addr_message(w, RTM_DELADDR, 0, index, a, 0);
}

static void put_metrics(struct nlmsghdr *nlh, const struct wire_route *r)
{
    if (!r->mtu && !r->advmss)
        return;
    struct nlattr *metrics = mnl_attr_nest_start(nlh, RTA_METRICS);
    if (r->mtu)
        mnl_attr_put_u32(nlh, RTAX_MTU, r->mtu);
    if (r->advmss)
        mnl_attr_put_u32(nlh, RTAX_ADVMSS, r->advmss);
    mnl_attr_nest_end(nlh, metrics);
}

void wire_route(struct wire *w, int index, const struct wire_route *r)
{
    struct nlmsghdr *nlh = message(w, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "add route");
    w->may_exist[w->n] = true;
    struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
    m->rtm_family = (unsigned char)r->dst.family;
    m->rtm_dst_len = (unsigned char)r->dst.prefix;
    m->rtm_table = r->table && r->table < 256 ? (unsigned char)r->table : RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_BOOT;
    m->rtm_type = RTN_UNICAST;
    m->rtm_scope = r->scope ? (unsigned char)r->scope : r->gw.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (r->dst.prefix)
        mnl_attr_put(nlh, RTA_DST, bytes_of(r->dst.family), r->dst.ip);
    if (r->gw.family)
        mnl_attr_put(nlh, RTA_GATEWAY, bytes_of(r->gw.family), r->gw.ip);
    mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)index);
    if (r->table)
        mnl_attr_put_u32(nlh, RTA_TABLE, r->table);
    if (r->priority)
        mnl_attr_put_u32(nlh, RTA_PRIORITY, r->priority);
    put_metrics(nlh, r);
    message_end(w, nlh);
}

struct route_search {
    const struct wire_route *r;
    int index;
    bool found;
};

static bool attr_is(const struct nlattr *a, const struct net_addr *ip)
{
    size_t n = bytes_of(ip->family);
    return mnl_attr_get_payload_len(a) == n && !memcmp(mnl_attr_get_payload(a), ip->ip, n);
}

static int compare_route(const struct nlmsghdr *nlh, void *arg)
{
    struct route_search *s = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
    bool dst = s->r->dst.prefix == 0, gw = !s->r->gw.family, oif = false;
    if (m->rtm_family != s->r->dst.family || m->rtm_dst_len != s->r->dst.prefix)
        return MNL_CB_OK;
    struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(*m))
    {
        unsigned type = mnl_attr_get_type(a);
        dst |= type == RTA_DST && attr_is(a, &s->r->dst);
        gw |= type == RTA_GATEWAY && s->r->gw.family && attr_is(a, &s->r->gw);
        oif |= type == RTA_OIF && mnl_attr_get_u32(a) == (uint32_t)s->index;
    }
    s->found |= dst && gw && oif;
    return MNL_CB_OK;
}

struct err *wire_has_route(struct wire *w, int index, const struct wire_route *r, bool *ret)
{
    auto_free char *answer = mem_zalloc(ANSWER_MAX);
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(answer);
    nlh->nlmsg_type = RTM_GETROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = 1;
    struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
    m->rtm_family = (unsigned char)r->dst.family;
    if (mnl_socket_sendto(w->nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "list routes");
    struct route_search s = {r, index, false};
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        ssize_t got = mnl_socket_recvfrom(w->nl, answer, ANSWER_MAX);
        more = got < 0 ? MNL_CB_ERROR
                       : mnl_cb_run(answer, (size_t)got, 1, mnl_socket_get_portid(w->nl), compare_route, &s);
    }
    *ret = s.found;
    return more < 0 ? err_sys(errno, "list routes") : NULL;
}
