/*
 * Messages with descriptors over a unix SOCK_SEQPACKET socket: one JSON object per packet, at most
 * UNIXMSG_MAX bytes and UNIXMSG_FDS descriptors. The shim's and nobody else's wire.
 */
#ifndef WHERRY_UNIXMSG_H
#define WHERRY_UNIXMSG_H

#include "lib/buf.h"
#include "lib/err.h"

#define UNIXMSG_MAX (192 * 1024)
#define UNIXMSG_FDS 8

/* Paths may be longer than sun_path: bound and connected through the directory's descriptor. Mode 0600. */
struct err *unixmsg_listen(const char *path, int *ret_fd) __attribute__((warn_unused_result));
struct err *unixmsg_connect(const char *path, int *ret_fd)
    __attribute__((warn_unused_result)); /* NOT_FOUND, UNAVAILABLE */
struct err *unixmsg_send(int fd, const char *text, size_t len, const int *fds, size_t n_fds)
    __attribute__((warn_unused_result)); /* ERR_UNAVAILABLE: would block or the peer is gone */
/* One packet into buf (cleared first). *ret_n_fds descriptors, O_CLOEXEC, are the caller's. *ret_len 0 with
 * success: the peer closed. ERR_UNAVAILABLE: nothing there now (non-blocking). */
struct err *unixmsg_recv(int fd, struct buf *buf, int fds[UNIXMSG_FDS], size_t *ret_n_fds)
    __attribute__((warn_unused_result));

#endif
