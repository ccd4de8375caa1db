/*
 * The CRI log format, read: lines of "TIME STREAM TAGS TEXT" as the shim writes them become what a person
 * asked for. Pure: bytes in, bytes out; server_logs.c brings the bytes.
 */
#ifndef WHERRY_KUBELET_CRILOG_READ_H
#define WHERRY_KUBELET_CRILOG_READ_H

#include "lib/buf.h"
#include <stdint.h>

struct crilog_filter {
    bool timestamps;    /* each line begins with its time */
    int64_t since_ns;   /* only lines of that time and later; 0: all */
    int64_t limit;      /* bytes of output in all; -1: none */
    const char *stream; /* "stdout", "stderr"; NULL: both */
};
struct crilog_reader {
    struct crilog_filter filter;
    bool inside; /* the last line was a part: the next goes on with it */
    bool done;   /* the limit is reached */
};
/* Reads whole lines of data, appends what is asked for to out; returns how many bytes were consumed (up to
 * the last newline). A line that is not of this format is passed over. */
size_t crilog_read(struct crilog_reader *r, const char *data, size_t len, struct buf *out);

#endif
