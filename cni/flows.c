/* UDP flows to host ports, removed from the connection table by one filtered request per port: the kernel
 * searches. */
#include "cni/hostports.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

/* Which parts of a tuple CTA_FILTER compares (kernel 5.8); the uapi headers do not name them. */
enum { FILTER_PROTO_NUM = 1 << 3, FILTER_PROTO_DST_PORT = 1 << 5 };

static void build(struct nlmsghdr *nlh, const struct hostport *h, int family)
{
    nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
    g->nfgen_family = (unsigned char)family;
    g->version = NFNETLINK_V0;
    struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
    struct nlattr *proto = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(h->host_port));
    mnl_attr_nest_end(nlh, proto);
    mnl_attr_nest_end(nlh, tuple);
    struct nlattr *filter = mnl_attr_nest_start(nlh, CTA_FILTER);
    mnl_attr_put_u32(nlh, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT);
    mnl_attr_nest_end(nlh, filter);
}

static struct err *forget(struct mnl_socket *nl, const struct hostport *h, int family, unsigned seq)
{
    _Alignas(8) char buf[4096];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    build(nlh, h, family);
    nlh->nlmsg_seq = seq;
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "forget flows to UDP port %u", h->host_port);
    ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
    if (n < 0 || mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), NULL, NULL) < 0)
        return errno == ENOENT ? NULL : err_sys(errno, "forget flows to UDP port %u", h->host_port);
    return NULL;
}

struct err *hostports_forget_flows(const struct hostports *p)
{
    struct mnl_socket *nl = NULL;
    struct err *e = NULL;
    for (size_t i = 0; i < p->n && !e; i++) {
        if (p->v[i].protocol != IPPROTO_UDP)
            continue;
        if (!nl && !(nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)))
            return err_sys(errno, "open a conntrack socket");
        e = forget(nl, &p->v[i], p->ip.family, (unsigned)i + 1);
    }
    if (nl)
        mnl_socket_close(nl);
    return e;
}
