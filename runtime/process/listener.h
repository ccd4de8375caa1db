/*
 * seccomp's notify listener: the descriptor that a filter with SCMP_ACT_NOTIFY gives whoever installs it has
 * to reach the agent at linux.seccomp.listenerPath (runtime-spec: config-linux.md, "The Container Process
 * State").
 *
 * The process has it, under the filter; the runtime outside can reach the agent. So the process says its
 * number by write(2) and waits in read(2), as under runc: these two, and what exec takes, are all that a
 * profile must leave alone. The runtime takes the descriptor out of the process (pidfd_getfd) and sends it
 * on, before it lets the process go on: from then on anything may be notified, the exec itself too.
 */
#ifndef WHERRY_RUNTIME_LISTENER_H
#define WHERRY_RUNTIME_LISTENER_H

#include "runtime/record.h"

/* linux.seccomp.listenerPath must be a socket where a profile needs it: said in `create`, not first in
 * `start`. */
struct err *listener_check(const char *path) __attribute__((warn_unused_result));
/* In the process, after the filter is in. Closes fd. */
struct err *listener_hand_over(int sync, int fd) __attribute__((warn_unused_result));

struct listener_peer { /* the process that installs a filter, and its container */
    const struct record *record;
    enum record_status status;
    pid_t pid;
    int pidfd, sync;
};
/* Outside: until the exec closes the socket, or an error is heard. Warnings are reported, a listener is
 * passed on.
 */
struct err *listener_await_exec(const struct listener_peer *p) __attribute__((warn_unused_result));

#endif
