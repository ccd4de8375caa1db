/*
 * Termination messages: the tail of the file the container could write, or of its log. At most 4 KiB (a log:
 * 80 lines, 2 KiB); bytes that are no UTF-8 become U+FFFD.
 */
#ifndef WHERRY_KUBELET_TERMINATION_H
#define WHERRY_KUBELET_TERMINATION_H

#include "kubelet/worker.h"

/* NULL: none. The caller frees. */
char *termination_message(const struct instance *i, int exit_code);
char *termination_log_path(const struct instance *i, int64_t attempt); /* STATE/logs/pods/... */
/* Pure: the last lines of a CRI log, without their prefixes. */
char *termination_log_tail(const char *text, size_t n);
/* Pure: valid UTF-8 out of anything. */
char *termination_utf8(const char *text, size_t n);

#endif
