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

struct nftnl_expr *nft_ct_original(unsigned key, unsigned reg)
{
    enum { ORIGINAL = 0 };
    struct nftnl_expr *e = nft_ct(key, reg);
    nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, ORIGINAL);
    return e;
}

static struct nftnl_expr *fib_type(unsigned which, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("fib");
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, which);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, reg);
    return e;
}

struct nftnl_expr *nft_fib_daddr_type(unsigned reg)
{
    return fib_type(NFTA_FIB_F_DADDR, reg);
}

struct nftnl_expr *nft_fib_saddr_type(unsigned reg)
{
    return fib_type(NFTA_FIB_F_SADDR, reg);
}

struct nftnl_expr *nft_immediate(unsigned reg, const void *data, size_t n)
{
    struct nftnl_expr *e = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
    nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, data, n);
    return e;
}

struct nftnl_expr *nft_random(unsigned below, unsigned reg)
{
    struct nftnl_expr *e = nftnl_expr_alloc("numgen");
    nftnl_expr_set_u32(e, NFTNL_EXPR_NG_DREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NG_MODULUS, below);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
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

static struct nftnl_expr *verdict(int code, const char *chain)
{
    struct nftnl_expr *e = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
    if (chain)
        nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
    return e;
}

struct nftnl_expr *nft_drop(void)
{
    return verdict(NF_DROP, NULL);
}

struct nftnl_expr *nft_accept(void)
{
    return verdict(NF_ACCEPT, NULL);
}

struct nftnl_expr *nft_jump(const char *chain)
{
    return verdict(NFT_JUMP, chain);
}

struct nftnl_expr *nft_goto(const char *chain)
{
    return verdict(NFT_GOTO, chain);
}

struct nftnl_expr *nft_verdict_map(const char *map, unsigned reg)
{
    return nft_mapped(map, reg, NFT_REG_VERDICT);
}

struct nftnl_expr *nft_remember(const char *map, unsigned key_reg, unsigned data_reg, uint64_t timeout_ms)
{
    struct nftnl_expr *e = nftnl_expr_alloc("dynset");
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, key_reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, data_reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
    nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, map);
    return e;
}

static struct nftnl_expr *reject(unsigned type, unsigned code)
{
    struct nftnl_expr *e = nftnl_expr_alloc("reject");
    nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, type);
    nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)code);
    return e;
}

struct nftnl_expr *nft_reject_tcp(void)
{
    return reject(NFT_REJECT_TCP_RST, 0);
}

struct nftnl_expr *nft_reject_unreachable(void)
{
    enum { PORT_UNREACHABLE = 3 };
    return reject(NFT_REJECT_ICMP_UNREACH, PORT_UNREACHABLE);
}
