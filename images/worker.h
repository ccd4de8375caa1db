/*
 * A confined child that does one piece of work and says on a pipe how far it is and how it ended. It keeps
 * the descriptors that it is given and no others, has no stdin and no stdout, and dies with its parent.
 */
#ifndef WHERRY_IMAGES_WORKER_H
#define WHERRY_IMAGES_WORKER_H

#include "images/digest.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker_result {
    char digest[DIGEST_TEXT]; /* of the bytes that came out of the decompressor */
    int64_t bytes, entries;
};
struct worker_self; /* the child's end */
struct worker_opts {
    /* In the child: confines itself and works. */
    struct err *(*run)(void *arg, struct worker_self *self, struct worker_result *ret);
    void *arg;
    const int *keep; /* descriptors the child needs besides stderr */
    size_t n_keep;
};
struct worker {
    pid_t pid;
    int notes; /* -1: none */
};

struct err *worker_start(const struct worker_opts *o, struct worker *ret) __attribute__((warn_unused_result));
/* Waits for the end; calls progress (may be NULL) for what the child notes. No note for stall_ms is a
 * timeout, and the child's end. */
struct err *worker_wait(struct worker *w, uint64_t stall_ms, void (*progress)(void *arg, uint64_t done),
    void *arg, struct worker_result *ret) __attribute__((warn_unused_result));
void worker_kill(struct worker *w); /* and reaps; nothing where it has been waited for */
/* In the child, as often as it likes; sent some times a second, dropped where nobody reads. */
void worker_note(struct worker_self *self, uint64_t done);

void worker_cleanup(struct worker *w);
#define auto_worker __attribute__((cleanup(worker_cleanup))) struct worker

#endif
