/*
 * The address ranges of host-local, without any system call: "ipam" of a configuration in, checked sets of
 * ranges out, and the order in which a set's addresses are tried. One address is given per set.
 */
#ifndef WHERRY_CNI_RANGES_H
#define WHERRY_CNI_RANGES_H

#include "lib/json.h"
#include "lib/netlink.h"

struct range {
    struct net_addr subnet;           /* its network address and prefix */
    unsigned char start[16], end[16]; /* both included */
    unsigned char gateway[16];
};
struct range_set {
    size_t n;
    struct range *v;
};
struct range_sets {
    size_t n;
    struct range_set *v;
};

/* `ranges` is an array of arrays of {subnet, rangeStart, rangeEnd, gateway}; `subnet` and the other three
 * beside it are one more, first set; `more` (of a runtimeConfig, may be NULL) are sets that come before all.
 */
struct err *ranges_parse(struct arena *a, const struct json *ipam, const struct json *more,
    struct range_sets *ret) __attribute__((warn_unused_result));

/* The range that holds ip, NULL: none. */
const struct range *ranges_find(const struct range_set *s, const struct net_addr *ip);

/* Goes once round the set, from the address after `last` (NULL or outside: from the start); gateways are left
 * out. */
struct range_walk {
    const struct range_set *set;
    size_t i; /* range of the next address */
    unsigned char next[16];
    size_t first_i;
    unsigned char first[16]; /* where it began */
    bool begun;
};
struct range_walk ranges_walk(const struct range_set *s, const struct net_addr *last);
/* false: all were seen. The address carries its subnet's prefix. */
bool ranges_next(struct range_walk *w, struct net_addr *ret, const struct range **ret_range);

/* "10.0.0.5-10.0.0.9, ..." for messages. */
void ranges_text(const struct range_set *s, struct buf *out);

#endif
