/*
 * sd_notify(3) through a container: a runtime that a service manager started (NOTIFY_SOCKET) gives the
 * container a socket of its own, ROOT/ID/notify/notify.sock, seen inside as /run/notify/notify.sock. What the
 * container says there of being ready goes on to the manager, with the pid that it is to watch; as runc does
 * it.
 */
#ifndef WHERRY_RUNTIME_NOTIFY_H
#define WHERRY_RUNTIME_NOTIFY_H

#include "lib/api/oci.h"
#include "runtime/process/process.h"

#define NOTIFY_DIR "notify" /* in the container's folder */

struct notify {
    const char *manager; /* its address; NULL: there is none, and nothing is done */
    int sock;            /* the container's datagrams; -1 */
};

/* NOTIFY_SOCKET of our environment, where it is one. */
const char *notify_manager(void);
/* The mount that shows folder (absolute) inside, last in the container's list. */
struct oci_config *notify_mount(struct arena *a, const struct oci_config *c, const char *folder);
void notify_setenv(struct process_plan *p, struct arena *a);
/* Makes the folder in dir, and listens in it; the container may come later. Without a folder (a container
 * that was created without a manager) there is nothing to listen to. */
struct err *notify_make(int dir) __attribute__((warn_unused_result));
struct err *notify_listen(struct notify *n, int dir) __attribute__((warn_unused_result));
/* One datagram that is there. *ret_done: it said READY, the manager knows, and the socket is closed. */
struct err *notify_forward(struct notify *n, pid_t main_pid, bool *ret_done)
    __attribute__((warn_unused_result));
/* Until the container said so, or the process behind pidfd has ended: for whoever goes away then. */
struct err *notify_wait(struct notify *n, pid_t main_pid, int pidfd) __attribute__((warn_unused_result));

#endif
