/*
 * HTTP client on libcurl's multi interface inside a libuv loop (http_client_*), and a blocking one for
 * programs without a loop (http_fetch()). Redirects are not followed unless asked for.
 */
#ifndef WHERRY_HTTP_CLIENT_H
#define WHERRY_HTTP_CLIENT_H

#include "lib/buf.h"
#include "lib/duplex.h"
#include "lib/err.h"
#include <stdint.h>
#include <uv.h>

struct http_client;
struct http_client_tls {
    const char *ca_file, *cert_file, *key_file; /* PEM; NULL: the system's CAs, no client certificate */
    bool insecure_server; /* encrypts but checks no name or chain: a probe with scheme HTTPS */
};
struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_tls *tls);
void http_client_free(struct http_client *c); /* cancels what is under way */

struct http_client_request {
    const char *method, *url;
    const char *unix_socket;    /* NULL: TCP */
    const char *const *headers; /* "Name: value", NULL-terminated */
    const void *body;
    size_t body_len;
    uint64_t timeout_ms;      /* for the whole; 0 only with on_data (a watch), else it means 30 s */
    uint64_t stall_ms;        /* with on_data: no byte for so long is a timeout; 0: none */
    size_t max_body;          /* without on_data; a longer one is ERR_LIMIT */
    const char *interface_ip; /* source address, NULL: any */
    unsigned redirects;       /* so many are followed; 0: a 3xx is an answer like any other */
};
struct http_client_result {
    unsigned status;          /* 0 where there was no answer: see error */
    struct buf body;          /* without on_data */
    const char *content_type; /* may be NULL */
    struct err *error;        /* transport failure: UNAVAILABLE, TIMEOUT, LIMIT; the client frees it */
};
struct http_call;
/* done() is called once, from the loop. on_data (may be NULL) gets the body of a 2xx answer as it comes; of
 * other answers up to 64 KiB are in the result. Both may start, cancel and free whatever they like. */
struct http_call *http_client_start(struct http_client *c, const struct http_client_request *r,
    void (*on_data)(void *arg, const char *data, size_t len),
    void (*done)(void *arg, const struct http_client_result *res), void *arg);
void http_call_cancel(struct http_call *call); /* done() is not called; NULL is fine */
/* Of a call with on_data: whoever cannot take more for now lets the other side wait. What has come already
 * may still be handed over. While it is paused no stall is counted. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);

/* Sends an upgrade request (WebSocket or other); up() gets the stream on 101, else NULL, the status and the
 * beginning of the body (status 0: no answer, body says why). headers is the answer's head as it came, up to
 * its empty line (see http_head_get()). r->headers carry Connection, Upgrade and the rest; there is no body.
 */
struct http_call *http_client_upgrade(struct http_client *c, const struct http_client_request *r,
    void (*up)(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body),
    void *arg);

/* The value of a header in such a head, copied (the caller frees); NULL where it is absent. */
char *http_head_get(const char *headers, const char *name);

/* Blocking. The result is the caller's: http_client_result_done(). */
struct err *http_fetch(const struct http_client_tls *tls, const struct http_client_request *r,
    struct http_client_result *ret) __attribute__((warn_unused_result));
void http_client_result_done(struct http_client_result *res);

#endif
