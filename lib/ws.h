/*
 * WebSocket (RFC 6455) frames on wslay over a duplex, server and client, and on top of them the Kubernetes
 * remote-command channels: the first byte of each binary message is the channel; v5.channel.k8s.io adds
 * message 255 N ("close channel N").
 */
#ifndef WHERRY_WS_H
#define WHERRY_WS_H

#include "lib/duplex.h"
#include "lib/err.h"

enum ws_role { WS_SERVER, WS_CLIENT };
enum ws_kind { WS_TEXT, WS_BINARY };

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void ws_accept_key(const char *key, char accept[29]);

struct ws;
struct ws_events {
    void (*message)(void *arg, enum ws_kind kind, const char *data, size_t len); /* whole messages */
    void (*closed)(void *arg, unsigned code, const char *reason);                /* once; nothing after it */
    void (*drained)(void *arg); /* the write queue is empty again; may be NULL */
};
/* Takes d. A message longer than max_message ends the connection with 1009. Pings are answered; an idle
 * connection is pinged every 30 s. */
struct ws *ws_new(uv_loop_t *loop, struct duplex *d, enum ws_role role, size_t max_message,
    const struct ws_events *ev, void *arg);
bool ws_send(struct ws *w, enum ws_kind kind, const void *data, size_t len); /* false: closed or queue full */
bool ws_send_channel(
    struct ws *w, unsigned char channel, const void *data, size_t len); /* binary, prefixed */
size_t ws_queued(const struct ws *w);
void ws_pause(struct ws *w); /* stops reading: back-pressure */
void ws_resume(struct ws *w);
void ws_close(struct ws *w, unsigned code, const char *reason); /* flushes, then closed() */
void ws_free(struct ws *w);                                     /* at once; closed() is not called */

/* kubectl's channels. */
enum { WS_STDIN = 0, WS_STDOUT = 1, WS_STDERR = 2, WS_ERROR = 3, WS_RESIZE = 4, WS_CLOSE = 255 };

#endif
