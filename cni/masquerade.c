/*
 * See masquerade.h. The table as `nft list` shows it:
 *     set pods   { type ipv4_addr }
 *     set inside { type ipv4_addr . ipv4_addr; flags interval }     container . network
 *     chain postrouting { type nat hook postrouting priority srcnat;
 *         ip saddr @pods ip saddr . ip daddr != @inside ip daddr != 224.0.0.0/4 masquerade }
 */
#include "cni/masquerade.h"
#include "cni/ruleset.h"
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

static size_t bytes_of(unsigned nfproto)
{
    return nfproto == NFPROTO_IPV4 ? 4 : 16;
}

static void create(struct nft *n, const struct ruleset *r)
{
    bool v4 = r->family == NFPROTO_IPV4;
    unsigned len = bytes_of(r->family), from = v4 ? 12 : 8, to = v4 ? 16 : 24;
    unsigned type = v4 ? NFT_TYPE_IP : NFT_TYPE_IP6;
    static const unsigned char mask4[] = {0xf0, 0, 0, 0}, cast4[] = {0xe0, 0, 0, 0}, mask6[] = {0xff},
                               cast6[] = {0xff};
    nft_set_create(n, &(struct nft_set){.name = "pods", .key_type = type, .parts = {len}});
    nft_set_create(
        n, &(struct nft_set){
               .name = "inside", .key_type = NFT_TYPES2(type, type), .parts = {len, len}, .interval = true});
    nft_chain_create(n, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    unsigned second = NFT_REG + len / 4;
    NFT_RULE(n, "postrouting", nft_payload(NFT_PAYLOAD_NETWORK_HEADER, from, len, NFT_REG),
        nft_in_set(true, "pods", NFT_REG), nft_payload(NFT_PAYLOAD_NETWORK_HEADER, to, len, second),
        nft_in_set(false, "inside", NFT_REG),
        nft_payload(NFT_PAYLOAD_NETWORK_HEADER, to, v4 ? 4 : 1, NFT_REG),
        nft_mask(NFT_REG, v4 ? mask4 : mask6, v4 ? 4 : 1),
        nft_cmp(false, NFT_REG, v4 ? cast4 : cast6, v4 ? 4 : 1), nft_masquerade());
}

static const char *const sets[] = {"pods", "inside", NULL};
static const struct ruleset rulesets[] = {
    {NFPROTO_IPV4, "wherry_masq", sets, create},
    {NFPROTO_IPV6, "wherry_masq", sets, create},
};
static const int families[] = {AF_INET, AF_INET6};

static void add_pod(struct ruleset_elem *e, const struct net_addr *ip, size_t len)
{
    *e = (struct ruleset_elem){.set = "pods"};
    nft_key_add(e->e.key, &e->e.key_len, ip->ip, len);
}

static void add_inside(
    struct ruleset_elem *e, const struct net_addr *ip, const struct net_addr *net, size_t len)
{
    unsigned end_len = 0;
    unsigned char first[16], last[16];
    *e = (struct ruleset_elem){.set = "inside"};
    for (size_t i = 0; i < len; i++) {
        unsigned bits = net->prefix >= (i + 1) * 8 ? 8 : net->prefix <= i * 8 ? 0 : net->prefix - i * 8;
        unsigned char mask = (unsigned char)(0xff00 >> bits);
        first[i] = net->ip[i] & mask;
        last[i] = net->ip[i] | (unsigned char)~mask;
    }
    nft_key_add(e->e.key, &e->e.key_len, ip->ip, len);
    nft_key_add(e->e.key, &e->e.key_len, first, len);
    nft_key_add(e->e.key_end, &end_len, ip->ip, len);
    nft_key_add(e->e.key_end, &end_len, last, len);
    e->e.range = true;
}

/* Is every address of b in a? The kernel refuses overlapping intervals. */
static bool covers(const struct net_addr *a, const struct net_addr *b)
{
    if (a->family != b->family || a->prefix > b->prefix)
        return false;
    for (unsigned bit = 0; bit < a->prefix; bit++)
        if ((a->ip[bit / 8] ^ b->ip[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

/* Of networks that cover each other the widest is kept, of equal ones the first. */
static bool is_needed(const struct net_addr *nets, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++)
        if (i != k && covers(&nets[i], &nets[k]) && !(covers(&nets[k], &nets[i]) && i > k))
            return false;
    return true;
}

static size_t elems_of(const struct masquerade *m, int family, struct ruleset_elem *v)
{
    size_t n = 0, len = family == AF_INET ? 4 : 16, n_nets = m->n_inside + 1;
    auto_free struct net_addr *nets = mem_array(n_nets, sizeof(*nets));
    if (m->n_inside)
        memcpy(nets + 1, m->inside, m->n_inside * sizeof(*nets));
    for (size_t i = 0; i < m->n_ips; i++) {
        if (m->ips[i].family != family)
            continue;
        add_pod(&v[n++], &m->ips[i], len);
        nets[0] = m->ips[i];
        for (size_t k = 0; k < n_nets; k++)
            if (nets[k].family == family && is_needed(nets, n_nets, k))
                add_inside(&v[n++], &m->ips[i], &nets[k], len);
    }
    return n;
}

static struct err *for_each_family(const char *owner, const struct masquerade *m, bool add)
{
    auto_free struct ruleset_elem *v = mem_array(m->n_ips * (2 + m->n_inside) + 1, sizeof(*v));
    for (size_t f = 0; f < ARRAY_SIZE(rulesets); f++) {
        size_t n = elems_of(m, families[f], v);
        if (n)
            TRY_WRAP(add ? ruleset_add(&rulesets[f], owner, v, n) : ruleset_check(&rulesets[f], owner, v, n),
                "masquerade");
    }
    return NULL;
}

struct err *masquerade_add(const char *owner, const struct masquerade *m)
{
    return for_each_family(owner, m, true);
}

struct err *masquerade_check(const char *owner, const struct masquerade *m)
{
    return for_each_family(owner, m, false);
}

struct err *masquerade_remove(const char *owner)
{
    for (size_t f = 0; f < ARRAY_SIZE(rulesets); f++)
        TRY_WRAP(ruleset_remove_owner(&rulesets[f], owner), "masquerade");
    return NULL;
}

struct err *masquerade_remove_invalid(const struct plugin_call *c)
{
    for (size_t f = 0; f < ARRAY_SIZE(rulesets); f++)
        TRY_WRAP(ruleset_remove_invalid(&rulesets[f], c), "masquerade");
    return NULL;
}
