/*
 * WWW-Authenticate (RFC 9110, 11.6.1; the distribution specification's token authentication), and where a
 * registry may send us and our password. Pure.
 */
#ifndef WHERRY_IMAGES_CHALLENGE_H
#define WHERRY_IMAGES_CHALLENGE_H

#include "lib/err.h"
#include "lib/mem.h"
#include <stdbool.h>
#include <sys/socket.h>

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };
struct challenge {
    enum challenge_kind kind;
    const char *realm, *service, *scope; /* CHALLENGE_BEARER; NULL where absent */
};
/* One header value; Bearer wins over Basic where both are offered. */
struct challenge challenge_parse(struct arena *a, const char *header);

struct url { /* scheme://host[:port]/..., without user and password */
    const char *scheme, *host;
    unsigned port;
};
struct err *url_parse(struct arena *a, const char *text, struct url *ret) __attribute__((warn_unused_result));
bool url_same_origin(const struct url *a, const struct url *b);

/* localhost, 127.x, [::1], with or without a port: plain HTTP stays on this host. */
bool host_is_local(const char *host);

/* May a token server at `realm` be asked in the name of a registry at `base`? No downgrade to http, no other
 * scheme. */
struct err *challenge_check_realm(const struct url *base, const struct url *realm)
    __attribute__((warn_unused_result));
/* May it be given the registry's password? It is the registry's host, or of its domain. */
bool challenge_may_have_password(const char *registry_host, const char *realm_host);
/* Loopback, link-local (cloud metadata) and unspecified addresses: nobody may send us there by a redirect or
 * realm. */
bool address_is_private_to_host(const struct sockaddr *sa);

#endif
