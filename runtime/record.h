/*
 * What is kept of a container between two calls of the program: ROOT/ID/state.json (written whole), and
 * beside it start.sock, on which init waits for `start`, and seccomp, the filter that `exec` installs. The
 * folder is made before anything else of a container and goes last, and the record names the cgroup before it
 * is made: whatever dies in between, `delete --force` finds all that there is.
 */
#ifndef WHERRY_RUNTIME_RECORD_H
#define WHERRY_RUNTIME_RECORD_H

#include "lib/api/oci.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/process/process.h"
#include <sys/types.h>

#define RECORD_ROOT "/run/wherry/runtime"
#define RECORD_SOCKET "start.sock"

struct record {
    struct opt_int version; /* of this format: 1 */
    const char *id, *bundle, *rootfs, *created, *owner, *cgroup;
    const char *config;        /* the file that was given instead of the bundle's config.json; NULL */
    struct opt_int pid;        /* of init; absent until it was cloned */
    struct opt_int start_time; /* of that process, as in /proc/PID/stat: pids are used again */
    struct str_list namespaces;
    struct oci_process *process; /* what `exec` starts from */
    struct oci_memory_policy *memory_policy;
    struct oci_personality *personality;
    struct oci_intel_rdt *intel_rdt;
    struct str_map annotations;
    struct oci_hooks *hooks;
    const char *listener, *listener_metadata; /* of linux.seccomp, where it notifies */
};
enum record_status { RECORD_CREATING, RECORD_CREATED, RECORD_RUNNING, RECORD_PAUSED, RECORD_STOPPED };

/* [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 255. */
struct err *record_check_id(const char *id) __attribute__((warn_unused_result));
/* The root folder. make: where it is absent, with mode 0700; else absent is *ret_fd -1. */
struct err *record_root(const char *root, bool make, int *ret_fd) __attribute__((warn_unused_result));
/* A new folder for id: ERR_EXISTS where there is one. */
struct err *record_new(int root, const char *id, int *ret_dir) __attribute__((warn_unused_result));
struct err *record_save(int dir, const struct record *r) __attribute__((warn_unused_result));
/* ERR_NOT_FOUND: there is no such container. A folder without a record (a creation that died at once) gives
 * one with nothing but the id. */
struct err *record_load(int root, const char *id, struct arena *a, int *ret_dir, struct record *ret)
    __attribute__((warn_unused_result));
/* Opens root and loads, for the verbs that work on one container. */
struct err *record_find(const char *root, const char *id, struct arena *a, int *ret_dir, struct record *ret)
    __attribute__((warn_unused_result));
struct err *record_remove(int root, const char *id) __attribute__((warn_unused_result));
/* Exclusive: start, delete and update of one container do not mix. */
struct err *record_lock(int dir) __attribute__((warn_unused_result));
void record_unlock(int dir); /* closing does it too */

/* Start time of pid; 0 and errno where it cannot be told: ESRCH for one that is gone or a zombie. */
uint64_t record_start_time(pid_t pid);
uint64_t record_stat_start_time(const char *text); /* out of what /proc/PID/stat says */
/* A pidfd of init that is surely it; -1 and errno where there is none: ESRCH when it is gone. */
int record_pidfd(const struct record *r);
enum record_status record_status(const struct record *r, int dir);
/* The same for who has just had the pidfd. */
enum record_status record_status_alive(const struct record *r, int dir);
const char *record_status_name(enum record_status s);
/* Its processes are those of a pid namespace, and end with init. */
bool record_has_pids(const struct record *r);
/* The cgroups of a container that has them; cgroups_close() them. */
struct err *record_cgroups(const struct record *r, struct cgroups *ret) __attribute__((warn_unused_result));
struct oci_state record_state(const struct record *r, enum record_status s);

struct err *record_save_filter(int dir, const struct process_filter *f) __attribute__((warn_unused_result));
/* n 0 where the container has none. */
struct err *record_load_filter(int dir, struct arena *a, struct process_filter *ret)
    __attribute__((warn_unused_result));

#endif
