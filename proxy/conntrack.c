/*
 * See conntrack.h. libnetfilter_conntrack writes the two tuples; which of their parts are compared is said in
 * a CTA_FILTER (kernel 5.8), for which Debian 12's library has no words yet.
 */
#include "proxy/conntrack.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

enum {
    BY_SOURCE = 1 << 0,
    BY_DESTINATION = 1 << 1,
    BY_PROTOCOL = 1 << 3,
    BY_SOURCE_PORT = 1 << 4,
    BY_DESTINATION_PORT = 1 << 5
};

struct conntrack {
    struct mnl_socket *nl;
    unsigned seq;
};

struct err *conntrack_open(struct conntrack **ret)
{
    struct conntrack *c = mem_new(struct conntrack);
    c->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!c->nl || mnl_socket_bind(c->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        struct err *e = err_sys(errno, "open a conntrack socket");
        conntrack_close(c);
        return e;
    }
    *ret = c;
    return NULL;
}

void conntrack_close(struct conntrack *c)
{
    if (!c)
        return;
    if (c->nl)
        mnl_socket_close(c->nl);
    free(c);
}

static void put_tuples(struct nlmsghdr *nlh, const struct plan_flow *f)
{
    struct nf_conntrack *ct = nfct_new();
    nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, AF_INET);
    nfct_set_attr_u32(ct, ATTR_ORIG_IPV4_SRC, 0);
    nfct_set_attr_u32(ct, ATTR_ORIG_IPV4_DST, f->ip);
    nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, IPPROTO_UDP);
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, 0);
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, f->port);
    nfct_set_attr_u8(ct, ATTR_REPL_L3PROTO, AF_INET);
    nfct_set_attr_u32(ct, ATTR_REPL_IPV4_SRC, f->endpoint_ip);
    nfct_set_attr_u32(ct, ATTR_REPL_IPV4_DST, 0);
    nfct_set_attr_u8(ct, ATTR_REPL_L4PROTO, IPPROTO_UDP);
    nfct_set_attr_u16(ct, ATTR_REPL_PORT_SRC, f->endpoint_port);
    nfct_set_attr_u16(ct, ATTR_REPL_PORT_DST, 0);
    nfct_nlmsg_build(nlh, ct);
    nfct_destroy(ct);
}

static void build(struct nlmsghdr *nlh, const struct plan_flow *f)
{
    nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
    g->nfgen_family = AF_INET;
    g->version = NFNETLINK_V0;
    put_tuples(nlh, f);
    struct nlattr *filter = mnl_attr_nest_start(nlh, CTA_FILTER);
    mnl_attr_put_u32(
        nlh, CTA_FILTER_ORIG_FLAGS, BY_PROTOCOL | BY_DESTINATION_PORT | (f->ip ? BY_DESTINATION : 0));
    if (f->endpoint_ip)
        mnl_attr_put_u32(nlh, CTA_FILTER_REPLY_FLAGS, BY_SOURCE | BY_PROTOCOL | BY_SOURCE_PORT);
    mnl_attr_nest_end(nlh, filter);
}

struct err *conntrack_forget(struct conntrack *c, const struct plan_flow *f)
{
    _Alignas(8) char buf[4096];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    build(nlh, f);
    nlh->nlmsg_seq = ++c->seq;
    if (mnl_socket_sendto(c->nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "forget UDP flows to port %u", ntohs(f->port));
    ssize_t n = mnl_socket_recvfrom(c->nl, buf, sizeof(buf));
    if (n < 0 || mnl_cb_run(buf, (size_t)n, c->seq, mnl_socket_get_portid(c->nl), NULL, NULL) < 0)
        return errno == ENOENT ? NULL : err_sys(errno, "forget UDP flows to port %u", ntohs(f->port));
    return NULL;
}
