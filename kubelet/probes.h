/* Startup, liveness and readiness probes of one running instance. Results go to its started and ready. */
#ifndef WHERRY_KUBELET_PROBES_H
#define WHERRY_KUBELET_PROBES_H

#include "kubelet/worker.h"

/* The container runs: begins what it has (startup before the others). Sets started and ready where there is
 * no probe that says otherwise. */
void probes_begin(struct instance *i);
/* It runs, and ran before us: nothing is taken back until a probe says so. */
void probes_resume(struct instance *i);
void probes_end(struct instance *i);
/* i->spec is of another version of the Pod now. */
void probes_respec(struct instance *i);

#endif
