/* The lines on stdout (lib/api/image.h): progress at most ten times a second, images, removals, the error. */
#ifndef WHERRY_IMAGES_REPORT_H
#define WHERRY_IMAGES_REPORT_H

#include "lib/api/image.h"
#include <stdint.h>

struct report_progress {
    const char *image, *layer, *phase; /* phase: download, read, unpack */
    int64_t done, total;               /* total -1: unknown */
};
/* Drops what comes too soon after the last, except the last of a phase (done == total). */
void report_progress(const struct report_progress *p);
void report_image(const struct image *i);
void report_removed(const char *kind, const char *name, int64_t bytes);
void report_error(const struct err *e);
/* NULL, or why stdout cannot be written (a closed pipe): asked once, at the end. */
struct err *report_check(void) __attribute__((warn_unused_result));

#endif
