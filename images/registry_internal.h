/* What registry*.c share: one HTTP exchange, and the state of a registry. */
#ifndef WHERRY_IMAGES_REGISTRY_INTERNAL_H
#define WHERRY_IMAGES_REGISTRY_INTERNAL_H

#include "images/challenge.h"
#include "images/registry.h"
#include "lib/buf.h"
#include <curl/curl.h>

struct registry {
    const struct registry_opts *o;
    struct arena *a;
    CURL *curl;
    struct url base;
    const char *base_url; /* https://registry-1.docker.io */
    char *authorization;  /* "Authorization: ..." or NULL */
    char content_type[128];
};

/* One request, no redirect followed, no retry. */
struct exchange {
    const char *url;
    const char *accept, *authorization, *post; /* NULL: none */
    int64_t from;                              /* Range: bytes=from- where > 0 */
    bool foreign;                              /* a host that the registry named: no address of our own */
    bool (*on_data)(void *arg, const void *data, size_t len); /* of a 2xx answer */
    void *arg;

    long status; /* 0: no answer, error says why */
    CURLcode code;
    bool stopped; /* on_data() wanted no more */
    char error[256];
    char *location;     /* absolute; freed by exchange_done() */
    char *authenticate; /* WWW-Authenticate, all of them joined */
    char content_type[128];
    int64_t retry_after_s, range_from; /* -1: no such header */
    struct buf problem;                /* the beginning of a body that is not 2xx */
    size_t header_bytes;
};
void exchange_run(struct registry *r, struct exchange *x);
void exchange_done(struct exchange *x);

/* registry_token.c: answers a challenge by setting r->authorization. */
struct err *registry_login(struct registry *r, const char *authenticate) __attribute__((warn_unused_result));

#endif
