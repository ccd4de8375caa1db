/*
 * A growing byte buffer that was given its ceiling. Invariants: data is NULL or holds len bytes and a NUL
 * after them; len <= max. An addition beyond max leaves the buffer as it was and sets `over` for good, so
 * that a writer may add all its parts and check once, at the end, with buf_check().
 */
#ifndef WHERRY_BUF_H
#define WHERRY_BUF_H

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len, cap, max;
    bool over;
};

#define BUF_INIT(ceiling) ((struct buf){.max = (ceiling)})

void buf_add(struct buf *b, const void *data, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes to be written at the returned address, NULL beyond the ceiling; buf_grown(b, m)
 * then says that m <= n of them were. */
char *buf_room(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n);   /* removes the first n bytes */
void buf_clear(struct buf *b);            /* keeps the memory; clears `over` */
const char *buf_str(const struct buf *b); /* never NULL */
char *buf_take(struct buf *b);            /* the caller frees; the buffer is empty again */
void buf_done(struct buf *b);             /* frees */
struct err *buf_check(const struct buf *b, const char *what)
    __attribute__((warn_unused_result)); /* ERR_LIMIT */

void buf_cleanup(struct buf *b);
#define auto_buf __attribute__((cleanup(buf_cleanup))) struct buf

#endif
