/* See netdev.h. */
#include "runtime/net/netdev.h"
#include "lib/mem.h"
#include "runtime/net/rtnetlink.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NUMBERS 4096  /* tried for a %d */
#define ADDRESSES 256 /* of one interface */

/* --- the plan */

/* What the kernel takes for a name; of conversions %d, once, where a template may stand. */
static bool is_name(const char *name, bool template)
{
    const char *percent = strchr(name, '%');
    if (!*name || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    if (percent && (!template || percent[1] != 'd' || strchr(percent + 1, '%')))
        return false;
    for (const char *p = name; *p; p++)
        if (*p == '/' || *p == ':' || isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return false;
    return true;
}

static struct err *plan_one(struct arena *a, const struct json_member *m, struct netdev *ret)
{
    struct oci_net_device d;
    if (!is_name(m->name, false))
        return err_new(ERR_INVALID, "not the name of an interface");
    TRY(fields_decode(&oci_net_device_fields, a, &m->value, &d));
    *ret = (struct netdev){m->name, d.name && *d.name ? d.name : m->name};
    if (!is_name(ret->name, true))
        return err_new(ERR_INVALID, "name: \"%s\": not the name of an interface", ret->name);
    return NULL;
}

struct err *netdev_plan(struct arena *a, const struct oci_linux *l, int ns, struct netdev_list *ret)
{
    const struct json *j = l->net_devices;
    struct netdev_list list = {0};
    *ret = list;
    if (!j || j->type == JSON_NULL || (j->type == JSON_OBJECT && !j->n))
        return NULL;
    if (j->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "linux.netDevices: not an object");
    if (!(ns & CLONE_NEWNET))
        return err_new(ERR_INVALID,
            "linux.netDevices: unable to move network devices without a private network namespace");
    list.v = arena_array(a, j->n, sizeof(*list.v));
    json_each_member (m, j) {
        struct netdev *d = &list.v[list.n];
        TRY_WRAP(plan_one(a, m, d), "linux.netDevices: \"%.64s\"", m->name);
        for (size_t i = 0; i < list.n; i++)
            if (!strcmp(list.v[i].name, d->name) && !strchr(d->name, '%'))
                return err_new(ERR_INVALID, "linux.netDevices: \"%s\": name: \"%s\" is \"%s\"'s, too",
                    m->name, d->name, list.v[i].host);
        list.n++;
    }
    *ret = list;
    return NULL;
}

/* --- addresses */

struct address {
    unsigned char family, prefix;
    unsigned flags;
    unsigned char address[16], local[16];
    bool has_local;
};
struct addresses {
    int index;
    struct address v[ADDRESSES];
    size_t n, lost;
};

static size_t size_of(unsigned char family)
{
    return family == AF_INET ? 4 : 16;
}

static void take_address(void *arg, const struct nlmsghdr *h)
{
    struct addresses *all = arg;
    const struct ifaddrmsg *m = NLMSG_DATA(h);
    struct address a = {.family = m->ifa_family, .prefix = m->ifa_prefixlen, .flags = m->ifa_flags};
    int left = (int)IFA_PAYLOAD(h);
    if (h->nlmsg_type != RTM_NEWADDR || (int)m->ifa_index != all->index ||
        m->ifa_scope != RT_SCOPE_UNIVERSE || (a.family != AF_INET && a.family != AF_INET6))
        return;
    for (const struct rtattr *t = IFA_RTA(m); RTA_OK(t, left); t = RTA_NEXT(t, left)) {
        size_t n = RTA_PAYLOAD(t);
        if (t->rta_type == IFA_ADDRESS && n == size_of(a.family))
            memcpy(a.address, RTA_DATA(t), n);
        if (t->rta_type == IFA_LOCAL && n == size_of(a.family))
            a.has_local = memcpy(a.local, RTA_DATA(t), n);
        if (t->rta_type == IFA_FLAGS && n == sizeof(a.flags))
            memcpy(&a.flags, RTA_DATA(t), n);
    }
    if (!(a.flags & IFA_F_PERMANENT))
        return;
    if (all->n == ADDRESSES)
        all->lost++;
    else
        all->v[all->n++] = a;
}

static struct err *read_addresses(int sock, int index, struct addresses *ret)
{
    struct rtnl_request r;
    struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};
    ret->index = index;
    rtnl_begin(&r, RTM_GETADDR, 0, &head, sizeof(head));
    TRY_WRAP(rtnl_dump(sock, &r, take_address, ret), "read its addresses");
    return ret->lost ? err_new(ERR_LIMIT, "more than %d addresses", ADDRESSES) : NULL;
}

static struct err *add_address(int sock, int index, const struct address *a)
{
    struct rtnl_request r;
    unsigned flags = a->flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS | IFA_F_MCAUTOJOIN);
    struct ifaddrmsg head = {.ifa_family = a->family,
        .ifa_prefixlen = a->prefix,
        .ifa_scope = RT_SCOPE_UNIVERSE,
        .ifa_index = (unsigned)index};
    rtnl_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    rtnl_attr(&r, IFA_ADDRESS, a->address, size_of(a->family));
    if (a->has_local)
        rtnl_attr(&r, IFA_LOCAL, a->local, size_of(a->family));
    rtnl_attr(&r, IFA_FLAGS, &flags, sizeof(flags));
    return err_wrap(rtnl_ask(sock, &r), "give it an address");
}

