/*
 * linux.intelRdt: which classes of cache and memory bandwidth a container's tasks belong to, and who counts
 * their use: folders of resctrl (config-linux.md, IntelRdt). Without closID the container has a class of its
 * own, named by its id, that goes with it; with closID a class that others may share, and that stays.
 */
#ifndef WHERRY_RUNTIME_RDT_H
#define WHERRY_RUNTIME_RDT_H

#include "lib/api/oci.h"
#include <sys/types.h>

struct rdt {
    bool wanted;
    const char *class; /* a folder of resctrl; ".": its root, the default class */
    bool own;          /* made for this container alone */
    bool monitor;      /* a monitoring group of its own, mon_groups/ID */
    const char *id;
    struct str_list lines; /* of schemata, in their order */
};

/* r NULL: nothing is wanted. Names that are no folder's and lines that are more than one are ERR_INVALID. */
struct err *rdt_plan(struct arena *a, const struct oci_intel_rdt *r, const char *id, struct rdt *ret)
    __attribute__((warn_unused_result));
/* Whether schemata's text has all that the line asks for: "L3:0=f;1=0f" of "  L3:0=f;1=f;2=ff". */
bool rdt_has(const char *schemata, const char *line);
/* Where resctrl is mounted, by the text of a mountinfo; NULL: nowhere. */
char *rdt_mount_point(const char *mountinfo);
/* The root of resctrl. ERR_UNSUPPORTED where there is none. */
struct err *rdt_open(int *ret_root) __attribute__((warn_unused_result));

/* root: rdt_open(). Class and monitoring group are there afterwards, or nothing of ours is. */
struct err *rdt_make(int root, const struct rdt *r) __attribute__((warn_unused_result));
/* pid, and what it will fork, belongs to them. */
struct err *rdt_enter(int root, const struct rdt *r, pid_t pid) __attribute__((warn_unused_result));
/* What is this container's alone; success where it is gone. */
struct err *rdt_remove(int root, const struct rdt *r) __attribute__((warn_unused_result));

/* Other lines for the class of a container that has one (r: from its record), by `update`'s options; either
 * may be NULL. What is in others' classes too changes for them: that is asked for. ERR_UNSUPPORTED where it
 * has no class, or the host's default one. */
struct err *rdt_plan_update(struct arena *a, const struct oci_intel_rdt *r, const char *id,
    const char *l3_cache, const char *memory_bandwidth, struct rdt *ret) __attribute__((warn_unused_result));
struct err *rdt_update(int root, const struct rdt *r) __attribute__((warn_unused_result));

/* rdt_enter() and rdt_remove(), of a container by its record (r may be NULL: nothing to do). */
struct err *rdt_join(struct arena *a, const struct oci_intel_rdt *r, const char *id, pid_t pid)
    __attribute__((warn_unused_result));
struct err *rdt_release(struct arena *a, const struct oci_intel_rdt *r, const char *id)
    __attribute__((warn_unused_result));

#endif
