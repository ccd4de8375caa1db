/* What the files of the HTTP server share: http_server.c, http_request.c, http_stream.c, http_upgrade.c,
 * http_listen.c. */
#ifndef WHERRY_HTTP_INTERNAL_H
#define WHERRY_HTTP_INTERNAL_H

#include "lib/buf.h"
#include "lib/http_server.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <microhttpd.h>

struct http_server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    struct watch *watch;   /* of the daemon's epoll descriptor */
    struct timer *timer;   /* when it wants to be run without an event */
    struct deferred *soon; /* a connection was resumed: without threads of its own MHD does not tell */
    uv_prepare_t prepare;
    http_handler_fn *handler;
    void *arg;
    size_t max_body;
    uint16_t port;
    bool client_certificates;
    struct http_request *requests; /* all that MHD still knows */
    unsigned depth;                /* MHD is below us on the stack */
    bool free_asked;
};

/* One client connection. */
struct http_connection {
    bool peer_checked;
    struct arena *peer_arena;
    const struct tls_subject *peer; /* NULL: none, or one that we do not trust */
};

struct http_param {
    char *name, *value;
};

struct http_request {
    struct http_server *server; /* not to be used once it is gone */
    uv_loop_t *loop;
    struct http_request *prev, *next;
    struct MHD_Connection *con; /* NULL before its headers are read, and when it is gone */
    struct http_connection *peer;
    char *method, *target, *path, *query; /* target as sent; path and query cut out of a copy, decoded */
    struct http_param *params;
    size_t n_params;
    struct buf body;
    size_t dropped; /* bytes of a body that is too large */
    bool handed;    /* the handler has been called */
    bool answered;  /* by it */
    bool suspended; /* in MHD */
    bool over;      /* an upgraded connection was closed: MHD is to end it */
    bool gone;      /* MHD has forgotten it */
    unsigned status;
    struct MHD_Response *response; /* answered, not yet handed to MHD */
    struct http_stream *stream;
    struct http_upgraded *upgrade; /* the connection is, or is about to be, somebody else's */
};

/* http_request.c */
struct http_request *http_request_new(struct http_server *s, const char *target);
void http_request_free(struct http_request *r);
bool http_request_parse(struct http_request *r); /* false: not a target that we read */

/* http_server.c. http_answer() takes the response. */
void http_suspend(struct http_request *r);
void http_resume(struct http_request *r); /* nothing unless suspended */
void http_answer(struct http_request *r, unsigned status, struct MHD_Response *response);
void http_add_headers(
    struct MHD_Response *response, const char *content_type, const struct http_header *headers);

/* http_listen.c: address NULL: all. The port of a unix socket is 0. */
struct err *http_listen(const char *address, uint16_t port, int *ret_fd) __attribute__((warn_unused_result));
uint16_t http_listen_port(int fd);

/* http_stream.c: MHD is done with it; the client or the server is gone. */
void http_stream_completed(struct http_stream *s);
void http_stream_kill(struct http_stream *s);

/* http_upgrade.c: the server ends, or MHD has lost the connection before it was given away. */
void http_upgrade_kill(struct http_upgraded *u);

#endif
