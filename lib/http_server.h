/*
 * HTTP/1.1 server on libmicrohttpd, inside a libuv loop, one thread. TLS with client certificates through
 * GnuTLS. The handler gets each request whole (body read, at most max_body bytes) and answers it at once or
 * later, with http_respond(), http_stream() or http_upgrade(): exactly one of them.
 */
#ifndef WHERRY_HTTP_SERVER_H
#define WHERRY_HTTP_SERVER_H

#include "lib/err.h"
#include "lib/tls.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_server;
struct http_request;
typedef void http_handler_fn(void *arg, struct http_request *req);

struct http_server_opts {
    const char *address; /* numeric; NULL: all */
    uint16_t port;       /* 0: the kernel chooses, see http_server_port() */
    int listen_fd; /* > 0: a socket that listens already (a unix one, say): taken; instead of address and port
                    */
    const char *tls_cert_file, *tls_key_file; /* PEM; NULL: plain HTTP */
    const char *client_ca_file; /* PEM; a client certificate is asked for, and checked when given */
    size_t max_body;            /* 413 beyond */
    unsigned max_connections;
    unsigned idle_seconds; /* a connection that says nothing for so long is closed */
    http_handler_fn *handler;
    void *arg; /* of handler */
};
/* ERR_EXISTS names address and port when it is taken. */
struct err *http_server_new(uv_loop_t *loop, const struct http_server_opts *o, struct http_server **ret)
    __attribute__((warn_unused_result));
uint16_t http_server_port(const struct http_server *s);
/* Closes every connection: streams and upgraded ones hear it by their closed(). Requests that are not
 * answered yet stay valid until they are. */
void http_server_free(struct http_server *s);

/* The request; strings live until it is answered. Names of headers match case-insensitively. */
const char *http_method(const struct http_request *r);
const char *http_path(const struct http_request *r);                    /* decoded once, without the query */
const char *http_raw_target(const struct http_request *r);              /* as sent, with the query */
const char *http_query(const struct http_request *r, const char *name); /* first, decoded; NULL absent */
/* All values of a repeated parameter in order; calls fn for each. */
void http_query_each(
    const struct http_request *r, void (*fn)(void *arg, const char *name, const char *value), void *arg);
const char *http_header(const struct http_request *r, const char *name);
const char *http_body(const struct http_request *r, size_t *ret_len);
/* The verified client certificate's subject; NULL: none was given (or plain HTTP). */
const struct tls_subject *http_peer(const struct http_request *r);

struct http_header {
    const char *name, *value;
};
/* Answers. The body is copied. headers ends with a NULL name, or is NULL. */
void http_respond(struct http_request *r, unsigned status, const char *content_type, const void *body,
    size_t len, const struct http_header *headers);
/* The same without the copy: body is from malloc() and is taken. */
void http_respond_take(struct http_request *r, unsigned status, const char *content_type, char *body,
    size_t len, const struct http_header *headers);

/* A response that goes on (watch, follow): chunked. The stream's memory is the server's; closed() is called
 * once, when the client is gone or after http_stream_end(), and is the last use of `s`. */
struct http_stream;
struct http_stream *http_stream(struct http_request *r, unsigned status, const char *content_type,
    const struct http_header *headers, void (*closed)(void *arg), void *arg);
void http_stream_send(struct http_stream *s, const void *data, size_t len); /* copied and queued */
size_t http_stream_queued(
    const struct http_stream *s); /* bytes not yet taken by the kernel: a ceiling is the caller's */
/* Calls drained() whenever the queue has become empty. */
void http_stream_on_drain(struct http_stream *s, void (*drained)(void *arg));
void http_stream_end(struct http_stream *s);

/* Answers 101 and gives the connection away as a byte stream (lib/duplex.h). up() comes from the loop; it
 * gets NULL where the connection ended before. A client has to wait for the 101 before it sends on. */
struct duplex;
void http_upgrade(struct http_request *r, const char *protocol, const struct http_header *headers,
    void (*up)(void *arg, struct duplex *d), void *arg);

#endif
