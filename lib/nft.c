/* The socket, the batch, and elements; expressions are in nft_expr.c. */
#include "lib/nft.h"
#include "lib/buf.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192, BATCH_MAX = 64 << 20, ANSWER_MAX = 64 << 10 };

struct nft {
    struct mnl_socket *nl;
    unsigned family;
    char table[NFT_TABLE_MAXNAMELEN];
    struct buf batch;
    size_t last; /* offset of the last message, which is asked to be acknowledged */
    uint32_t seq;
    uint32_t set_id;
};

struct err *nft_open(struct nft **ret)
{
    struct nft *n = mem_new(struct nft);
    n->batch = BUF_INIT(BATCH_MAX);
    n->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!n->nl || mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        struct err *e = err_sys(errno, "open an nftables socket");
        nft_close(n);
        return e;
    }
    /* The kernel takes a batch from one packet, and answers what fails before send returns. */
    int size = BATCH_MAX;
    (void)setsockopt(mnl_socket_get_fd(n->nl), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    (void)setsockopt(mnl_socket_get_fd(n->nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    *ret = n;
    return NULL;
}

void nft_close(struct nft *n)
{
    if (!n)
        return;
    if (n->nl)
        mnl_socket_close(n->nl);
    buf_done(&n->batch);
    free(n);
}

/* --- messages --- */

static struct nlmsghdr *message(struct nft *n, unsigned type, unsigned flags)
{
    n->last = n->batch.len;
    char *at = buf_room(&n->batch, MESSAGE_MAX);
    static _Alignas(8) char beyond[MESSAGE_MAX]; /* the batch is over its ceiling: nft_commit() says so */
    return nftnl_nlmsg_build_hdr(at ? at : beyond, type, n->family, NLM_F_REQUEST | flags, ++n->seq);
}

static void message_end(struct nft *n, const struct nlmsghdr *nlh)
{
    if (!n->batch.over)
        buf_grown(&n->batch, MNL_ALIGN(nlh->nlmsg_len));
}

static struct nlmsghdr *batch_mark(struct nft *n, unsigned type)
{
    char *at = buf_room(&n->batch, MESSAGE_MAX);
    static _Alignas(8) char beyond[MESSAGE_MAX];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(at ? at : beyond);
    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST;
    nlh->nlmsg_seq = ++n->seq;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
    g->nfgen_family = AF_UNSPEC;
    g->version = NFNETLINK_V0;
    g->res_id = htons(NFNL_SUBSYS_NFTABLES);
    return nlh;
}

void nft_begin(struct nft *n, unsigned family, const char *table)
{
    buf_clear(&n->batch);
    n->last = 0;
    n->family = family;
    snprintf(n->table, sizeof(n->table), "%s", table);
    message_end(n, batch_mark(n, NFNL_MSG_BATCH_BEGIN));
}

void nft_if_generation(struct nft *n, uint32_t generation)
{
    size_t begin = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg));
    if (n->batch.len != begin)
        return; /* only right after nft_begin() */
    buf_clear(&n->batch);
    struct nlmsghdr *nlh = batch_mark(n, NFNL_MSG_BATCH_BEGIN);
    mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(generation));
    message_end(n, nlh);
}

static void table_message(struct nft *n, unsigned type, unsigned flags)
{
    struct nlmsghdr *nlh = message(n, type, flags);
    mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, n->table);
    message_end(n, nlh);
}

void nft_table_create(struct nft *n)
{
    table_message(n, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
}

void nft_table_delete(struct nft *n)
{
    table_message(n, NFT_MSG_DELTABLE, 0);
}

void nft_chain_create(struct nft *n, const char *chain, const char *type, unsigned hook, int priority)
{
    struct nftnl_chain *c = nftnl_chain_alloc();
    nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, n->table);
    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain);
    if (type) {
        nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type);
        nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
        nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
    }
    struct nlmsghdr *nlh = message(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
    nftnl_chain_nlmsg_build_payload(nlh, c);
    message_end(n, nlh);
    nftnl_chain_free(c);
}

void nft_rule_add(struct nft *n, const char *chain, struct nftnl_expr *const *exprs, size_t count)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    nftnl_rule_set_str(r, NFTNL_RULE_TABLE, n->table);
    nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
    for (size_t i = 0; i < count; i++)
        nftnl_rule_add_expr(r, exprs[i]);
    struct nlmsghdr *nlh = message(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    nftnl_rule_nlmsg_build_payload(nlh, r);
    message_end(n, nlh);
    nftnl_rule_free(r);
}

void nft_chain_flush(struct nft *n, const char *chain)
{
    struct nlmsghdr *nlh = message(n, NFT_MSG_DELRULE, 0);
    mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, n->table);
    mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
    message_end(n, nlh);
}

