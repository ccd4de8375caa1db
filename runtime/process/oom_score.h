/* process.oomScoreAdj, written by the runtime from outside: the host's procfs is the one to trust. */
#ifndef WHERRY_RUNTIME_OOM_SCORE_H
#define WHERRY_RUNTIME_OOM_SCORE_H

#include "lib/fields.h"
#include <sys/types.h>

/* Lowering it needs CAP_SYS_RESOURCE: without, a warning. */
struct err *oom_score_set(pid_t pid, struct opt_int adj) __attribute__((warn_unused_result));

#endif
