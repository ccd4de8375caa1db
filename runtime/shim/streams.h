/*
 * A container's standard streams: pipes or a terminal. What it writes goes to its log and to every attached
 * client; what a client sends goes to its stdin. A client that is 128 KiB behind holds the container's output
 * up, but only so long: if it has not read half of that in 5 s, it is dropped.
 *
 *     container stdout, stderr | pty master --> 64 KiB read --> crilog, each client
 *     client stdin --> pending (16 KiB, then the client waits) --> container stdin | pty master
 */
#ifndef WHERRY_SHIM_STREAMS_H
#define WHERRY_SHIM_STREAMS_H

#include "runtime/shim/crilog.h"
#include "runtime/shim/poll.h"
#include <sys/types.h>

enum { STREAMS_CLIENTS_MAX = 32, STREAMS_INPUT_MAX = 16 * 1024 };
enum {
    STREAMS_BEHIND_HOLD = 128 * 1024,
    STREAMS_BEHIND_GO_ON = STREAMS_BEHIND_HOLD / 2,
    STREAMS_BEHIND_MAX = 256 * 1024, /* the last read, and what is in the pipe when the container ends */
    STREAMS_PATIENCE_MS = 5000,
};

struct streams {
    struct poll *poll;
    struct crilog log;
    struct stream {
        struct poll_source src; /* fd -1: ended */
        struct streams *of;
    } out[CRILOG_STREAMS]; /* a terminal's master is out[CRILOG_STDOUT] */
    struct poll_source in; /* its stdin; a duplicate of the master; -1: none, or closed */
    char *pending;         /* on its way there: STREAMS_INPUT_MAX, or NULL */
    size_t pending_at, pending_len;
    int peer; /* terminal: the other end, kept open while the container runs so that the
                 master does not hang up each time nobody has it open */
    bool terminal, stdin_once;
    bool stdin_ends; /* once what is pending is written */
    struct attach *clients;
    unsigned n_clients, n_holding;
    int64_t patience_ms;
};

/* The ends a runtime is to be given; -1: none, use /dev/null. The caller closes them. */
struct streams_ends {
    int in, out, err;
};

void streams_init(struct streams *s, struct poll *poll);
/* Pipes: reading begins with streams_begin(), so that what a failing runtime says is not the container's. */
struct err *streams_pipes(struct streams *s, bool with_stdin, struct streams_ends *ret)
    __attribute__((warn_unused_result));
/* Takes the master over. */
struct err *streams_terminal(struct streams *s, int master, bool with_stdin)
    __attribute__((warn_unused_result));
struct err *streams_begin(struct streams *s) __attribute__((warn_unused_result));
struct err *streams_resize(struct streams *s, unsigned short width, unsigned short height)
    __attribute__((warn_unused_result));

/* A client's descriptors, -1 where it has none; taken over when it succeeds. Its stdin is closed at once
 * where the container's is not open. */
struct err *streams_attach(struct streams *s, int in, int out, int err) __attribute__((warn_unused_result));

/* The container's init has ended: logs what is in the pipes now, lets the clients go (they get what they have
 * not read yet within a deadline). Others may still hold their ends: the log goes on. */
void streams_drain(struct streams *s);
/* Ends all. */
void streams_close(struct streams *s);

#endif
