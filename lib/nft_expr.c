/* Expressions of nftables rules: what a rule loads, compares, looks up and does. */
#include "lib/nft.h"
#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

struct nftnl_expr *nft_payload(unsigned base, unsigned offset, unsigned len, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
    return e;
}

struct nftnl_expr *nft_meta(unsigned key, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
    return e;
}

struct nftnl_expr *nft_ct(unsigned key, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("ct");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
    return e;
}

struct nftnl_expr *nft_fib_daddr_type(unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("fib");
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, reg);
    return e;
}

struct nftnl_expr *nft_cmp(bool equal, unsigned reg, const void *data, size_t n)
{
    struct nftnl_expr *e = nftnl_expr_alloc("cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, n);
    return e;
}

struct nftnl_expr *nft_mask(unsigned reg, const void *mask, size_t n)
{
    static const unsigned char zero[NFT_KEY_MAX];
    struct nftnl_expr *e = nftnl_expr_alloc("bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, n);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, n);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, n);
    return e;
}

struct nftnl_expr *nft_in_set(bool in, const char *set, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("lookup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, reg);
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
    if (!in)
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return e;
}

struct nftnl_expr *nft_mapped(const char *map, unsigned reg, unsigned to_reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("lookup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, to_reg);
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
    return e;
}

struct nftnl_expr *nft_dnat(unsigned family, unsigned addr_reg, unsigned port_reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("nat");
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, family);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, addr_reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, port_reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
    return e;
}

struct nftnl_expr *nft_masquerade(void)
{
    return nftnl_expr_alloc("masq");
}

struct nftnl_expr *nft_drop(void)
{
    struct nftnl_expr *e = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
    return e;
}
