/* The IPAM plugin that a configuration names, run with our own stdin and environment but another command. */
#ifndef WHERRY_CNI_IPAM_H
#define WHERRY_CNI_IPAM_H

#include "cni/plugin.h"

/* Whether the configuration has an ipam.type. */
bool ipam_is_set(const struct plugin_call *c);
/* command: ADD, DEL, CHECK, GC, STATUS. ret (may be NULL) is filled by ADD; it has at least one address. */
struct err *ipam_run(struct plugin_call *c, const char *command, struct cni_result *ret)
    __attribute__((warn_unused_result));

#endif
