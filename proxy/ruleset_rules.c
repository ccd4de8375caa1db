/* See ruleset_rules.h. R0 to R15 are nftables' registers of four bytes. */
#include "proxy/ruleset_rules.h"
#include "lib/netlink.h"
#include <arpa/inet.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>

enum { R0 = NFT_REG, R1, R2, R3, R4, R5, R6, R7, R8, R9 };
enum { PRIORITY_REFUSE = -50 }; /* after destination NAT */

struct err *ruleset_cidr_parse(const char *text, struct ruleset_cidr *ret)
{
    struct net_addr a;
    TRY_WRAP(net_addr_parse(text, &a), "service CIDR");
    if (a.family != AF_INET || a.prefix < 8 || a.prefix > 30)
        return err_new(ERR_INVALID, "service CIDR: %s: not an IPv4 network with a prefix of 8 to 30", text);
    memcpy(&ret->network, a.ip, 4);
    ret->prefix = a.prefix;
    ret->mask = htonl(0xffffffffU << (32 - a.prefix));
    if (ret->network & ~ret->mask)
        return err_new(ERR_INVALID, "service CIDR: %s: bits beyond the prefix are set", text);
    return NULL;
}

/* --- sets --- */

enum { IP = NFT_TYPE_IP, PROTO = NFT_TYPE_PROTO, PORT = NFT_TYPE_PORT, INDEX = NFT_TYPE_MARK };
#define WAY NFT_TYPES3(IP, PROTO, PORT)
#define ENDPOINT NFT_TYPES2(IP, PORT)
static const struct nft_set sets[PLAN_SETS] = {
    [PLAN_SERVICES] = {"services", WAY, (uint32_t)NFT_TYPE_VERDICT, {4, 1, 2}, .data_len = 16},
    [PLAN_ENDPOINTS] = {"endpoints", NFT_TYPES4(IP, PROTO, PORT, INDEX), ENDPOINT, {4, 1, 2, 4},
        .data_len = 8},
    [PLAN_LEARN] = {"learn", WAY, (uint32_t)NFT_TYPE_VERDICT, {4, 1, 2}, .data_len = 16},
    [PLAN_CLUSTER_IPS] = {"cluster_ips", IP, .parts = {4}},
    [PLAN_DROPS] = {"drops", WAY, .parts = {4, 1, 2}},
    [PLAN_REJECTS] = {"rejects", WAY, .parts = {4, 1, 2}},
    [PLAN_HAIRPIN] = {"hairpin", NFT_TYPES2(IP, IP), .parts = {4, 4}},
    [PLAN_REMOTE] = {"remote", IP, .parts = {4}},
    [PLAN_LOCAL_NETS] = {"local_nets", NFT_TYPES2(IP, IP), .parts = {4, 4}, .interval = true},
    [PLAN_DNS] = {"dns", WAY, .parts = {4, 1, 2}},
};
/* Filled by packets: client . address . protocol . port -> endpoint. */
static const struct nft_set affinity = {
    "affinity", NFT_TYPES4(IP, IP, PROTO, PORT), ENDPOINT, {4, 4, 1, 2}, .data_len = 8, .dynamic = true};

const char *ruleset_set_name(enum plan_set set)
{
    return sets[set].name;
}

/* --- parts of rules --- */

static struct nftnl_expr *saddr(unsigned reg)
{
    return nft_payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, reg);
}

static struct nftnl_expr *daddr(unsigned reg)
{
    return nft_payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, reg);
}

static struct nftnl_expr *protocol(unsigned reg)
{
    return nft_meta(NFT_META_L4PROTO, reg);
}

static struct nftnl_expr *dport(unsigned reg)
{
    return nft_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg);
}

static const uint32_t no_ip = 0, local_type = RTN_LOCAL, dnat_bit = IPS_DST_NAT, zero = 0;

