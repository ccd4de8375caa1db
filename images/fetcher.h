/*
 * The process that talks to the registry: it has the network and the credentials, and nothing else
 * (confine.h). Asked over a socket pair for one thing after the other, it sends the bytes back. What they are
 * worth, the asker finds out: it checks sizes and digests.
 */
#ifndef WHERRY_IMAGES_FETCHER_H
#define WHERRY_IMAGES_FETCHER_H

#include "images/registry.h"
#include "lib/buf.h"
#include <sys/types.h>

struct fetcher {
    pid_t pid;
    int sock;
    uint64_t stall_ms;
};
/* Forks; o lives in the child as it is now. */
struct err *fetcher_start(const struct registry_opts *o, struct fetcher *ret)
    __attribute__((warn_unused_result));
void fetcher_stop(struct fetcher *f);

/* A manifest by tag or digest, into body (its ceiling is the limit). content_type: at least 128 bytes. */
struct err *fetcher_manifest(struct fetcher *f, const char *tag_or_digest, struct buf *body,
    char *content_type) __attribute__((warn_unused_result));
/* A blob of a known size, in pieces. on_data false: no more is wanted; the fetcher has to be stopped then. */
struct err *fetcher_blob(struct fetcher *f, const char *digest, int64_t size,
    bool (*on_data)(void *arg, const void *data, size_t len), void *arg) __attribute__((warn_unused_result));

void fetcher_cleanup(struct fetcher *f);
#define auto_fetcher __attribute__((cleanup(fetcher_cleanup))) struct fetcher

#endif
