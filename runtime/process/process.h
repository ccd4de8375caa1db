/*
 * The process that a container runs, as init and exec both start it: planned from OCI's `process` (pure),
 * then carried out step by step by the process itself, already inside the container. Order matters and is the
 * caller's: see init.c.
 */
#ifndef WHERRY_RUNTIME_PROCESS_H
#define WHERRY_RUNTIME_PROCESS_H

#include "lib/api/oci.h"
#include "runtime/process/caps.h"
#include "runtime/process/lsm.h"
#include "runtime/process/scheduling.h"
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

struct process_rlimit {
    const char *name;
    int resource;
    struct rlimit limit;
};
struct process_filter { /* seccomp, compiled; n 0: none */
    struct sock_filter *v;
    unsigned short n;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* */
};
struct process_plan {
    const struct oci_process *oci;
    const char **argv;
    const char **envp; /* with room for the four that are added */
    size_t n_env;
    const char *cwd;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    bool keep_groups; /* the caller's, not these: annotations.h */
    struct caps caps;
    const char *unknown_cap; /* worth a warning */
    struct process_rlimit *rlimits;
    size_t n_rlimits;
    /* planned by the caller, who has what they need beyond `process`: scheduling_plan(), lsm_plan_here() */
    struct scheduling scheduling;
    struct lsm lsm;
    struct process_filter filter;
    bool terminal, no_new_privs;
};

struct err *process_plan(struct arena *a, const struct oci_process *p, struct process_plan *ret)
    __attribute__((warn_unused_result));
void process_setenv(struct process_plan *p, struct arena *a, const char *name, const char *value);

/* What a warning is told to: a limit that this host cannot give is no reason not to start. */
typedef void process_warn_fn(void *arg, const char *text);

/* Steps, in the container. */
/* A session keyring of the container's own: keys of the host's session are not for it. */
struct err *process_keyring(const char *id, bool keep) __attribute__((warn_unused_result));
struct err *process_rlimits(const struct process_plan *p, process_warn_fn *warn, void *arg)
    __attribute__((warn_unused_result));
/* The home of a uid by the text of a passwd file, which is changed; "/" where it has none. The uid must stand
 * there in decimal, digit for digit: no name is ever taken for a number, and no number wraps. */
const char *process_home_of(char *text, uid_t uid, struct arena *a);
void process_home(struct process_plan *p, struct arena *a); /* HOME out of /etc/passwd where it is unset */
/* Bounding set, groups, ids, capabilities, in the one order that works. Without no_new_privs a filter needs
 * CAP_SYS_ADMIN: it is then kept, permitted but not effective, until the filter is in. */
struct err *process_identity(const struct process_plan *p) __attribute__((warn_unused_result));
struct err *process_chdir(const struct process_plan *p) __attribute__((warn_unused_result));
/* Warns of capabilities that were asked for and cannot be had, in runc's words. */
void process_warn_caps(const struct process_plan *p);
/* Root of the user namespace that we are in; where nobody there is 0, who the process will be. */
struct err *process_enter_userns(const struct process_plan *p) __attribute__((warn_unused_result));
/* The filter, and the last of the capabilities that were kept for it. A listener goes out over sync. */
struct err *process_install_filter(const struct process_plan *p, int sync)
    __attribute__((warn_unused_result));
/* The same for a child that becomes a hook beside the process; what an agent would decide fails with ENOSYS.
 */
struct err *process_filter_hook(const struct process_plan *p) __attribute__((warn_unused_result));
/* The path that execve gets: args[0], or found in the process' own PATH. */
struct err *process_find(const struct process_plan *p, struct arena *a, const char **ret_path)
    __attribute__((warn_unused_result));
/* Returns only where it failed. */
struct err *process_exec(const struct process_plan *p, const char *path) __attribute__((warn_unused_result));

#endif
