/*
 * A registry over HTTP (distribution-spec v1.1, pull): authentication, redirects, retries and resuming.
 * Blocking, on libcurl; runs in the fetcher (fetcher.h), which may do nothing else.
 *
 * HTTPS with the system's CAs (or ca_file's). Plain HTTP to localhost, 127.x and [::1] only; with `insecure`
 * HTTPS is tried without checking the certificate, then HTTP. The Authorization header goes to the registry's
 * own origin only; blobs may be redirected at most ten times, never from https to http, never to an address
 * of this host or link unless the registry is there itself.
 */
#ifndef WHERRY_IMAGES_REGISTRY_H
#define WHERRY_IMAGES_REGISTRY_H

#include "images/credentials.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_opts {
    struct reference ref;
    struct credentials credentials;
    const char *ca_file; /* NULL: the system's */
    bool insecure;
    uint64_t stall_ms;
};
struct registry;
/* o and what it points to must live as long. */
struct err *registry_new(const struct registry_opts *o, struct registry **ret)
    __attribute__((warn_unused_result));
void registry_free(struct registry *r);

struct registry_get {
    const char *path;   /* below /v2/REPOSITORY/: manifests/TAG, blobs/sha256:... */
    const char *accept; /* NULL: anything */
    int64_t max;        /* bytes; more is an error */
    bool exact;         /* max is the size: less is retried, then an error */
    /* Gets the body as it comes, each byte once, whatever had to be retried. false: stop, nobody wants it. */
    bool (*on_data)(void *arg, const void *data, size_t len);
    void *arg;
};
/* ret_content_type: lives until the next call, "" where there is none. */
struct err *registry_get(struct registry *r, const struct registry_get *g, const char **ret_content_type)
    __attribute__((warn_unused_result));

#endif
