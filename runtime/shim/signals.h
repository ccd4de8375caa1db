/* Signals by name. */
#ifndef WHERRY_SHIM_SIGNALS_H
#define WHERRY_SHIM_SIGNALS_H

#include "lib/err.h"

/* "TERM", "SIGTERM", "15", "RTMIN+3", "SIGRTMAX-1", also in lower case. */
struct err *signals_parse(const char *text, int *ret) __attribute__((warn_unused_result));

#endif
