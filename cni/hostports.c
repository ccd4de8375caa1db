/*
 * See hostports.h. The table as `nft list` shows it; hairpin: a container, and from where its answers must come back.
 *
 *   map any     { type inet_proto . inet_service : ipv4_addr . inet_service }
 *   map by_ip   { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }
 *   set hairpin { type ipv4_addr . ipv4_addr; flags interval }
 *   chain prerouting { type nat hook prerouting priority dstnat;                         (the same at output)
 *     fib daddr type local ip daddr != 127.0.0.0/8 dnat ip to ip daddr . meta l4proto . th dport map @by_ip
 *     fib daddr type local ip daddr != 127.0.0.0/8 dnat ip to meta l4proto . th dport map @any }
 *   chain postrouting { type nat hook postrouting priority srcnat;
 *     ct status dnat ip daddr . ip saddr @hairpin masquerade }
 *
 * 127.0.0.1 is left out: leading it on would need route_localnet, with which neighbours reach what listens there.
 */
#include "cni/hostports.h"
#include "cni/ruleset.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>

struct shape {
    bool v4;
    unsigned len, saddr, daddr, type; /* of an address: bytes, offsets, nftables' type */
};

static struct shape shape_of(unsigned nfproto)
{
    bool v4 = nfproto == NFPROTO_IPV4;
    return (struct shape){v4, v4 ? 4 : 16, v4 ? 12 : 8, v4 ? 16 : 24, v4 ? NFT_TYPE_IP : NFT_TYPE_IP6};
}

/* "fib daddr type local ip daddr != 127.0.0.0/8", then the look-up in `map`. */
static void dnat_rule(struct nft *n, const struct ruleset *r, const char *chain, const char *map, bool by_ip)
{
    struct shape s = shape_of(r->family);
    static const uint32_t local = RTN_LOCAL;
    static const unsigned char loop4 = 127, loop6[16] = {[15] = 1};
    unsigned proto = NFT_REG + (by_ip ? s.len / 4 : 0), to = NFT_REG + 8;
    struct nftnl_expr *exprs[9];
    size_t k = 0;
    exprs[k++] = nft_fib_daddr_type(NFT_REG);
    exprs[k++] = nft_cmp(true, NFT_REG, &local, sizeof(local));
    exprs[k++] = nft_payload(NFT_PAYLOAD_NETWORK_HEADER, s.daddr, s.v4 ? 1 : 16, NFT_REG);
    exprs[k++] = nft_cmp(false, NFT_REG, s.v4 ? &loop4 : loop6, s.v4 ? 1 : 16);
    if (by_ip)
        exprs[k++] = nft_payload(NFT_PAYLOAD_NETWORK_HEADER, s.daddr, s.len, NFT_REG);
    exprs[k++] = nft_meta(NFT_META_L4PROTO, proto);
    exprs[k++] = nft_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, proto + 1);
    exprs[k++] = nft_mapped(map, NFT_REG, to);
    exprs[k++] = nft_dnat(r->family, to, to + s.len / 4);
    nft_rule_add(n, chain, exprs, k);
}

