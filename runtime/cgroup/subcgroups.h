/* exec --cgroup [CONTROLLER,...:]PATH: a process in a cgroup below the container's own. */
#ifndef WHERRY_RUNTIME_SUBCGROUPS_H
#define WHERRY_RUNTIME_SUBCGROUPS_H

#include "runtime/cgroup/cgroups.h"

struct subcgroup {
    const char *controller; /* NULL: every hierarchy */
    const char *path;
};
struct subcgroup_list {
    size_t n;
    struct subcgroup *v;
};

/* One argument may name no controller; of several each must, and each controller once. */
struct err *subcgroups_parse(struct arena *a, const struct str_list *args, struct subcgroup_list *ret)
    __attribute__((warn_unused_result));
/* Replaces the directories that cgroups_lookup() found by those below them. */
struct err *subcgroups_lookup(struct cgroups *c, const struct subcgroup_list *l)
    __attribute__((warn_unused_result));

#endif
