/*
 * A stream of bytes from a descriptor, decompressed when it is gzip (ISA-L) or zstd, hashed and counted as
 * it goes. What it is, its first bytes say. Used for layers and for the tarballs that hold them.
 */
#ifndef WHERRY_IMAGES_INFLATE_H
#define WHERRY_IMAGES_INFLATE_H

#include "images/limits.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflate;
/* Reads fd (not taken) until its end. hash: digest what comes out. Reads nothing yet. */
struct inflate *inflate_new(int fd, const struct limits *limits, bool hash);
void inflate_free(struct inflate *f);
/* Calls fn with the bytes read so far after every read(2): for progress. */
void inflate_watch(struct inflate *f, void (*fn)(void *arg, uint64_t in), void *arg);

/* The next block, valid until the next call; *ret_len 0 with success is the end. ERR_INVALID for a corrupt
 * or cut-off stream, ERR_LIMIT beyond limits->layer_bytes or limits->ratio. */
struct err *inflate_read(struct inflate *f, const void **ret, size_t *ret_len)
    __attribute__((warn_unused_result));
/* Reads on to the end, so that all of it has been hashed: what follows a tar's end marker counts, too. */
struct err *inflate_drain(struct inflate *f) __attribute__((warn_unused_result));

uint64_t inflate_in(const struct inflate *f);          /* bytes read from fd */
uint64_t inflate_out(const struct inflate *f);         /* bytes given out */
void inflate_end_hex(struct inflate *f, char hex[65]); /* of all that was given out; once, at the end */

void inflate_cleanup(struct inflate **f);
#define auto_inflate __attribute__((cleanup(inflate_cleanup))) struct inflate

#endif
