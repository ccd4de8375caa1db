/* Names of signals: "TERM", "SIGTERM", "15", "RTMIN+1". */
#ifndef WHERRY_RUNTIME_SIGNALS_H
#define WHERRY_RUNTIME_SIGNALS_H

#include "lib/err.h"

struct err *signals_parse(const char *text, int *ret) __attribute__((warn_unused_result));

#endif
