/*
 * What linux mounts[] means: every option of the specification as attributes of mount_setattr(2),
 * propagation, parameters of the file system. Pure; carried out by rootfs.c.
 */
#ifndef WHERRY_RUNTIME_MOUNTS_H
#define WHERRY_RUNTIME_MOUNTS_H

#include "lib/api/oci.h"

struct mount_param {
    const char *key, *value; /* value NULL: a flag */
};
#define MOUNT_MORE_PARAMS 3 /* than the options say: "ro", "context", and "mode" of rootfs_mount.c */
enum mount_kind {
    MOUNT_BIND,
    MOUNT_NEW,
    MOUNT_CGROUP,
    MOUNT_REMOUNT, /* what is mounted there already, with other options */
};

/* Whose ids are shown at a mount: "uid_map" and "gid_map" of a user namespace that is made for it. */
struct mount_idmap {
    bool wanted, recursive;
    const char *uids, *gids; /* NULL: the user namespace that the container joins */
};

struct mount_plan {
    enum mount_kind kind;
    const char *destination, *type;
    const char *source;    /* bind: absolute */
    bool recursive;        /* rbind */
    uint64_t set, clear;   /* MOUNT_ATTR_*, of this mount */
    uint64_t rset, rclear; /* of it and all below */
    uint64_t propagation;  /* MS_PRIVATE, ...; 0: as it comes */
    bool rpropagation;
    bool copy_up;         /* tmpcopyup */
    bool copy_symlink;    /* a source that is a link becomes the same link inside */
    bool source_nofollow; /* a source that is a link is mounted itself */
    bool dest_nofollow;   /* a link at the destination is mounted upon itself */
    struct mount_idmap idmap;
    struct mount_param *params;
    size_t n_params;
    int source_fd; /* a detached tree, -1 until someone opened it */
    bool source_is_dir;
    const char *link; /* copy_symlink: what the source says, once someone looked; NULL: it is no link */
};

struct mount_list {
    struct mount_plan *v;
    size_t n;
};

/* bundle: what relative sources are relative to. */
struct err *mounts_plan(struct arena *a, const struct oci_config *c, const char *bundle,
    struct mount_list *ret) __attribute__((warn_unused_result));
/* "rslave" -> MS_SLAVE | MS_REC; 0: unknown. */
uint64_t mounts_propagation(const char *name);
/* Every option that `features` lists, ended by NULL. */
const char *mounts_option_name(size_t i);

#endif
