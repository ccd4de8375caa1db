/*
 * See spoofcheck.h. The table as `nft list` shows it:
 *     set ports   { type ifname }
 *     set allowed { type ifname . ether_addr }
 *     chain prerouting { type filter hook prerouting priority dstnat;
 *         iifname @ports iifname . ether saddr != @allowed drop }
 */
#include "cni/spoofcheck.h"
#include "cni/ruleset.h"
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>

enum { IFNAME_LEN = 16, IFNAME_REGS = 4 };

static void create(struct nft *n, const struct ruleset *r)
{
    (void)r;
    nft_set_create(n, &(struct nft_set){.name = "ports", .key_type = NFT_TYPE_IFNAME, .parts = {IFNAME_LEN}});
    nft_set_create(n, &(struct nft_set){.name = "allowed",
                          .key_type = NFT_TYPES2(NFT_TYPE_IFNAME, NFT_TYPE_ETHER),
                          .parts = {IFNAME_LEN, 6}});
    nft_chain_create(n, "prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED);
    NFT_RULE(n, "prerouting", nft_meta(NFT_META_IIFNAME, NFT_REG), nft_in_set(true, "ports", NFT_REG),
        nft_payload(NFT_PAYLOAD_LL_HEADER, 6, 6, NFT_REG + IFNAME_REGS),
        nft_in_set(false, "allowed", NFT_REG), nft_drop());
}

static const char *const sets[] = {"ports", "allowed", NULL};
static const struct ruleset ruleset = {NFPROTO_BRIDGE, "wherry_macspoof", sets, create};

static void elems_of(const char *port, const unsigned char mac[6], struct ruleset_elem v[2])
{
    char name[IFNAME_LEN] = "";
    memcpy(name, port, strnlen(port, IFNAME_LEN - 1));
    v[0] = (struct ruleset_elem){.set = "ports"};
    v[1] = (struct ruleset_elem){.set = "allowed"};
    nft_key_add(v[0].e.key, &v[0].e.key_len, name, IFNAME_LEN);
    nft_key_add(v[1].e.key, &v[1].e.key_len, name, IFNAME_LEN);
    nft_key_add(v[1].e.key, &v[1].e.key_len, mac, 6);
}

struct err *spoofcheck_add(const char *owner, const char *port, const unsigned char mac[6])
{
    struct ruleset_elem v[2];
    elems_of(port, mac, v);
    return err_wrap(ruleset_add(&ruleset, owner, v, 2), "macspoofchk");
}

struct err *spoofcheck_check(const char *owner, const char *port, const unsigned char mac[6])
{
    struct ruleset_elem v[2];
    elems_of(port, mac, v);
    return err_wrap(ruleset_check(&ruleset, owner, v, 2), "macspoofchk");
}

struct err *spoofcheck_remove(const char *owner)
{
    return err_wrap(ruleset_remove_owner(&ruleset, owner), "macspoofchk");
}

struct err *spoofcheck_remove_invalid(const struct plugin_call *c)
{
    return err_wrap(ruleset_remove_invalid(&ruleset, c), "macspoofchk");
}
