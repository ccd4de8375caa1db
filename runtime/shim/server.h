/*
 * The shim's socket: connections, requests in, answers and events out. Nothing is queued: a peer that does
 * not read what is sent to it loses its connection, and finds the whole state when it comes back.
 *
 * A request that takes longer is kept as a struct reply by whoever will answer it; its connection may vanish
 * meanwhile, the reply then goes nowhere.
 */
#ifndef WHERRY_SHIM_SERVER_H
#define WHERRY_SHIM_SERVER_H

#include "lib/json.h"
#include "runtime/shim/poll.h"

enum { SERVER_CONNS_MAX = 64, SERVER_REPLIES_MAX = 1024 };

struct shim;
struct server {
    struct poll_source listening;
    int spare; /* a descriptor to give up when there are no more */
    struct conn *conns;
    unsigned n_conns;
    struct reply *replies; /* all that are not answered yet */
    unsigned n_replies;
    struct buf buf; /* the message being written */
    struct json_out out;
};

struct err *server_init(struct shim *s) __attribute__((warn_unused_result)); /* listens on shim.sock */
void server_done(struct shim *s);

struct reply {
    struct reply *next; /* for its owner's lists */
    struct reply *all_next;
    struct shim *shim;
    struct conn *conn; /* NULL: gone */
    int64_t seq;
};
/* Each of these answers and frees r; NULL is fine. */
void reply_ok(struct reply *r);
void reply_err(struct reply *r, struct err *e); /* takes e */
/* With results: write them into what reply_begin() returns, then reply_send(). The descriptors are copied. */
struct json_out *reply_begin(struct reply *r);
void reply_send(struct reply *r, const int *fds, size_t n_fds);
void reply_subscribe(struct reply *r); /* its connection gets events from now on */

/* An event to all who want it: begin, write its fields, send. */
struct json_out *event_begin(struct shim *s, const char *event);
void event_send(struct shim *s);

#endif