void nft_set_create(struct nft *n, const struct nft_set *set)
{
    struct nftnl_set *s = nftnl_set_alloc();
    uint32_t flags = (set->data_type ? NFT_SET_MAP : 0) | (set->interval ? NFT_SET_INTERVAL : 0) |
                     (set->dynamic ? NFT_SET_EVAL | NFT_SET_TIMEOUT : 0);
    unsigned parts = 0, key_len = 0;
    uint8_t lengths[6];
    while (parts < 6 && set->parts[parts]) {
        lengths[parts] = set->parts[parts];
        key_len += (set->parts[parts++] + 3) & ~3U;
    }
    if (parts == 1)
        key_len = set->parts[0];
    if (parts > 1 && set->interval) {
        flags |= NFT_SET_CONCAT;
        nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, lengths, parts);
    }
    nftnl_set_set_str(s, NFTNL_SET_TABLE, n->table);
    nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
    nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, set->key_type);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, key_len);
    nftnl_set_set_u32(s, NFTNL_SET_ID, ++n->set_id);
    if (set->data_type) {
        nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, set->data_type);
        nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, set->data_len);
    }
    /* For `nft list` only: names of interfaces are read as the host's, not the network's, bytes. */
    struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(64);
    if (set->key_type == NFT_TYPE_IFNAME && nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, 1))
        nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
    nftnl_udata_buf_free(u);
    struct nlmsghdr *nlh = message(n, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
    nftnl_set_nlmsg_build_payload(nlh, s);
    message_end(n, nlh);
    nftnl_set_free(s);
}

/* --- elements --- */

void nft_key_add(unsigned char at[NFT_KEY_MAX], unsigned *len, const void *part, size_t n)
{
    size_t padded = (n + 3) & ~(size_t)3;
    if (*len + padded > NFT_KEY_MAX)
        return;
    memset(at + *len, 0, padded);
    memcpy(at + *len, part, n);
    *len += padded;
}

static void put_value(struct nlmsghdr *nlh, unsigned type, const void *data, size_t n)
{
    struct nlattr *nest = mnl_attr_nest_start(nlh, type);
    mnl_attr_put(nlh, NFTA_DATA_VALUE, n, data);
    mnl_attr_nest_end(nlh, nest);
}

static void put_goto(struct nlmsghdr *nlh, const char *chain)
{
    struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
    struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl(NFT_GOTO));
    mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, chain);
    mnl_attr_nest_end(nlh, verdict);
    mnl_attr_nest_end(nlh, data);
}

static void put_comment(struct nlmsghdr *nlh, const char *comment)
{
    unsigned char tlv[2 + NFTNL_UDATA_COMMENT_MAXLEN];
    size_t n = strnlen(comment, NFTNL_UDATA_COMMENT_MAXLEN - 1);
    tlv[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
    tlv[1] = n + 1;
    memcpy(tlv + 2, comment, n);
    tlv[2 + n] = 0;
    mnl_attr_put(nlh, NFTA_SET_ELEM_USERDATA, n + 3, tlv);
}

static void elem_message(
    struct nft *n, unsigned type, unsigned flags, const char *set, const struct nft_elem *e)
{
    struct nlmsghdr *nlh = message(n, type, flags);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, n->table);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
    struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
    struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
    put_value(nlh, NFTA_SET_ELEM_KEY, e->key, e->key_len);
    if (e->range)
        put_value(nlh, NFTA_SET_ELEM_KEY_END, e->key_end, e->key_len);
    if (type == NFT_MSG_NEWSETELEM) {
        if (e->chain)
            put_goto(nlh, e->chain);
        else if (e->data_len)
            put_value(nlh, NFTA_SET_ELEM_DATA, e->data, e->data_len);
        if (e->timeout_ms)
            mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(e->timeout_ms));
        if (e->comment)
            put_comment(nlh, e->comment);
    }
    mnl_attr_nest_end(nlh, elem);
    mnl_attr_nest_end(nlh, list);
    message_end(n, nlh);
}

void nft_elem_add(struct nft *n, const char *set, const struct nft_elem *e)
{
    elem_message(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, e);
}

void nft_elem_delete(struct nft *n, const char *set, const struct nft_elem *e)
{
    elem_message(n, NFT_MSG_DELSETELEM, 0, set, e);
}

void nft_elems_flush(struct nft *n, const char *set)
{
    struct nlmsghdr *nlh = message(n, NFT_MSG_DELSETELEM, 0);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, n->table);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
    message_end(n, nlh);
}

/* --- commit --- */

