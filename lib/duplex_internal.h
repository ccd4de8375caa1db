/* What only the makers of duplexes need: http_server (an upgraded connection) and http_client (curl's). */
#ifndef WHERRY_DUPLEX_INTERNAL_H
#define WHERRY_DUPLEX_INTERNAL_H

#include "lib/duplex.h"
#include <sys/types.h>

/* How bytes move where read(2) and write(2) do not do. All results: bytes, 0 at the end of the stream, or a
 * negative errno (-EAGAIN: wait for the descriptor). */
struct duplex_ops {
    ssize_t (*read)(void *impl, void *buf, size_t n);
    ssize_t (*write)(void *impl, const void *buf, size_t n);
    void (*shutdown)(void *impl); /* no more writes */
    void (*close)(void *impl);    /* the last call */
};

/* fd is only waited for; impl owns it. ops->read and ops->write may be NULL: the descriptor's own. */
struct duplex *duplex_from_ops(uv_loop_t *loop, int fd, const struct duplex_ops *ops, void *impl);
/* Bytes that came before the stream was one; before duplex_start(). */
void duplex_prefill(struct duplex *d, const void *data, size_t len);
/* Ends the stream from below: ops->close now, closed() with `error` soon. The owner still frees it. */
void duplex_abort(struct duplex *d, const char *error);

#endif
