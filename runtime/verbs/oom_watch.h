/* Being told when the kernel kills for memory in a container: v1 by an eventfd on memory.oom_control, v2 by
 * inotify on memory.events. */
#ifndef WHERRY_RUNTIME_OOM_WATCH_H
#define WHERRY_RUNTIME_OOM_WATCH_H

#include "runtime/cgroup/cgroups.h"
#include <stdint.h>

struct oom_watch {
    int fd; /* to poll for reading; -1: no memory controller */
    int dir;
    bool v2;
    uint64_t kills; /* that v2 has counted so far */
};

struct err *oom_watch_open(struct oom_watch *w, struct cgroups *c) __attribute__((warn_unused_result));
void oom_watch_close(struct oom_watch *w);
/* How often since the last call: when fd is readable, and once more when the container has ended. */
uint64_t oom_watch_count(struct oom_watch *w);

#endif
