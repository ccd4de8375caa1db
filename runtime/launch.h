/* Making a container: the runtime's side, from the first folder to an init that is ready to start. */
#ifndef WHERRY_RUNTIME_LAUNCH_H
#define WHERRY_RUNTIME_LAUNCH_H

#include "runtime/container.h"
#include "runtime/record.h"
#include "runtime/verbs/notify.h"

struct launch {
    struct container c;
    struct cgroups cgroups;
    struct record record;
    pid_t pid, netns_maker;
    int pidfd, sync;
    int console; /* our end of a terminal that we relay; -1 */
    struct notify notify;
    bool ended;  /* it ran: its --pid-file stays, as it does with runc */
    int resctrl; /* its root, where the container has a class of linux.intelRdt; -1 */
};

/* Plans, and makes what stands before the first process: record, filter, terminal, cgroup2. What fails has
 * left nothing behind, here and in the following. */
struct err *launch_prepare(const struct globals *g, const struct container_options *o, struct arena *a,
    struct launch *l) __attribute__((warn_unused_result));
/* Parts of the rest, for a container whose processes somebody else makes (restore): all its cgroups with
 * their limits; init's pid (l->pid) into the record and --pid-file; the hooks that stand outside. */
struct err *launch_cgroups(struct launch *l) __attribute__((warn_unused_result));
struct err *launch_record(struct launch *l) __attribute__((warn_unused_result));
struct err *launch_outer_hooks(struct launch *l) __attribute__((warn_unused_result));
/* Plans, makes, waits until init is ready. What fails has left nothing behind. */
struct err *launch_create(const struct globals *g, const struct container_options *o, struct arena *a,
    struct launch *l) __attribute__((warn_unused_result));
/* Lets a container of `run` go, and runs the poststart hooks. On failure nothing is left of it. */
struct err *launch_start(struct launch *l) __attribute__((warn_unused_result));
/* After the end of a container that was stayed with: removes it unless --keep, and runs the poststop hooks.
 */
struct err *launch_finish(struct launch *l) __attribute__((warn_unused_result));
/* Removes all that there is: processes, cgroups, folder. */
struct err *launch_destroy(struct launch *l) __attribute__((warn_unused_result));

#endif
