/*
 * AppArmor profiles and SELinux labels: process.apparmorProfile, .selinuxLabel, linux.mountLabel. What a host
 * cannot enforce is refused, never left out. They are asked for with a write to the process' own attributes,
 * through a procfs of our own (a fake one would leave the process unconfined: CVE-2019-16884), and come into
 * force with the execve.
 */
#ifndef WHERRY_RUNTIME_LSM_H
#define WHERRY_RUNTIME_LSM_H

#include "lib/api/oci.h"

struct lsm_host {
    bool apparmor, selinux; /* enabled now */
};
struct lsm {
    const char *profile, *label; /* NULL: none to set */
};

/* root: of the host's tree: "/" */
struct lsm_host lsm_host_read(int root);
/* Pure. mount_label, which mounts_plan() makes an option, may be NULL. */
struct err *lsm_plan(const struct lsm_host *h, const struct oci_process *p, const char *mount_label,
    struct lsm *ret) __attribute__((warn_unused_result));
/* Both: the host is looked at only where something is asked for. */
struct err *lsm_plan_here(const struct oci_process *p, const char *mount_label, struct lsm *ret)
    __attribute__((warn_unused_result));

bool lsm_wanted(const struct lsm *l); /* lsm_apply() has something to do */
/* For the next execve of the caller. procfs: procfs_private(). */
struct err *lsm_apply(const struct lsm *l, int procfs) __attribute__((warn_unused_result));

#endif
