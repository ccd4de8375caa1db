/* rtnetlink: addresses and routes, IPv4 and IPv6, and how they are written. */
#include "lib/netlink_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static size_t ip_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

struct err *net_addr_parse(const char *text, struct net_addr *ret)
{
    struct net_addr a = {0};
    char ip[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof ip)
        return err_new(ERR_INVALID, "\"%.64s\": not an IP address", text);
    memcpy(ip, text, n);
    ip[n] = 0;
    a.family = inet_pton(AF_INET, ip, a.ip) == 1    ? AF_INET
               : inet_pton(AF_INET6, ip, a.ip) == 1 ? AF_INET6
                                                    : 0;
    if (!a.family)
        return err_new(ERR_INVALID, "\"%s\": not an IP address", text);
    a.prefix = (unsigned)ip_size(a.family) * 8;
    if (slash) {
        char *end;
        unsigned long v = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || v > a.prefix)
            return err_new(ERR_INVALID, "\"%s\": not a prefix length from 0 to %u", text, a.prefix);
        a.prefix = (unsigned)v;
    }
    *ret = a;
    return NULL;
}

void net_addr_text(const struct net_addr *a, bool with_prefix, char text[64])
{
    text[0] = 0;
    if (!a->family || !inet_ntop(a->family, a->ip, text, 64) || !with_prefix)
        return;
    size_t n = strlen(text);
    snprintf(text + n, 64 - n, "/%u", a->prefix);
}

/* --- addresses --- */

static void put_broadcast(struct netlink_msg *m, const struct net_addr *a)
{
    if (a->family != AF_INET || a->prefix > 30)
        return;
    uint32_t ip;
    memcpy(&ip, a->ip, 4);
    ip |= htonl(0xffffffffU >> a->prefix);
    mnl_attr_put(m->h, IFA_BROADCAST, 4, &ip);
}

struct err *netlink_addr_add(struct netlink *nl, int index, const struct net_addr *a)
{
    struct netlink_msg m;
    char text[64];
    netlink_msg_init(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m.h, sizeof *i);
    i->ifa_family = (uint8_t)a->family;
    i->ifa_prefixlen = (uint8_t)a->prefix;
    i->ifa_index = (uint32_t)index;
    mnl_attr_put(m.h, IFA_LOCAL, ip_size(a->family), a->ip);
    mnl_attr_put(m.h, IFA_ADDRESS, ip_size(a->family), a->ip);
    put_broadcast(&m, a);
    if (a->family == AF_INET6) /* usable at once: nobody else has what we allocated */
        mnl_attr_put_u32(m.h, IFA_FLAGS, IFA_F_NODAD);
    net_addr_text(a, true, text);
    return err_wrap(netlink_do(nl, &m), "add address %s to interface %d", text, index);
}

struct addr_walk {
    int index;
    void (*fn)(void *arg, int index, const struct net_addr *a);
    void *arg;
};

struct addr_found {
    const struct nlattr *local, *address;
};

static int addr_attr(const struct nlattr *attr, void *data)
{
    struct addr_found *f = data;
    if (mnl_attr_get_type(attr) == IFA_LOCAL)
        f->local = attr;
    if (mnl_attr_get_type(attr) == IFA_ADDRESS)
        f->address = attr;
    return MNL_CB_OK;
}

static void addr_got(void *arg, const struct nlmsghdr *h)
{
    struct addr_walk *w = arg;
    const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < mnl_nlmsg_size(sizeof *i))
        return;
    if (w->index && (int)i->ifa_index != w->index)
        return;
    struct addr_found f = {0};
    mnl_attr_parse(h, sizeof *i, addr_attr, &f);
    const struct nlattr *ip = f.local ? f.local : f.address; /* IPv6 has no local one */
    struct net_addr a = {.family = i->ifa_family, .prefix = i->ifa_prefixlen};
    if (!ip || (a.family != AF_INET && a.family != AF_INET6) ||
        mnl_attr_get_payload_len(ip) != ip_size(a.family))
        return;
    memcpy(a.ip, mnl_attr_get_payload(ip), ip_size(a.family));
    w->fn(w->arg, (int)i->ifa_index, &a);
}

struct err *netlink_addr_each(
    struct netlink *nl, int index, void (*fn)(void *arg, int index, const struct net_addr *a), void *arg)
{
    struct netlink_msg m;
    struct addr_walk w = {index, fn, arg};
    netlink_msg_init(&m, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m.h, sizeof *i);
    i->ifa_family = AF_UNSPEC;
    return err_wrap(netlink_talk(nl, &m, addr_got, &w), "list addresses");
}

/* --- routes --- */

static void route_text(const struct net_addr *dst, const struct net_addr *gw, char text[160])
{
    char to[64] = "default", via[64] = "";
    if (dst->family && dst->prefix)
        net_addr_text(dst, true, to);
    if (gw)
        net_addr_text(gw, false, via);
    snprintf(text, 160, "%s%s%s", to, gw ? " via " : "", via);
}

static struct err *route(struct netlink *nl, uint16_t type, uint16_t flags, const struct net_addr *dst,
    const struct net_addr *gw, int index)
{
    struct netlink_msg m;
    netlink_msg_init(&m, type, flags);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m.h, sizeof *r);
    r->rtm_family = (uint8_t)(dst->family ? dst->family : gw ? gw->family : AF_INET);
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_dst_len = (uint8_t)(dst->family ? dst->prefix : 0);
    if (type == RTM_NEWROUTE) {
        r->rtm_protocol = RTPROT_STATIC;
        r->rtm_type = RTN_UNICAST;
        r->rtm_scope = gw || r->rtm_family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    } else
        r->rtm_scope = RT_SCOPE_NOWHERE; /* any */
    if (r->rtm_dst_len)
        mnl_attr_put(m.h, RTA_DST, ip_size(dst->family), dst->ip);
    if (gw)
        mnl_attr_put(m.h, RTA_GATEWAY, ip_size(gw->family), gw->ip);
    if (index)
        mnl_attr_put_u32(m.h, RTA_OIF, (uint32_t)index);
    return netlink_do(nl, &m);
}

struct err *netlink_route_add(
    struct netlink *nl, const struct net_addr *dst, const struct net_addr *gw, int index)
{
    static const struct net_addr ANY;
    char text[160];
    dst = dst ? dst : &ANY;
    route_text(dst, gw, text);
    return err_wrap(route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, dst, gw, index), "add route %s", text);
}

struct err *netlink_route_delete(
    struct netlink *nl, const struct net_addr *dst, const struct net_addr *gw, int index)
{
    static const struct net_addr ANY;
    char text[160];
    dst = dst ? dst : &ANY;
    route_text(dst, gw, text);
    return err_wrap(route(nl, RTM_DELROUTE, 0, dst, gw, index), "delete route %s", text);
}
