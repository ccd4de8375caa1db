/*
 * One container on its way into being: everything that is decided before the first process is cloned, and the
 * descriptors that it is decided with. Init is a fork of the runtime and reads the same struct.
 */
#ifndef WHERRY_RUNTIME_CONTAINER_H
#define WHERRY_RUNTIME_CONTAINER_H

#include "lib/api/oci.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/cgroup/device_rules.h"
#include "runtime/cgroup/rdt.h"
#include "runtime/cgroup/resources.h"
#include "runtime/net/netdev.h"
#include "runtime/process/hooks.h"
#include "runtime/process/process.h"
#include "runtime/tree/mounts.h"
#include "runtime/user/namespaces.h"
#include "runtime/verbs/verbs.h"

struct container_options {
    const char *root; /* where records are */
    const char *id, *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
    bool no_pivot, no_new_keyring, no_subreaper, no_cgroups, detach, keep;
    int64_t preserve_fds;
    bool wait_for_start; /* create, not run */
};

struct container {
    struct arena *arena;
    const struct container_options *opts;
    const struct oci_config *config;
    const char *bundle, *rootfs; /* absolute */
    const char *cgroup;          /* NULL: it stays in the caller's */
    struct ns_plan ns;
    struct mount_list mounts;
    struct process_plan process;
    struct netdev_list netdevs;
    struct rdt rdt;
    struct device_table devices;
    uint64_t rootfs_propagation;
    bool userns;         /* it has one that is not ours, made or joined */
    bool foreground_tty; /* a terminal that we relay ourselves */

    /* from launch.c, for init */
    struct cgroups *hierarchies;
    int root, dir;                   /* ROOT, ROOT/ID */
    int rootfs_tree;                 /* opened before a user namespace is entered; -1: init does it */
    int console;                     /* socket that wants the terminal's master; -1 */
    bool netns_comes;                /* made beside, and joined: see netns.h */
    int listen;                      /* start.sock; -1: the start comes over the sync socket */
    struct hooks_output hook_output; /* of createContainer, opened while we may */
    int preserve;                    /* descriptors from 3 on that the process keeps */
};

/* config.json of a bundle, or the file that stands for it (NULL: none), decoded and not checked,
 * with what annotations say in its fields (annotations.h). */
struct err *container_config(struct arena *a, const char *bundle, const char *file,
    const struct oci_config **ret) __attribute__((warn_unused_result));
/* Reads and checks bundle/config.json, and plans. Nothing is changed. */
struct err *container_plan(struct arena *a, const struct container_options *o, struct container *ret)
    __attribute__((warn_unused_result));
/* Once namespaces_open() has looked what is joined: nothing is set that would be the host's own. */
struct err *container_check_host(const struct container *c) __attribute__((warn_unused_result));

#endif
