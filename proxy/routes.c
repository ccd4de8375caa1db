/* See routes.h. */
#include "proxy/routes.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum { ANSWER_MAX = 32768 };

/* --- plan --- */

static void add(struct route_list *l, const struct route *r)
{
    l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = *r;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct route));
}

static void finish(struct route_list *l)
{
    size_t kept = 0;
    if (l->n)
        qsort(l->v, l->n, sizeof(*l->v), compare);
    for (size_t i = 0; i < l->n; i++)
        if (!kept || compare(&l->v[kept - 1], &l->v[i]))
            l->v[kept++] = l->v[i];
    l->n = kept;
}

/* "10.244.1.0/24"; false: no IPv4 network. */
static bool parse(const char *text, uint32_t *ret_ip, uint8_t *ret_prefix)
{
    struct net_addr a;
    auto_err *e = text ? net_addr_parse(text, &a) : err_new(ERR_INVALID, "none");
    if (e || a.family != AF_INET)
        return false;
    memcpy(ret_ip, a.ip, 4);
    if (ret_prefix) {
        *ret_prefix = (uint8_t)a.prefix;
        *ret_ip &= a.prefix ? htonl(0xffffffffU << (32 - a.prefix)) : 0;
    }
    return true;
}

static const struct route_link *link_to(const struct route_link *links, size_t n, uint32_t ip)
{
    for (size_t i = 0; i < n; i++) {
        const struct net_addr *a = &links[i].address;
        uint32_t own;
        memcpy(&own, a->ip, 4);
        uint32_t mask = a->prefix ? htonl(0xffffffffU << (32 - a->prefix)) : 0;
        if (a->family == AF_INET && a->prefix < 32 && ((own ^ ip) & mask) == 0)
            return &links[i];
    }
    return NULL;
}

static void plan_nodes(const struct model *m, const struct routes_opts *o, const struct route_link *links,
    size_t n_links, struct route_list *ret, size_t *far)
{
    struct model_node *node;
    for (size_t at = 0; model_next_node(m, &at, &node);) {
        struct route r = {.type = RTN_UNICAST, .table = RT_TABLE_MAIN, .scope = RT_SCOPE_UNIVERSE};
        if (!strcmp(node->name, o->node_name) || !parse(node->pod_cidr, &r.dst, &r.prefix) ||
            !parse(node->internal_ip, &r.gateway, NULL))
            continue;
        const struct route_link *l = link_to(links, n_links, r.gateway);
        if (!l) {
            ++*far;
            continue;
        }
        r.interface = (uint32_t)l->interface;
        add(ret, &r);
    }
}

void routes_plan(const struct model *m, const struct routes_opts *o, const struct route_link *links,
    size_t n_links, struct route_list *ret, size_t *ret_far)
{
    enum { LO = 1 };
    struct route services = {
        .interface = LO, .type = RTN_UNICAST, .table = RT_TABLE_MAIN, .scope = RT_SCOPE_LINK};
    struct route dns = {
        .interface = LO, .prefix = 32, .type = RTN_LOCAL, .table = RT_TABLE_LOCAL, .scope = RT_SCOPE_HOST};
    *ret = (struct route_list){0};
    *ret_far = 0;
    plan_nodes(m, o, links, n_links, ret, ret_far);
    if (parse(o->service_cidr, &services.dst, &services.prefix) && parse(o->node_ip, &services.source, NULL))
        add(ret, &services);
    if (parse(o->dns_ip, &dns.dst, NULL))
        add(ret, &dns);
    finish(ret);
}

/* --- the kernel's --- */

static void put(struct nlmsghdr *nlh, unsigned attr, uint32_t value)
{
    if (value)
        mnl_attr_put_u32(nlh, (uint16_t)attr, value);
}

static struct err *talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t fn, void *arg)
{
    auto_free char *answer = mem_zalloc(ANSWER_MAX);
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "ask for routes");
    for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
        ssize_t n = mnl_socket_recvfrom(nl, answer, ANSWER_MAX);
        more = n < 0 ? MNL_CB_ERROR : mnl_cb_run(answer, (size_t)n, nlh->nlmsg_seq, 0, fn, arg);
        if (more < 0)
            return err_sys(errno, "routes");
    }
    return NULL;
}

