/*
 * Who may do what. Users are the common names of client certificates, groups their organisations. Members of
 * system:masters may do everything; nodes and the proxy what their work needs; everybody who is known may
 * look at what there is (discovery, OpenAPI, version); others nothing.
 */
#ifndef WHERRY_MASTER_AUTH_H
#define WHERRY_MASTER_AUTH_H

#include "lib/fields.h"
#include "master/kind.h"

bool auth_is_master(const struct str_list *groups);
/* verb: one of enum verb_bits; ns NULL or "": all; name may be NULL. */
bool auth_allows(const char *user, const struct str_list *groups, unsigned verb, const struct resource *r,
    const struct subresource *sub, const char *ns, const char *name);
const char *auth_verb_name(unsigned verb);

#endif
