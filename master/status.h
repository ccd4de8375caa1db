/*
 * meta.v1.Status: what a failed request is answered with. Code, reason and text as clients of Kubernetes know
 * them.
 */
#ifndef WHERRY_MASTER_STATUS_H
#define WHERRY_MASTER_STATUS_H

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/mem.h"

struct status_cause {
    const char *reason, *message, *field;
};
struct status {
    unsigned code;
    const char *reason; /* "NotFound"; NULL: none */
    const char *message;
    bool details;                          /* is there, even if empty */
    const char *name, *group, *kind, *uid; /* of details; NULL: absent */
    size_t n_causes;
    const struct status_cause *causes;
    unsigned retry_after; /* seconds; 0: none */
};

/* All live in the arena; texts are copied. */
struct status *status_new(struct arena *a, unsigned code, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* With details: the resource's name and group, the object's name. */
struct status *status_about(struct arena *a, unsigned code, const char *reason, const char *group,
    const char *resource, const char *name, const char *fmt, ...) __attribute__((format(printf, 7, 8)));
struct status *status_bad_request(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct status *status_not_found(struct arena *a, const char *group, const char *resource, const char *name);
struct status *status_exists(struct arena *a, const char *group, const char *resource, const char *name);
/* "Operation cannot be fulfilled on pods "x": WHY" */
struct status *status_conflict(
    struct arena *a, const char *group, const char *resource, const char *name, const char *why);
/* 403: `pods "x" is forbidden: WHY` */
struct status *status_forbidden(
    struct arena *a, const char *group, const char *resource, const char *name, const char *why);
struct status *status_no_resource(struct arena *a); /* 404: no such path */
struct status *status_no_method(struct arena *a);   /* 405 */
struct status *status_internal(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void status_write(struct buf *b, const struct status *s);

#endif
