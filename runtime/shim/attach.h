/*
 * An attached client: up to three pipes or sockets that were passed to the shim. Used by streams.c alone.
 * It outlives its container until it has read what it was sent, for a while.
 */
#ifndef WHERRY_SHIM_ATTACH_H
#define WHERRY_SHIM_ATTACH_H

#include "lib/buf.h"
#include "runtime/shim/crilog.h"
#include "runtime/shim/poll.h"

struct streams;
struct attach {
    struct attach *next;
    struct poll *poll;
    struct streams *of; /* NULL: the container is gone, only flushing is left */
    struct attach_out {
        struct poll_source src;
        struct buf behind;
        struct attach *client;
    } out[CRILOG_STREAMS];
    struct poll_source in;
    bool has_stdin;
    bool holding; /* it is far behind: the container's output waits for it, until patience ends */
    struct poll_timer patience; /* also for flushing, after the end */
};

/* Takes the descriptors over when it succeeds. */
struct err *attach_new(struct streams *of, int in, int out, int err, struct attach **ret)
    __attribute__((warn_unused_result));
/* false: the client had to be dropped, and is gone. */
bool attach_write(struct attach *a, enum crilog_stream stream, const char *data, size_t n);
/* Nothing will be written any more: closes each stream once it is read. */
void attach_end(struct attach *a);
void attach_free(struct attach *a);

/* What streams.c does for attach.c. */
void streams_hold(struct streams *s); /* read no output until as many streams_go_on() */
void streams_go_on(struct streams *s);
void streams_client_gone(struct streams *s, struct attach *a);
/* How much may be read from clients now; then that much into the container. */
size_t streams_input_room(const struct streams *s);
void streams_input(struct streams *s, const char *data, size_t n);
void streams_input_end(struct streams *s); /* this client's stdin has ended */

#endif