static struct err *change(struct mnl_socket *nl, bool adding, const struct route *r)
{
    _Alignas(8) char buf[512];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = adding ? RTM_NEWROUTE : RTM_DELROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (adding ? NLM_F_CREATE | NLM_F_REPLACE : 0);
    nlh->nlmsg_seq = 1;
    struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
    *m = (struct rtmsg){.rtm_family = AF_INET,
        .rtm_dst_len = r->prefix,
        .rtm_table = r->table,
        .rtm_protocol = ROUTES_PROTOCOL,
        .rtm_scope = r->scope,
        .rtm_type = r->type};
    put(nlh, RTA_DST, r->dst);
    put(nlh, RTA_GATEWAY, r->gateway);
    put(nlh, RTA_PREFSRC, r->source);
    put(nlh, RTA_OIF, r->interface);
    struct in_addr ip = {r->dst};
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &ip, text, sizeof(text));
    struct err *e = talk(nl, nlh, NULL, NULL);
    if (e && !adding && err_errno(e) == ESRCH) {
        err_free(e);
        return NULL;
    }
    return err_wrap(e, "%s route to %s/%u", adding ? "add" : "delete", text, r->prefix);
}

static int note_route(const struct nlmsghdr *nlh, void *arg)
{
    const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
    struct route r = {
        .prefix = m->rtm_dst_len, .type = m->rtm_type, .table = m->rtm_table, .scope = m->rtm_scope};
    if (nlh->nlmsg_type != RTM_NEWROUTE || m->rtm_protocol != ROUTES_PROTOCOL)
        return MNL_CB_OK;
    struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(*m))
    {
        unsigned type = mnl_attr_get_type(a);
        uint32_t v = mnl_attr_get_payload_len(a) == 4 ? mnl_attr_get_u32(a) : 0;
        if (type == RTA_DST)
            r.dst = v;
        else if (type == RTA_GATEWAY)
            r.gateway = v;
        else if (type == RTA_PREFSRC)
            r.source = v;
        else if (type == RTA_OIF)
            r.interface = v;
    }
    add(arg, &r);
    return MNL_CB_OK;
}

static struct err *read_routes(struct mnl_socket *nl, struct route_list *ret)
{
    _Alignas(8) char buf[256];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = RTM_GETROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = 1;
    struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
    m->rtm_family = AF_INET;
    *ret = (struct route_list){0};
    TRY(talk(nl, nlh, note_route, ret));
    finish(ret);
    return NULL;
}

static bool has(const struct route_list *l, const struct route *r)
{
    return l->n && bsearch(r, l->v, l->n, sizeof(*l->v), compare);
}

/* One route that cannot be set (its interface is down) does not keep the others from being. */
static struct err *make_it_so(const struct route_list *want)
{
    struct route_list is = {0};
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl)
        return err_sys(errno, "open a netlink socket");
    struct err *first = read_routes(nl, &is);
    bool known = !first;
    for (int pass = 0; known && pass < 2; pass++) { /* what is no more, then what is new */
        const struct route_list *from = pass ? want : &is, *other = pass ? &is : want;
        for (size_t i = 0; i < from->n; i++) {
            struct err *e = has(other, &from->v[i]) ? NULL : change(nl, pass == 1, &from->v[i]);
            if (first)
                err_free(e);
            else
                first = e;
        }
    }
    mnl_socket_close(nl);
    free(is.v);
    return first;
}

struct links {
    size_t n;
    struct route_link *v;
};

static void note_link(void *arg, int index, const struct net_addr *a)
{
    struct links *l = arg;
    l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = (struct route_link){*a, index};
}

struct err *routes_apply(const struct model *m, const struct routes_opts *o, size_t *ret_far)
{
    struct links links = {0};
    struct route_list want = {0};
    struct netlink *nl;
    TRY(netlink_open(-1, &nl));
    struct err *e = netlink_addr_each(nl, 0, note_link, &links);
    netlink_close(nl);
    if (!e) {
        routes_plan(m, o, links.v, links.n, &want, ret_far);
        e = make_it_so(&want);
    }
    free(want.v);
    free(links.v);
    return e;
}

struct err *routes_remove(void)
{
    return make_it_so(&(struct route_list){0});
}
