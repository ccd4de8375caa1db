/* The sets, chains and rules of table ip wherry_proxy (shown in proxy/ruleset.h), written into a transaction.
 */
#ifndef WHERRY_PROXY_RULESET_RULES_H
#define WHERRY_PROXY_RULESET_RULES_H

#include "lib/nft.h"
#include "proxy/plan.h"

struct ruleset_cidr {
    uint32_t network, mask; /* network byte order */
    unsigned prefix;
};
struct err *ruleset_cidr_parse(const char *text, struct ruleset_cidr *ret)
    __attribute__((warn_unused_result));

const char *ruleset_set_name(enum plan_set set);
/* Everything but the table itself, and an empty chain `marker`. */
void ruleset_rules_create(struct nft *n, const struct ruleset_cidr *cidr, const char *marker);
/* The chain that chooses among v->endpoints, or remembers the choice. */
void ruleset_rules_pick(struct nft *n, const char *chain, const struct plan_verdict *v);

#endif
