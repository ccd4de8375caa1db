/*
 * Which address belongs to which container, on disk, in the format of the reference host-local plugin, so
 * that either can follow the other: DATADIR/NETWORK/ADDRESS holds "CONTAINERID\r\nIFNAME", last_reserved_ip.N
 * the address that range set N gave last, and `lock` is flocked while anything is read or changed. A file
 * appears with its content or not at all.
 */
#ifndef WHERRY_CNI_LEASES_H
#define WHERRY_CNI_LEASES_H

#include "lib/err.h"
#include "lib/netlink.h"

#define LEASES_DIR "/var/lib/cni/networks"

struct leases; /* open and locked */
struct err *leases_open(const char *data_dir, const char *network, struct leases **ret)
    __attribute__((warn_unused_result));
void leases_close(struct leases *l); /* NULL is fine */

/* *ret_taken: the address has an owner already, and nothing was done. */
struct err *leases_reserve(struct leases *l, const struct net_addr *ip, const char *container_id,
    const char *ifname, bool *ret_taken) __attribute__((warn_unused_result));
/* Where the next search begins; family 0 where nothing was given yet. */
void leases_last(struct leases *l, unsigned set, struct net_addr *ret);
struct err *leases_set_last(struct leases *l, unsigned set, const struct net_addr *ip)
    __attribute__((warn_unused_result));

/* Every address and its owner; ifname is "" in files of old plugins. */
typedef void leases_fn(void *arg, const struct net_addr *ip, const char *container_id, const char *ifname);
struct err *leases_each(struct leases *l, leases_fn *fn, void *arg) __attribute__((warn_unused_result));
struct err *leases_release(struct leases *l, const struct net_addr *ip) __attribute__((warn_unused_result));

#endif