/* The address as the maps have it: the packet's own, or 0.0.0.0 for node ports. */
static struct nftnl_expr *way_ip(bool node, unsigned reg)
{
    return node ? nft_immediate(reg, &no_ip, 4) : daddr(reg);
}

/* --- chains --- */

static const char *const name_services = "services", *const name_unserved = "unserved",
                         *const name_refuse = "refuse", *const name_dns = "name_server";

/* For an address of this host, but neither loopback nor a Service's: then `way` and `last`. */
static void node_rule(struct nft *n, const char *chain, const struct ruleset_cidr *cidr,
    struct nftnl_expr *look, struct nftnl_expr *last)
{
    static const unsigned char loop = 127;
    struct nftnl_expr *exprs[] = {nft_fib_daddr_type(R0), nft_cmp(true, R0, &local_type, 4),
        nft_payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 1, R0), nft_cmp(false, R0, &loop, 1), daddr(R0),
        nft_mask(R0, &cidr->mask, 4), nft_cmp(false, R0, &cidr->network, 4), way_ip(true, R0), protocol(R1),
        dport(R2), look, last};
    nft_rule_add(n, chain, exprs, last ? 12 : 11);
}

static void services_chain(struct nft *n, const struct ruleset_cidr *cidr)
{
    nft_chain_create(n, name_services, NULL, 0, 0);
    NFT_RULE(n, name_services, daddr(R0), protocol(R1), dport(R2), nft_verdict_map("services", R0));
    node_rule(n, name_services, cidr, nft_verdict_map("services", R0), NULL);
}

static void refuse_chain(struct nft *n)
{
    static const unsigned char tcp = IPPROTO_TCP, udp = IPPROTO_UDP, sctp = IPPROTO_SCTP;
    nft_chain_create(n, name_refuse, NULL, 0, 0);
    NFT_RULE(n, name_refuse, protocol(R0), nft_cmp(true, R0, &tcp, 1), nft_reject_tcp());
    NFT_RULE(n, name_refuse, protocol(R0), nft_cmp(true, R0, &udp, 1), nft_reject_unreachable());
    NFT_RULE(n, name_refuse, protocol(R0), nft_cmp(true, R0, &sctp, 1), nft_reject_unreachable());
    NFT_RULE(n, name_refuse, nft_drop());
}

/* Our own name server serves this node's Pods and this host. */
static void dns_chain(struct nft *n)
{
    nft_chain_create(n, name_dns, NULL, 0, 0);
    NFT_RULE(n, name_dns, saddr(R0), daddr(R1), nft_in_set(true, "local_nets", R0), nft_accept());
    NFT_RULE(n, name_dns, nft_fib_saddr_type(R0), nft_cmp(true, R0, &local_type, 4), nft_accept());
    NFT_RULE(n, name_dns, nft_drop());
}

/* What has just been translated, looked up by the way in that it took. */
static void learn_rule(struct nft *n, const char *chain, struct nftnl_expr *ip)
{
    NFT_RULE(n, chain, nft_ct(NFT_CT_STATUS, R0), nft_mask(R0, &dnat_bit, 4), nft_cmp(false, R0, &zero, 4),
        ip, protocol(R1), nft_ct_original(NFT_CT_PROTO_DST, R2), nft_verdict_map("learn", R0));
}

