/* What a person and an engine read: messages on stderr, and the same in --log FILE as text or JSON lines. */
#ifndef WHERRY_RUNTIME_REPORT_H
#define WHERRY_RUNTIME_REPORT_H

#include "lib/err.h"
#include <stdbool.h>

/* log NULL: stderr only. */
struct err *report_open(const char *log, bool json, bool debug) __attribute__((warn_unused_result));
void report_error(const char *text);
void report_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void report_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
