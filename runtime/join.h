/* A further process in a container that runs: exec's way in. */
#ifndef WHERRY_RUNTIME_JOIN_H
#define WHERRY_RUNTIME_JOIN_H

#include "runtime/cgroup/cgroups.h"
#include "runtime/cgroup/subcgroups.h"
#include "runtime/process/process.h"
#include "runtime/record.h"

struct join {
    struct arena *arena;
    const struct record *record;
    struct process_plan process;
    struct scheduling_cpus initial, final; /* process.execCPUAffinity: on the way, and once there */
    int init;                              /* pidfd of the container's init */
    int console;                           /* socket for the terminal's master; -1 */
    int preserve;
    bool no_new_keyring;
    struct subcgroup_list cgroups; /* below the container's; n 0: there */
    const char *pidfd_socket;      /* gets a pidfd of the process before it starts; NULL */

    /* out */
    pid_t pid;
    int pidfd;
};

/* Returns when the program runs, or could not. */
struct err *join_start(struct join *j) __attribute__((warn_unused_result));

#endif
