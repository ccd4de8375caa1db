/* What one shim process holds: the sandbox of one Pod. Every part of the room is handed this struct. */
#ifndef WHERRY_SHIM_SHIM_H
#define WHERRY_SHIM_SHIM_H

#include "runtime/shim/child.h"
#include "runtime/shim/poll.h"
#include "runtime/shim/server.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SHIM_CONTAINERS_MAX = 128,
    SHIM_EXECS_MAX = 256,
    SHIM_MOUNTS_MAX = 64,
    SHIM_ID = 64, /* hex digits of a container's id */
};

struct shim {
    /* as it was started */
    const char *run_dir, *runtime, *runtime_root;
    int run_fd;              /* O_PATH, of run_dir */
    int64_t job_deadline_ms; /* of one run of the runtime */
    /* the sandbox */
    char *cgroup; /* of the Pod; NULL: unknown, no OOM is seen */
    struct cgroup_host *cgroups;
    bool share_pid, has_shm;
    pid_t pause_pid; /* 0: none */
    int64_t start_time;
    char *mounts[SHIM_MOUNTS_MAX]; /* targets of volumes */
    unsigned n_mounts;
    /* what runs in it */
    struct poll poll;
    struct poll_source signals;
    struct children children;
    struct server server;
    struct container *containers;
    unsigned n_containers;
    struct exec *execs;
    unsigned n_execs;
    uint64_t n_sockets; /* console sockets made so far: their names */
    /* how it ends */
    bool state_changed; /* shim.json is to be written at the end of this turn */
    bool stopping, stopped;
    struct reply *shutdowns; /* waiting for the end */
    struct err *failure;     /* why something had to be left behind */
};

void shim_stop(struct shim *s, struct reply *r); /* r NULL: asked for by a signal */
void shim_check_stopped(struct shim *s);         /* a container is gone */

#endif
