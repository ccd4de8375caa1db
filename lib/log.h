/*
 * Logging, for main programs only: a library function returns its error instead. One line per event on
 * stderr, fixed keys:
 *     2026-11-23T08:44:00.123Z warn  kubelet: pod=default/web container=app msg="..."
 */
#ifndef WHERRY_LOG_H
#define WHERRY_LOG_H

#include "lib/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_init(const char *program, enum log_level level, enum log_format format);
/* The same from what the options --log-level and --log-format were given: ERR_INVALID names a wrong one. */
struct err *log_init_text(const char *program, const char *level, const char *format)
    __attribute__((warn_unused_result));
/* fd instead of stderr; the caller keeps it. */
void log_to(int fd);

/* `keys` is "" or ready-made pairs: "pod=default/web container=app". */
void log_line(enum log_level level, const char *keys, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Logs where an error stops travelling, and frees it. NULL is ignored. */
void log_err(enum log_level level, const char *keys, struct err *e);

#define log_error(keys, ...) log_line(LOG_ERROR, keys, __VA_ARGS__)
#define log_warn(keys, ...) log_line(LOG_WARN, keys, __VA_ARGS__)
#define log_info(keys, ...) log_line(LOG_INFO, keys, __VA_ARGS__)
#define log_debug(keys, ...) log_line(LOG_DEBUG, keys, __VA_ARGS__)

#endif
