/*
 * Table ip wherry_proxy in the kernel: laid down once, then only its elements change; all in transactions, so
 * no packet meets a half-made change. A table of this layout that is there already is taken over as it is.
 *
 * As one would write it (numgen cannot be a part of a key in nft's language, but it can in the kernel's):
 *
 *   chain prerouting { type nat hook prerouting priority dstnat; jump services }      the same at output
 *   chain services {
 *     ip daddr . meta l4proto . th dport vmap @services
 *     fib daddr type local ip daddr != 127.0.0.0/8 ip daddr != SERVICE_CIDR
 *         0.0.0.0 . meta l4proto . th dport vmap @services }
 *   chain pick_3 {              of Services with three endpoints; node_pick_3: key begins with 0.0.0.0
 *     dnat to ip daddr . meta l4proto . th dport . numgen random mod 3 map @endpoints }
 *   chain sticky_3 {            with client affinity: the endpoint it had, else as pick_3
 *     dnat to ip saddr . ip daddr . meta l4proto . th dport map @affinity }
 *   chain postrouting { type nat hook postrouting priority srcnat;
 *     ct status dnat ip daddr . ip saddr @hairpin masquerade
 *     ct status dnat ip daddr @remote ip saddr != @local_nets fib saddr type != local masquerade }
 *   chain filter_prerouting { type filter hook prerouting priority -50; ct state established,related accept;
 *     goto unserved }                                                         the same at output
 *   chain learn_10800s {
 *     update @affinity { ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst
 *         timeout 10800s : ip daddr . th dport } }
 *   chain unserved {            what was not translated is not for any endpoint
 *     ct status dnat ct original ip daddr . meta l4proto . ct original proto-dst vmap @learn   (and 0.0.0.0)
 *     ip daddr . meta l4proto . th dport @dns goto name_server
 *     ip daddr . meta l4proto . th dport @drops drop
 *     ip daddr @cluster_ips goto refuse
 *     ip daddr SERVICE_CIDR drop
 *     fib daddr type local ... 0.0.0.0 . meta l4proto . th dport @drops drop, @rejects goto refuse }
 *   chain refuse { tcp: reject with tcp reset; udp, sctp: reject; else (a ping) drop }
 *   chain name_server { ip saddr @local_nets accept; fib saddr type local accept; drop }
 */
#ifndef WHERRY_PROXY_RULESET_H
#define WHERRY_PROXY_RULESET_H

#include "proxy/table.h"

#define RULESET_TABLE "wherry_proxy"

struct ruleset;
/* service_cidr: "10.96.0.0/16". Nothing is changed yet. */
struct err *ruleset_open(const char *service_cidr, struct ruleset **ret) __attribute__((warn_unused_result));
void ruleset_close(struct ruleset *r);

/* Tells t what the kernel holds: the elements of a table of our layout; of none, or of another layout (which
 * the next ruleset_apply() replaces), nothing. */
struct err *ruleset_read(struct ruleset *r, struct table *t) __attribute__((warn_unused_result));
/* One transaction with what t wants changed (and the table, where it is missing). On failure nothing has
 * changed, and the caller begins again with ruleset_read(). */
struct err *ruleset_apply(struct ruleset *r, struct table *t) __attribute__((warn_unused_result));
/* Affinity names endpoints, not indexes; those that are gone are forgotten, after the transaction that took
 * them away. way and endpoint: see plan_has_endpoint(). */
typedef bool ruleset_alive_fn(void *arg, const uint8_t way[12], const uint8_t endpoint[8]);
struct err *ruleset_purge_affinity(struct ruleset *r, ruleset_alive_fn *alive, void *arg)
    __attribute__((warn_unused_result));
/* Removes the table, if it is there. */
struct err *ruleset_remove(void) __attribute__((warn_unused_result));

#endif
