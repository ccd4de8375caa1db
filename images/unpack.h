/* One layer, from a stream of bytes into a folder, by a confined child process. */
#ifndef WHERRY_IMAGES_UNPACK_H
#define WHERRY_IMAGES_UNPACK_H

#include "images/limits.h"
#include "images/worker.h"

struct unpack_opts {
    int store;        /* the store's root: all that the child may read */
    int in;           /* the layer as it was stored: tar, gzip or zstd; read to its end */
    int root;         /* an empty folder */
    const int *lower; /* the layers below, the nearest first */
    size_t n_lower;
    const struct limits *limits;
};
/* worker_wait() gives the diff_id, the bytes of files, the entries. o must live until then. */
struct err *unpack_start(const struct unpack_opts *o, struct worker *ret) __attribute__((warn_unused_result));

/* The work itself, in this process: for tests. */
struct err *unpack_run(const struct unpack_opts *o, struct worker_self *self, struct worker_result *ret)
    __attribute__((warn_unused_result));

#endif