static const char *what_of(unsigned type)
{
    static const char *const names[NFT_MSG_MAX] = {[NFT_MSG_NEWTABLE] = "create table",
        [NFT_MSG_DELTABLE] = "delete table",
        [NFT_MSG_NEWCHAIN] = "create chain",
        [NFT_MSG_NEWRULE] = "add rule",
        [NFT_MSG_NEWSET] = "create set",
        [NFT_MSG_NEWSETELEM] = "add element",
        [NFT_MSG_DELSETELEM] = "delete element"};
    unsigned m = type & 0xff;
    return type >> 8 == NFNL_SUBSYS_NFTABLES && m < NFT_MSG_MAX && names[m] ? names[m] : "begin transaction";
}

/* The second attribute of chains, rules, sets and elements is the object's name. */
static const char *object_of(const struct nlmsghdr *nlh)
{
    unsigned m = nlh->nlmsg_type & 0xff;
    unsigned want = m == NFT_MSG_NEWCHAIN ? NFTA_CHAIN_NAME : 2;
    if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || m == NFT_MSG_NEWTABLE || m == NFT_MSG_DELTABLE)
        return "";
    struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == want &&
                                                           mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >=
                                                               0) return mnl_attr_get_str(a);
    return "";
}

static struct err *failed(struct nft *n, uint32_t seq, int errnum)
{
    struct nlmsghdr *nlh = (struct nlmsghdr *)n->batch.data;
    int left = (int)n->batch.len;
    for (; mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_seq != seq; nlh = mnl_nlmsg_next(nlh, &left))
        ;
    if (!mnl_nlmsg_ok(nlh, left))
        return err_sys(errnum, "nftables table %s", n->table);
    struct err *e = err_sys(errnum, "nftables table %s: %s%s%s", n->table, what_of(nlh->nlmsg_type),
        *object_of(nlh) ? " " : "", object_of(nlh));
    return errnum == EBUSY || errnum == ERESTART ? err_as(e, ERR_CONFLICT) : e;
}

/* The answers are there when send returns: an error per failed message, or the last one's acknowledgement. */
static struct err *read_answers(struct nft *n, uint32_t last_seq)
{
    auto_free char *answer = mem_zalloc(ANSWER_MAX);
    bool acked = false;
    struct err *e = NULL;
    for (;;) {
        ssize_t got = recv(mnl_socket_get_fd(n->nl), answer, ANSWER_MAX, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        int left = (int)got;
        for (struct nlmsghdr *nlh = (void *)answer; mnl_nlmsg_ok(nlh, left);
             nlh = mnl_nlmsg_next(nlh, &left)) {
            if (nlh->nlmsg_type != NLMSG_ERROR)
                continue;
            const struct nlmsgerr *m = mnl_nlmsg_get_payload(nlh);
            if (m->error && !e)
                e = failed(n, m->msg.nlmsg_seq, -m->error);
            acked |= m->msg.nlmsg_seq == last_seq && !m->error;
        }
    }
    if (!e && !acked)
        return err_new(ERR_SYSTEM, "nftables table %s: no answer from the kernel", n->table);
    return e;
}

struct err *nft_commit(struct nft *n)
{
    if (!n->last)
        return NULL; /* nothing was asked for */
    TRY(buf_check(&n->batch, "nftables transaction"));
    struct nlmsghdr *last = (struct nlmsghdr *)(n->batch.data + n->last);
    last->nlmsg_flags |= NLM_F_ACK;
    uint32_t last_seq = last->nlmsg_seq;
    message_end(n, batch_mark(n, NFNL_MSG_BATCH_END));
    TRY(buf_check(&n->batch, "nftables transaction"));
    if (mnl_socket_sendto(n->nl, n->batch.data, n->batch.len) < 0)
        return err_sys(errno, "nftables table %s: send %zu bytes", n->table, n->batch.len);
    return read_answers(n, last_seq);
}

/* --- reading --- */

struct dump {
    void (*fn)(void *arg, const struct nft_elem *e);
    void *arg;
};

static unsigned elem_bytes(struct nftnl_set_elem *s, unsigned attr, unsigned char to[NFT_KEY_MAX])
{
    uint32_t n = 0;
    const void *p = nftnl_set_elem_is_set(s, attr) ? nftnl_set_elem_get(s, attr, &n) : NULL;
    if (!p || n > NFT_KEY_MAX)
        return 0;
    memcpy(to, p, n);
    return n;
}

static int one_elem(struct nftnl_set_elem *s, void *arg)
{
    struct dump *d = arg;
    struct nft_elem e = {0};
    char comment[NFTNL_UDATA_COMMENT_MAXLEN] = "";
    e.key_len = elem_bytes(s, NFTNL_SET_ELEM_KEY, e.key);
    e.range = elem_bytes(s, NFTNL_SET_ELEM_KEY_END, e.key_end) > 0;
    e.data_len = elem_bytes(s, NFTNL_SET_ELEM_DATA, e.data);
    if (nftnl_set_elem_is_set(s, NFTNL_SET_ELEM_CHAIN))
        e.chain = nftnl_set_elem_get_str(s, NFTNL_SET_ELEM_CHAIN);
    if (nftnl_set_elem_is_set(s, NFTNL_SET_ELEM_TIMEOUT))
        e.timeout_ms = nftnl_set_elem_get_u64(s, NFTNL_SET_ELEM_TIMEOUT);
    uint32_t n = 0;
    const unsigned char *u = nftnl_set_elem_is_set(s, NFTNL_SET_ELEM_USERDATA)
                                 ? nftnl_set_elem_get(s, NFTNL_SET_ELEM_USERDATA, &n)
                                 : NULL;
    if (u && n > 2 && u[0] == NFTNL_UDATA_SET_ELEM_COMMENT && u[1] <= n - 2 && u[1] <= sizeof(comment)) {
        memcpy(comment, u + 2, u[1]);
        comment[sizeof(comment) - 1] = 0;
        e.comment = comment;
    }
    d->fn(d->arg, &e);
    return 0;
}

static int elems_message(const struct nlmsghdr *nlh, void *arg)
{
    struct nftnl_set *s = nftnl_set_alloc();
    if (nftnl_set_elems_nlmsg_parse(nlh, s) >= 0)
        nftnl_set_elem_foreach(s, one_elem, arg);
    nftnl_set_free(s);
    return MNL_CB_OK;
}

static struct err *receive(struct nft *n, uint32_t seq, mnl_cb_t fn, void *arg, const char *what)
{
    auto_free char *answer = mem_zalloc(ANSWER_MAX);
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        ssize_t got = mnl_socket_recvfrom(n->nl, answer, ANSWER_MAX);
        if (got < 0 && errno == EINTR)
            continue;
        more = got < 0 ? MNL_CB_ERROR
                       : mnl_cb_run(answer, (size_t)got, seq, mnl_socket_get_portid(n->nl), fn, arg);
    }
    return more < 0 ? err_sys(errno, "nftables: %s", what) : NULL;
}

