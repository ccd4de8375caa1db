/*
 * The eight kinds of namespaces: which are made, which are joined. Planned from linux.namespaces; carried out
 * by launch.c (clone) and init.c (joining, and those that must wait: cgroup, time).
 */
#ifndef WHERRY_RUNTIME_NAMESPACES_H
#define WHERRY_RUNTIME_NAMESPACES_H

#include "lib/api/oci.h"

struct ns_kind {
    const char *name; /* in config.json */
    const char *file; /* in /proc/PID/ns */
    int flag;
};
extern const struct ns_kind ns_kinds[]; /* ended by a NULL name; in the order in which they are joined */

struct ns_join {
    const struct ns_kind *kind;
    const char *path;
    int fd; /* -1 until namespaces_open() */
};

struct ns_plan {
    int make;   /* CLONE_NEW* of the new ones */
    int within; /* CLONE_NEW* of all that are listed: what the container does not share with its creator */
    int ours; /* CLONE_NEW* of those joined by path that are the creator's nevertheless: namespaces_open() */
    struct ns_join join[8];
    int n_join;
};

/* Unknown, doubled or contradicting entries are ERR_INVALID. */
struct err *namespaces_plan(const struct oci_linux *l, struct ns_plan *ret)
    __attribute__((warn_unused_result));
/* Opens the paths of what is joined, checks that each is a namespace of its kind, and whether it is ours. */
struct err *namespaces_open(struct ns_plan *p) __attribute__((warn_unused_result));
/* setns(2) into all of the given flags that are in p->join. */
struct err *namespaces_join(const struct ns_plan *p, int flags) __attribute__((warn_unused_result));
/* The descriptor of what is joined of this kind, -1: nothing (namespaces_open() has been called). */
int namespaces_fd(const struct ns_plan *p, int flag);
/* What linux.namespaces says of one kind, without the checks of a plan. l may be NULL. */
enum ns_listed { NAMESPACE_NOT, NAMESPACE_NEW, NAMESPACE_JOINED };
enum ns_listed namespaces_lists(const struct oci_linux *l, int flag);
const struct ns_kind *namespaces_kind(const char *name); /* NULL: unknown */

#endif
