/* See guard.h. Events that were too many to be kept (ENOBUFS) may have been ours: the table is looked at. */
#include "proxy/guard.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

enum { EVENT_MAX = 32768, READS_PER_TURN = 64 };

struct guard {
    struct mnl_socket *nl;
    struct watch *watch;
    char *table;
    void (*lost)(void *arg);
    void *arg;
};

static int on_event(const struct nlmsghdr *nlh, void *arg)
{
    const struct guard *g = arg;
    if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE))
        return MNL_CB_OK;
    struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(a) == NFTA_TABLE_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 &&
            !strcmp(mnl_attr_get_str(a), g->table))
            return MNL_CB_STOP;
    }
    return MNL_CB_OK;
}

static void on_readable(void *arg, int events)
{
    struct guard *g = arg;
    static _Alignas(8) char buf[EVENT_MAX];
    bool lost = false;
    (void)events;
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = recv(mnl_socket_get_fd(g->nl), buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0 && errno != ENOBUFS)
            break;
        lost |= n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, on_event, g) == MNL_CB_STOP;
    }
    if (lost)
        g->lost(g->arg);
}

struct err *guard_new(
    uv_loop_t *loop, const char *table, void (*lost)(void *arg), void *arg, struct guard **ret)
{
    struct guard *g = mem_new(struct guard);
    int group = NFNLGRP_NFTABLES;
    *g = (struct guard){.table = mem_strdup(table), .lost = lost, .arg = arg};
    g->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!g->nl || mnl_socket_bind(g->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(g->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
        struct err *e = err_sys(errno, "listen to nftables events");
        guard_free(g);
        return e;
    }
    g->watch = watch_new(loop, mnl_socket_get_fd(g->nl), on_readable, g);
    watch_set(g->watch, UV_READABLE);
    *ret = g;
    return NULL;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    watch_free(g->watch);
    if (g->nl)
        mnl_socket_close(g->nl);
    free(g->table);
    free(g);
}
