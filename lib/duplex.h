/*
 * A two-way byte stream in the loop: a socket, a pipe pair, a TLS connection, the raw side of an upgraded
 * HTTP connection. What is written is queued up to a ceiling; what is read is handed over as it comes.
 */
#ifndef WHERRY_DUPLEX_H
#define WHERRY_DUPLEX_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct duplex;
struct duplex_events {
    /* Bytes have come; returns how many were consumed (the rest is offered again after duplex_resume()). */
    size_t (*read)(void *arg, const char *data, size_t len);
    /* The other side will send no more (error NULL) or the stream failed. Called once; after it read() is not
     * called any more, but what was or is written may still go out (half-close). */
    void (*closed)(void *arg, const char *error);
    void (*drained)(void *arg); /* the write queue is empty again; may be NULL */
};
/* Takes fds (may be the same, or -1 for a missing direction) and makes them non-blocking. */
struct duplex *duplex_from_fd(uv_loop_t *loop, int rfd, int wfd);
void duplex_start(struct duplex *d, const struct duplex_events *ev, void *arg);
/* All of it or nothing; false: closed, or more than 1 MiB would be queued (an empty queue takes any length).
 */
bool duplex_write(struct duplex *d, const void *data, size_t len);
size_t duplex_queued(const struct duplex *d);
void duplex_pause(struct duplex *d);
void duplex_resume(struct duplex *d);
void duplex_shutdown(struct duplex *d); /* no more writes: half-close after the queue is out */
void duplex_free(struct duplex *d);     /* closes at once; closed() is not called; any moment */
/* Copies both ways until both sides have ended or one failed, then frees both and calls done. */
void duplex_splice(struct duplex *a, struct duplex *b, void (*done)(void *arg), void *arg);

#endif
