/*
 * The last word of an exec or attach, on the error channel of v4 and v5.channel.k8s.io: a Status of the API,
 * as text. The caller frees it.
 */
#ifndef WHERRY_KUBELET_STREAM_STATUS_H
#define WHERRY_KUBELET_STREAM_STATUS_H

#include "lib/err.h"

/* Success, or NonZeroExitCode with the code among its causes, where clients look for it. */
char *stream_status_exit(int code);
/* what: "error executing command in container". */
char *stream_status_failure(const char *what, const struct err *e);

#endif
