/*
 * An nftables table of ours whose rules never change: attachments are elements of its sets, marked with their
 * owner. The table appears with its first element and goes with its last one, whatever process adds or
 * removes them.
 */
#ifndef WHERRY_CNI_RULESET_H
#define WHERRY_CNI_RULESET_H

#include "cni/plugin.h"
#include "lib/nft.h"

struct ruleset {
    unsigned family; /* NFPROTO_* */
    const char *table;
    const char *const *sets;                                /* ended by NULL */
    void (*create)(struct nft *n, const struct ruleset *r); /* sets, chains, rules */
};
struct ruleset_elem {
    const char *set;
    struct nft_elem e;
};

/* All or none. What is there with the same data stays; with other data: CONFLICT. */
struct err *ruleset_add(const struct ruleset *r, const char *owner, struct ruleset_elem *elems, size_t n)
    __attribute__((warn_unused_result));
/* Removes what its owner has left, as `gone` tells. Nothing there is success. */
struct err *ruleset_remove(const struct ruleset *r, bool (*gone)(void *arg, const char *owner), void *arg)
    __attribute__((warn_unused_result));
struct err *ruleset_remove_owner(const struct ruleset *r, const char *owner)
    __attribute__((warn_unused_result));
/* GC: what belongs to the call's network and to no valid attachment. */
struct err *ruleset_remove_invalid(const struct ruleset *r, const struct plugin_call *c)
    __attribute__((warn_unused_result));
/* NOT_FOUND names the set where one is missing. */
struct err *ruleset_check(const struct ruleset *r, const char *owner, const struct ruleset_elem *elems,
    size_t n) __attribute__((warn_unused_result));

#endif
