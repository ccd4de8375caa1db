/* Names derived from an attachment (network, container, interface): the same at every command, so that DEL
 * and GC find what ADD made without a memory of their own. */
#ifndef WHERRY_CNI_OWNER_H
#define WHERRY_CNI_OWNER_H

#include "cni/plugin.h"

#define OWNER_MAX 120
/* "NETWORK/CONTAINERID/IFNAME", long parts as hashes: the comment of everything that is its in nftables. */
void owner_text(const char *network, const char *container_id, const char *ifname, char ret[OWNER_MAX]);
void owner_of_call(const struct plugin_call *c, char ret[OWNER_MAX]);
/* For GC: it is of this call's network, and no valid attachment's. */
bool owner_is_gone(const struct plugin_call *c, const char *owner);

/* Name of the host's end of a veth pair: "wh" and 13 letters and digits. */
void owner_veth(const char *network, const char *container_id, const char *ifname, char ret[16]);

#endif
