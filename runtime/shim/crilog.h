/*
 * A container's log in the format of CRI: one line of it is
 *     2026-11-23T08:44:00.123456789Z stdout F text
 * F ends a line of the container, P is a part of one: what is longer than 16 KiB, and what was not ended
 * when its stream was.
 *
 * What one read(2) brought becomes one write(2). A disk that is full takes nothing and holds up nothing:
 * bytes are counted as dropped, and the log goes on, with whole lines, when there is room again.
 */
#ifndef WHERRY_SHIM_CRILOG_H
#define WHERRY_SHIM_CRILOG_H

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crilog_stream { CRILOG_STDOUT, CRILOG_STDERR, CRILOG_STREAMS };
enum { CRILOG_LINE_MAX = 16 * 1024 };

struct crilog {
    int fd; /* -1: no log */
    char *path;
    bool torn; /* the file ends inside of a line of ours */
    uint64_t dropped;
    struct crilog_part { /* a line that has not ended yet */
        char *data;
        size_t len, cap;
    } part[CRILOG_STREAMS];
};

/* Appends to path; makes the file, 0640. Anything that is not a regular file with one name is refused:
 * the folder may be a volume of a container. */
struct err *crilog_open(struct crilog *l, const char *path) __attribute__((warn_unused_result));
/* The file at its path now, after the other was renamed. On failure the old one goes on. */
struct err *crilog_reopen(struct crilog *l) __attribute__((warn_unused_result));
void crilog_feed(struct crilog *l, enum crilog_stream stream, const char *data, size_t n);
void crilog_end(struct crilog *l, enum crilog_stream stream); /* the stream's end: writes what is left */
void crilog_close(struct crilog *l);

#endif
