/* macspoofchk: table bridge wherry_macspoof lets a port send only with the MAC address that its container was
 * given. */
#ifndef WHERRY_CNI_SPOOFCHECK_H
#define WHERRY_CNI_SPOOFCHECK_H

#include "cni/plugin.h"

struct err *spoofcheck_add(const char *owner, const char *port, const unsigned char mac[6])
    __attribute__((warn_unused_result));
struct err *spoofcheck_check(const char *owner, const char *port, const unsigned char mac[6])
    __attribute__((warn_unused_result));
struct err *spoofcheck_remove(const char *owner) __attribute__((warn_unused_result));
struct err *spoofcheck_remove_invalid(const struct plugin_call *c) __attribute__((warn_unused_result));

#endif