struct err *nft_elems_each(struct nft *n, unsigned family, const char *table, const char *set,
    void (*fn)(void *arg, const struct nft_elem *e), void *arg)
{
    _Alignas(8) char request[1024] = "";
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(
        request, NFT_MSG_GETSETELEM, family, NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK, ++n->seq);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
    if (mnl_socket_sendto(n->nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "nftables: list set %s", set);
    struct dump d = {fn, arg};
    return err_wrap(receive(n, n->seq, elems_message, &d, "list elements"), "table %s set %s", table, set);
}

static int generation_message(const struct nlmsghdr *nlh, void *arg)
{
    struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == NFTA_GEN_ID) *
        (uint32_t *)arg = ntohl(mnl_attr_get_u32(a));
    return MNL_CB_STOP;
}

struct err *nft_generation(struct nft *n, uint32_t *ret)
{
    _Alignas(8) char request[64];
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETGEN, AF_UNSPEC, NLM_F_REQUEST, ++n->seq);
    if (mnl_socket_sendto(n->nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "nftables: ask for the generation");
    return receive(n, n->seq, generation_message, ret, "ask for the generation");
}

struct chains {
    void (*fn)(void *arg, const char *chain);
    void *arg;
    const char *table;
};

static int chain_message(const struct nlmsghdr *nlh, void *arg)
{
    struct chains *c = arg;
    struct nftnl_chain *chain = nftnl_chain_alloc();
    if (nftnl_chain_nlmsg_parse(nlh, chain) >= 0 &&
        !strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), c->table))
        c->fn(c->arg, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
    nftnl_chain_free(chain);
    return MNL_CB_OK;
}

struct err *nft_chains_each(
    struct nft *n, unsigned family, const char *table, void (*fn)(void *arg, const char *chain), void *arg)
{
    _Alignas(8) char request[256] = "";
    struct nlmsghdr *nlh =
        nftnl_nlmsg_build_hdr(request, NFT_MSG_GETCHAIN, family, NLM_F_REQUEST | NLM_F_DUMP, ++n->seq);
    if (mnl_socket_sendto(n->nl, nlh, nlh->nlmsg_len) < 0)
        return err_sys(errno, "nftables: list chains");
    struct chains c = {fn, arg, table};
    return receive(n, n->seq, chain_message, &c, "list chains");
}
