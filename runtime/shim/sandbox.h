/*
 * The Pod's sandbox: the namespaces this process lives in from then on, and what is set in them.
 *
 *   1. sandbox.json is read and checked whole: nothing is made for a Pod that is refused
 *   2. unshare: mounts always; network, IPC and host name unless the Pod uses the host's
 *   3. every mount becomes a slave: those of the host appear here, ours appear nowhere else
 *   4. host name, sysctls, /dev/shm
 *   5. share_pid: the pause process
 */
#ifndef WHERRY_SHIM_SANDBOX_H
#define WHERRY_SHIM_SANDBOX_H

#include "runtime/shim/shim.h"

struct err *sandbox_make(struct shim *s, int argc, char **argv) __attribute__((warn_unused_result));
void sandbox_remove(struct shim *s); /* its files; the rest goes with the process */

#endif
