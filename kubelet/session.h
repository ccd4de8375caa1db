/*
 * A session of exec or attach: a WebSocket (v5.channel.k8s.io or v4) on one side, the process' descriptors on the
 * other. It has a connection of its own to the Pod's shim. Without a terminal there is a pipe per stream, whose other
 * end goes to the shim; with one, exec gets the pty's master from the shim, and attach copies through pipes.
 *
 *   101 -> shim: exec or attach -> bytes both ways -> the process ended and all it wrote is out ->
 *   status on channel 3 -> close
 */
#ifndef WHERRY_KUBELET_SESSION_H
#define WHERRY_KUBELET_SESSION_H

#include "kubelet/kubelet.h"
#include "lib/api/oci.h"
#include "lib/duplex.h"

struct session_options {
    struct arena *arena; /* of all that is named here; becomes the session's */
    const char *uid, *cid;
    bool is_exec, tty, in, out, err; /* an exec with a terminal has no err of its own */
    bool v5;                         /* else v4: nothing ends the input */
    struct oci_process process;      /* of an exec */
};

struct session;
struct session *session_new(struct kubelet *k, const struct session_options *o);
/* For http_upgrade(): begins on what the connection has become; without one, or at its end, the session frees itself. */
void session_up(void *session, struct duplex *d);

#endif
