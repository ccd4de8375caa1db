/* Masquerading of Pods, see egress.h. */
#include "kubelet/egress.h"
#include "lib/netlink.h"
#include "lib/nft.h"
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#define TABLE "wherry_pods"
#define CHAIN "postrouting"
enum { IP_SADDR = 12, IP_DADDR = 16, R0 = NFT_REG };

struct range {
    uint32_t network, mask;
};

static struct err *range_of(const char *cidr, struct range *ret)
{
    struct net_addr a;
    TRY(net_addr_parse(cidr, &a));
    if (a.family != AF_INET)
        return err_new(ERR_UNSUPPORTED, "%s: only IPv4 ranges are masqueraded", cidr);
    memcpy(&ret->network, a.ip, sizeof(ret->network));
    ret->mask = a.prefix ? htonl(~0u << (32 - a.prefix)) : 0;
    ret->network &= ret->mask;
    return NULL;
}

static struct nftnl_expr *load(unsigned offset)
{
    return nft_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, R0);
}

static void fill(struct nft *n, const struct range *pods, const struct range *cluster)
{
    const struct range multicast = {htonl(0xe0000000u), htonl(0xf0000000u)};
    nft_table_create(n);
    nft_chain_create(n, CHAIN, "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    NFT_RULE(n, CHAIN, load(IP_SADDR), nft_mask(R0, &pods->mask, 4), nft_cmp(true, R0, &pods->network, 4),
        load(IP_DADDR), nft_mask(R0, &cluster->mask, 4), nft_cmp(false, R0, &cluster->network, 4),
        load(IP_DADDR), nft_mask(R0, &multicast.mask, 4), nft_cmp(false, R0, &multicast.network, 4),
        nft_masquerade());
}

static struct err *lay_down(struct nft *n, const struct range *pods, const struct range *cluster)
{
    nft_begin(n, NFPROTO_IPV4, TABLE);
    fill(n, pods, cluster);
    struct err *e = nft_commit(n);
    if (!e || err_kind(e) != ERR_EXISTS)
        return e;
    err_free(e);
    nft_begin(n, NFPROTO_IPV4, TABLE);
    nft_table_delete(n);
    fill(n, pods, cluster);
    return nft_commit(n);
}

struct err *egress_set(const char *pod_cidr, const char *cluster_cidr)
{
    struct range pods, cluster;
    struct nft *n;
    TRY(range_of(pod_cidr, &pods));
    TRY(range_of(cluster_cidr, &cluster));
    TRY(nft_open(&n));
    struct err *e = lay_down(n, &pods, &cluster);
    nft_close(n);
    return err_wrap(e, "masquerading %s", pod_cidr);
}

struct err *egress_remove(void)
{
    struct nft *n;
    TRY(nft_open(&n));
    nft_begin(n, NFPROTO_IPV4, TABLE);
    nft_table_delete(n);
    struct err *e = nft_commit(n);
    nft_close(n);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        e = NULL;
    }
    return err_wrap(e, "table " TABLE);
}