static void unserved_chain(struct nft *n, const struct ruleset_cidr *cidr)
{
    refuse_chain(n);
    dns_chain(n);
    nft_chain_create(n, name_unserved, NULL, 0, 0);
    learn_rule(n, name_unserved, nft_ct_original(NFT_CT_DST_IP, R0));
    learn_rule(n, name_unserved, nft_immediate(R0, &no_ip, 4));
    NFT_RULE(n, name_unserved, daddr(R0), protocol(R1), dport(R2), nft_in_set(true, "dns", R0),
        nft_goto(name_dns));
    NFT_RULE(n, name_unserved, daddr(R0), protocol(R1), dport(R2), nft_in_set(true, "drops", R0), nft_drop());
    NFT_RULE(n, name_unserved, daddr(R0), nft_in_set(true, "cluster_ips", R0), nft_goto(name_refuse));
    NFT_RULE(n, name_unserved, daddr(R0), nft_mask(R0, &cidr->mask, 4), nft_cmp(true, R0, &cidr->network, 4),
        nft_drop());
    node_rule(n, name_unserved, cidr, nft_in_set(true, "drops", R0), nft_drop());
    node_rule(n, name_unserved, cidr, nft_in_set(true, "rejects", R0), nft_goto(name_refuse));
}

static void postrouting_chain(struct nft *n)
{
    const char *chain = "postrouting";
    nft_chain_create(n, chain, "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    NFT_RULE(n, chain, nft_ct(NFT_CT_STATUS, R0), nft_mask(R0, &dnat_bit, 4), nft_cmp(false, R0, &zero, 4),
        daddr(R0), saddr(R1), nft_in_set(true, "hairpin", R0), nft_masquerade());
    NFT_RULE(n, chain, nft_ct(NFT_CT_STATUS, R0), nft_mask(R0, &dnat_bit, 4), nft_cmp(false, R0, &zero, 4),
        daddr(R0), nft_in_set(true, "remote", R0), saddr(R0), daddr(R1), nft_in_set(false, "local_nets", R0),
        nft_fib_saddr_type(R0), nft_cmp(false, R0, &local_type, 4), nft_masquerade());
}

static void filter_chain(struct nft *n, const char *chain, unsigned hook)
{
    static const uint32_t known = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
    nft_chain_create(n, chain, "filter", hook, PRIORITY_REFUSE);
    NFT_RULE(n, chain, nft_ct(NFT_CT_STATE, R0), nft_mask(R0, &known, 4), nft_cmp(false, R0, &zero, 4),
        nft_accept());
    NFT_RULE(n, chain, nft_goto(name_unserved));
}

void ruleset_rules_create(struct nft *n, const struct ruleset_cidr *cidr, const char *marker)
{
    for (size_t i = 0; i < PLAN_SETS; i++)
        nft_set_create(n, &sets[i]);
    nft_set_create(n, &affinity);
    services_chain(n, cidr);
    unserved_chain(n, cidr);
    nft_chain_create(n, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
    NFT_RULE(n, "prerouting", nft_jump(name_services));
    nft_chain_create(n, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
    NFT_RULE(n, "output", nft_jump(name_services));
    postrouting_chain(n);
    filter_chain(n, "filter_prerouting", NF_INET_PRE_ROUTING);
    filter_chain(n, "filter_output", NF_INET_LOCAL_OUT);
    nft_chain_create(n, marker, NULL, 0, 0);
}

void ruleset_rules_pick(struct nft *n, const char *chain, const struct plan_verdict *v)
{
    nft_chain_create(n, chain, NULL, 0, 0);
    if (!v->endpoints) {
        NFT_RULE(n, chain, nft_ct_original(NFT_CT_SRC_IP, R0), nft_ct_original(NFT_CT_DST_IP, R1),
            protocol(R2), nft_ct_original(NFT_CT_PROTO_DST, R3), daddr(R4), dport(R5),
            nft_remember("affinity", R0, R4, (uint64_t)v->affinity_seconds * 1000));
        return;
    }
    if (v->affinity_seconds)
        NFT_RULE(n, chain, saddr(R0), daddr(R1), protocol(R2), dport(R3), nft_mapped("affinity", R0, R8),
            nft_dnat(NFPROTO_IPV4, R8, R9));
    NFT_RULE(n, chain, way_ip(v->node, R0), protocol(R1), dport(R2), nft_random(v->endpoints, R3),
        nft_mapped("endpoints", R0, R8), nft_dnat(NFPROTO_IPV4, R8, R9));
}
