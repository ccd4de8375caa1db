/*
 * nftables without its language: transactions of tables, chains, rules, sets and elements, on libnftnl and
 * libmnl. Nothing is text on this way, so no name can inject a rule, and no grammar has to be loaded.
 *
 * A transaction is collected message by message and sent as one batch that the kernel applies whole or not at
 * all. Elements are keyed by bytes: a concatenation is its parts, each padded to four bytes with zeroes.
 */
#ifndef WHERRY_NFT_H
#define WHERRY_NFT_H

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nft; /* one netlink socket, in the network namespace of its caller */
struct err *nft_open(struct nft **ret) __attribute__((warn_unused_result));
void nft_close(struct nft *n); /* NULL is fine */

#define NFT_KEY_MAX 64
struct nft_elem {
    unsigned char key[NFT_KEY_MAX], key_end[NFT_KEY_MAX], data[NFT_KEY_MAX];
    unsigned key_len, data_len; /* data_len 0: none */
    bool range;                 /* key to key_end, both included */
    const char *chain;          /* the verdict of a verdict map: goto this chain; NULL: data or nothing */
    const char *comment;        /* up to 127 bytes, NULL: none */
    uint64_t timeout_ms;        /* 0: none */
};
/* Adds one part to a key (or, with at = key_end, to its upper end); padded to four bytes. */
void nft_key_add(unsigned char at[NFT_KEY_MAX], unsigned *len, const void *part, size_t n);

/* Types as `nft list` names them; a concatenation of a and b is NFT_TYPES2(a, b). */
enum {
    NFT_TYPE_VERDICT = -256,
    NFT_TYPE_IP = 7,
    NFT_TYPE_IP6 = 8,
    NFT_TYPE_ETHER = 9,
    NFT_TYPE_PROTO = 12,
    NFT_TYPE_PORT = 13,
    NFT_TYPE_MARK = 19,
    NFT_TYPE_IFNAME = 41
};
#define NFT_TYPES2(a, b) ((a) << 6 | (b))
#define NFT_TYPES3(a, b, c) (NFT_TYPES2(a, b) << 6 | (c))
#define NFT_TYPES4(a, b, c, d) (NFT_TYPES3(a, b, c) << 6 | (d))
#define NFT_TYPES5(a, b, c, d, e) (NFT_TYPES4(a, b, c, d) << 6 | (e))

struct nft_set {
    const char *name;
    uint32_t key_type, data_type; /* data_type 0: a set, else a map */
    unsigned parts[6];            /* lengths of the key's parts in bytes, ended by 0 */
    unsigned data_len;            /* bytes, each part padded to four */
    bool interval;
    bool dynamic; /* filled by rules, elements may time out */
};

struct nftnl_expr;
/* Expressions of a rule. Registers are of four bytes: 8 to 23; a key of several parts lies in consecutive
 * ones. */
#define NFT_REG 8
struct nftnl_expr *nft_payload(
    unsigned base /* NFT_PAYLOAD_* */, unsigned offset, unsigned len, unsigned reg);
struct nftnl_expr *nft_meta(unsigned key, unsigned reg);
struct nftnl_expr *nft_ct(unsigned key, unsigned reg);
struct nftnl_expr *nft_ct_original(unsigned key, unsigned reg); /* of the tuple before translation */
struct nftnl_expr *nft_fib_daddr_type(unsigned reg);
struct nftnl_expr *nft_fib_saddr_type(unsigned reg);
struct nftnl_expr *nft_immediate(unsigned reg, const void *data, size_t n);
struct nftnl_expr *nft_random(unsigned below, unsigned reg);
struct nftnl_expr *nft_cmp(bool equal, unsigned reg, const void *data, size_t n);
struct nftnl_expr *nft_mask(unsigned reg, const void *mask, size_t n); /* in place */
struct nftnl_expr *nft_in_set(bool in, const char *set, unsigned reg);
struct nftnl_expr *nft_mapped(const char *map, unsigned reg, unsigned to_reg);
struct nftnl_expr *nft_dnat(unsigned family, unsigned addr_reg, unsigned port_reg);
struct nftnl_expr *nft_masquerade(void);
struct nftnl_expr *nft_drop(void);
struct nftnl_expr *nft_accept(void);
struct nftnl_expr *nft_jump(const char *chain);
struct nftnl_expr *nft_goto(const char *chain);
struct nftnl_expr *nft_verdict_map(const char *map, unsigned reg);
/* Sets key -> data in a dynamic map, to be forgotten after the time. */
struct nftnl_expr *nft_remember(const char *map, unsigned key_reg, unsigned data_reg, uint64_t timeout_ms);
struct nftnl_expr *nft_reject_tcp(void);         /* with a reset */
struct nftnl_expr *nft_reject_unreachable(void); /* ICMP port unreachable */

/* A transaction on one table. Between begin and commit nothing fails. */
void nft_begin(struct nft *n, unsigned family /* NFPROTO_* */, const char *table);
void nft_table_create(struct nft *n); /* fails with EXISTS where it is there */
void nft_table_delete(struct nft *n); /* NOT_FOUND */
/* type NULL: a plain chain; else "nat" or "filter", at hook NF_INET_*, NF_BR_*. */
void nft_chain_create(struct nft *n, const char *chain, const char *type, unsigned hook, int priority);
void nft_rule_add(
    struct nft *n, const char *chain, struct nftnl_expr *const *exprs, size_t count); /* takes them */
#define NFT_RULE(n, chain, ...)                                                                              \
    nft_rule_add(n, chain, (struct nftnl_expr *[]){__VA_ARGS__},                                             \
        sizeof((struct nftnl_expr *[]){__VA_ARGS__}) / sizeof(struct nftnl_expr *))
void nft_chain_flush(struct nft *n, const char *chain);
void nft_set_create(struct nft *n, const struct nft_set *set);
void nft_elem_add(
    struct nft *n, const char *set, const struct nft_elem *e); /* there with other data: CONFLICT */
void nft_elem_delete(struct nft *n, const char *set, const struct nft_elem *e); /* NOT_FOUND */
void nft_elems_flush(struct nft *n, const char *set);

/* Applies only if nothing has changed any ruleset since nft_generation() gave this number (else CONFLICT). */
void nft_if_generation(struct nft *n, uint32_t generation);
struct err *nft_generation(struct nft *n, uint32_t *ret) __attribute__((warn_unused_result));

/* NOT_FOUND: no such table, set or element. The error names the message that failed. */
struct err *nft_commit(struct nft *n) __attribute__((warn_unused_result));

/* Every element of a set. NOT_FOUND: no such table or set. */
struct err *nft_elems_each(struct nft *n, unsigned family, const char *table, const char *set,
    void (*fn)(void *arg, const struct nft_elem *e), void *arg) __attribute__((warn_unused_result));

/* Every chain of a table. No table: none. */
struct err *nft_chains_each(struct nft *n, unsigned family, const char *table,
    void (*fn)(void *arg, const char *chain), void *arg) __attribute__((warn_unused_result));

#endif