/* --- the move */

/* A name is decided before the move: an interface that cannot be renamed there would be lost to the host. */
static struct err *free_name(int sock, const char *name, char ret[IFNAMSIZ])
{
    const char *percent = strchr(name, '%');
    int taken = 0;
    for (int i = 0; i < (percent ? NUMBERS : 1); i++) {
        if (percent)
            snprintf(ret, IFNAMSIZ, "%.*s%d%s", (int)(percent - name), name, i, percent + 2);
        else
            snprintf(ret, IFNAMSIZ, "%s", name);
        TRY(rtnl_index(sock, ret, &taken));
        if (!taken)
            return NULL;
    }
    return err_new(ERR_EXISTS, "name: \"%s\": the container has an interface of this name already", name);
}

static struct err *change_namespace(int sock, int index, const char *name, const struct netdev_target *to)
{
    struct rtnl_request r;
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    rtnl_begin(&r, RTM_NEWLINK, 0, &head, sizeof(head));
    rtnl_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
    if (to->netns >= 0)
        rtnl_attr(&r, IFLA_NET_NS_FD, &to->netns, sizeof(to->netns));
    else
        rtnl_attr(&r, IFLA_NET_NS_PID, &to->pid, sizeof(to->pid));
    return err_wrap(rtnl_ask(sock, &r), "move it into the container");
}

static struct err *set_up(int sock, int index)
{
    struct rtnl_request r;
    struct ifinfomsg head = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    rtnl_begin(&r, RTM_NEWLINK, 0, &head, sizeof(head));
    return err_wrap(rtnl_ask(sock, &r), "set it up");
}

static struct err *move_one(int host, const struct netdev *d, const struct netdev_target *to)
{
    auto_free struct addresses *a = mem_new(struct addresses);
    char name[IFNAMSIZ];
    int index;
    TRY(rtnl_index(host, d->host, &index));
    if (!index)
        return err_new(ERR_NOT_FOUND, "the host has no such interface");
    TRY(read_addresses(host, index, a));
    TRY(free_name(to->socket, d->name, name));
    TRY(change_namespace(host, index, name, to));
    TRY(rtnl_index(to->socket, name, &index));
    for (size_t i = 0; i < a->n; i++)
        TRY(add_address(to->socket, index, &a->v[i]));
    return set_up(to->socket, index);
}

struct err *netdev_move(const struct netdev_list *l, const struct netdev_target *to)
{
    auto_close host = -1;
    TRY(rtnl_socket(&host));
    for (size_t i = 0; i < l->n; i++)
        TRY_WRAP(move_one(host, &l->v[i], to), "linux.netDevices: \"%s\"", l->v[i].host);
    return NULL;
}

struct err *netdev_socket_in(int netns, int *ret_fd)
{
    auto_close own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(netns, CLONE_NEWNET) < 0)
        return err_sys(errno, "enter the network namespace");
    struct err *e = rtnl_socket(ret_fd);
    if (setns(own, CLONE_NEWNET) < 0)
        return err_sys(errno, "leave the network namespace");
    return e;
}