static void create(struct nft *n, const struct ruleset *r)
{
    struct shape s = shape_of(r->family);
    uint32_t to = NFT_TYPES2(s.type, NFT_TYPE_PORT), to_len = s.len + 4;
    nft_set_create(n, &(struct nft_set){.name = "any",
                          .key_type = NFT_TYPES2(NFT_TYPE_PROTO, NFT_TYPE_PORT),
                          .parts = {1, 2},
                          .data_type = to,
                          .data_len = to_len});
    nft_set_create(n, &(struct nft_set){.name = "by_ip",
                          .key_type = NFT_TYPES3(s.type, NFT_TYPE_PROTO, NFT_TYPE_PORT),
                          .parts = {s.len, 1, 2},
                          .data_type = to,
                          .data_len = to_len});
    nft_set_create(n, &(struct nft_set){.name = "hairpin",
                          .key_type = NFT_TYPES2(s.type, s.type),
                          .parts = {s.len, s.len},
                          .interval = true});
    nft_chain_create(n, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
    nft_chain_create(n, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
    nft_chain_create(n, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    dnat_rule(n, r, "prerouting", "by_ip", true);
    dnat_rule(n, r, "prerouting", "any", false);
    dnat_rule(n, r, "output", "by_ip", true);
    dnat_rule(n, r, "output", "any", false);
    static const uint32_t dnat = IPS_DST_NAT, none = 0;
    NFT_RULE(n, "postrouting", nft_ct(NFT_CT_STATUS, NFT_REG), nft_mask(NFT_REG, &dnat, sizeof(dnat)),
        nft_cmp(false, NFT_REG, &none, sizeof(none)),
        nft_payload(NFT_PAYLOAD_NETWORK_HEADER, s.daddr, s.len, NFT_REG),
        nft_payload(NFT_PAYLOAD_NETWORK_HEADER, s.saddr, s.len, NFT_REG + s.len / 4),
        nft_in_set(true, "hairpin", NFT_REG), nft_masquerade());
}

static const char *const sets[] = {"any", "by_ip", "hairpin", NULL};
static const struct ruleset rulesets[] = {
    {NFPROTO_IPV4, "wherry_hostport", sets, create},
    {NFPROTO_IPV6, "wherry_hostport", sets, create},
};

static const struct ruleset *ruleset_of(const struct hostports *p)
{
    return &rulesets[p->ip.family == AF_INET6];
}

static struct ruleset_elem port_elem(const struct hostport *h, const struct net_addr *ip, size_t len)
{
    struct ruleset_elem e = {.set = h->host_ip.family ? "by_ip" : "any"};
    uint16_t host_port = htons(h->host_port), port = htons(h->container_port);
    if (h->host_ip.family)
        nft_key_add(e.e.key, &e.e.key_len, h->host_ip.ip, len);
    nft_key_add(e.e.key, &e.e.key_len, &h->protocol, 1);
    nft_key_add(e.e.key, &e.e.key_len, &host_port, 2);
    nft_key_add(e.e.data, &e.e.data_len, ip->ip, len);
    nft_key_add(e.e.data, &e.e.data_len, &port, 2);
    return e;
}

/* From the container's own network, or from everywhere. */
static struct ruleset_elem hairpin_elem(const struct hostports *p, size_t len)
{
    struct ruleset_elem e = {.set = "hairpin", .e.range = true};
    unsigned end_len = 0, prefix = p->snat_all ? 0 : p->ip.prefix;
    unsigned char first[16], last[16];
    for (size_t i = 0; i < len; i++) {
        unsigned bits = prefix >= (i + 1) * 8 ? 8 : prefix <= i * 8 ? 0 : prefix - i * 8;
        unsigned char mask = (unsigned char)(0xff00 >> bits);
        first[i] = p->ip.ip[i] & mask;
        last[i] = p->ip.ip[i] | (unsigned char)~mask;
    }
    nft_key_add(e.e.key, &e.e.key_len, p->ip.ip, len);
    nft_key_add(e.e.key, &e.e.key_len, first, len);
    nft_key_add(e.e.key_end, &end_len, p->ip.ip, len);
    nft_key_add(e.e.key_end, &end_len, last, len);
    return e;
}

static size_t elems_of(const struct hostports *p, struct ruleset_elem *v)
{
    size_t n = 0, len = p->ip.family == AF_INET ? 4 : 16;
    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i].host_ip.family || p->v[i].host_ip.family == p->ip.family)
            v[n++] = port_elem(&p->v[i], &p->ip, len);
    if (n && (p->snat || p->snat_all))
        v[n++] = hairpin_elem(p, len);
    return n;
}

static struct err *with_elems(const char *owner, const struct hostports *p, bool add)
{
    auto_free struct ruleset_elem *v = mem_array(p->n + 2, sizeof(*v));
    size_t n = elems_of(p, v);
    if (!n)
        return NULL;
    return add ? ruleset_add(ruleset_of(p), owner, v, n) : ruleset_check(ruleset_of(p), owner, v, n);
}

struct holder {
    const struct hostports *p;
    const char *set, *owner;
    char text[160]; /* "tcp 8080 is held by NETWORK/ID/eth0" */
};

static void find_holder(void *arg, const struct nft_elem *e)
{
    struct holder *h = arg;
    size_t len = h->p->ip.family == AF_INET ? 4 : 16;
    for (size_t i = 0; i < h->p->n; i++) {
        struct ruleset_elem mine = port_elem(&h->p->v[i], &h->p->ip, len);
        if (strcmp(mine.set, h->set) || e->key_len != mine.e.key_len ||
            memcmp(e->key, mine.e.key, e->key_len) || !e->comment || !strcmp(e->comment, h->owner))
            continue;
        snprintf(h->text, sizeof(h->text), "host port %u/%s is held by %.119s", h->p->v[i].host_port,
            h->p->v[i].protocol == IPPROTO_TCP   ? "tcp"
            : h->p->v[i].protocol == IPPROTO_UDP ? "udp"
                                                 : "sctp",
            e->comment);
    }
}

static struct err *conflict(const char *owner, const struct hostports *p, struct err *e)
{
    const struct ruleset *r = ruleset_of(p);
    struct holder h = {.p = p, .owner = owner};
    struct nft *n = NULL;
    auto_err *closed = nft_open(&n);
    for (size_t i = 0; n && sets[i]; i++) {
        h.set = sets[i];
        auto_err *gone = nft_elems_each(n, r->family, r->table, sets[i], find_holder, &h);
    }
    nft_close(n);
    if (!*h.text)
        return e;
    err_free(e);
    return err_new(ERR_CONFLICT, "%s", h.text);
}

struct err *hostports_add(const char *owner, const struct hostports *p)
{
    struct err *e = with_elems(owner, p, true);
    /* Other data under the same key: EBUSY or, in newer kernels, EEXIST. */
    bool held = e && (err_kind(e) == ERR_CONFLICT || err_kind(e) == ERR_EXISTS);
    return held ? conflict(owner, p, e) : e;
}

struct err *hostports_check(const char *owner, const struct hostports *p)
{
    return with_elems(owner, p, false);
}

struct err *hostports_remove(const char *owner)
{
    for (size_t f = 0; f < ARRAY_SIZE(rulesets); f++)
        TRY(ruleset_remove_owner(&rulesets[f], owner));
    return NULL;
}

struct err *hostports_remove_invalid(const struct plugin_call *c)
{
    for (size_t f = 0; f < ARRAY_SIZE(rulesets); f++)
        TRY(ruleset_remove_invalid(&rulesets[f], c));
    return NULL;
}
