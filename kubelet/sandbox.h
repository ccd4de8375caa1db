/*
 * A Pod's sandbox: its cgroup, its shim (namespaces), its network and its memory volumes. Made in that order,
 * cleared in the reverse one; each step is asynchronous and has a deadline.
 *
 *   cgroup -> sandbox.json -> shim spawned -> it says ready -> subscribed -> CNI ADD -> mounts -> READY
 *   READY -> CNI DEL -> shim shut down -> cgroup removed -> files removed -> NONE
 */
#ifndef WHERRY_KUBELET_SANDBOX_H
#define WHERRY_KUBELET_SANDBOX_H

#include "kubelet/shim_client.h"
#include "kubelet/worker.h"

/* Sets w->sandbox and calls worker_sandbox_*() as it goes. */
void sandbox_make(struct worker *w);
void sandbox_clear(struct worker *w);
/* Takes over what a kubelet before us left: a living shim is subscribed to (done(arg, state) then; NULL:
 * there is no shim any more). */
void sandbox_adopt(
    struct worker *w, void (*done)(struct worker *w, const struct shim_state *state, struct arena *a));
void sandbox_free(struct sandbox *s); /* forgets; nothing is ended */

struct shim_client *sandbox_shim(const struct worker *w); /* NULL unless it is READY */
int64_t sandbox_shim_pid(const struct worker *w);         /* 0: none */
int64_t sandbox_pause_pid(const struct worker *w);        /* 0: none */
const char *sandbox_hostname(const struct worker *w);

/* exec.c: an exec ended */
void exec_exited(struct worker *w, const char *exec, int exit_code, int signal);

#endif
