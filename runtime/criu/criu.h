/* A conversation with criu(8), which is started for it: `criu swrk FD`, one request, its questions, its
 * answer. */
#ifndef WHERRY_RUNTIME_CRIU_H
#define WHERRY_RUNTIME_CRIU_H

#include "runtime/criu/criu_message.h"
#include <sys/types.h>

#define CRIU_FDS 8

struct criu {
    struct arena *arena;
    pid_t pid;
    int sock;
};

struct criu_start {
    int cgroup;       /* it is born in this one of cgroup2; -1 */
    const int *tasks; /* and writes itself into these files of v1 */
    int n_tasks;
    const int *fds; /* it gets these as 4, 5, ... */
    int n_fds;
    const char *root,
        *rootfs; /* in a mount namespace of its own, rootfs is bound on root; NULL: it stays in ours */
};

/* What CRIU tells while it works: r->script says what of; fd: a descriptor that came along, -1, the caller's
 * only during the call. */
typedef struct err *criu_notify_fn(void *arg, const struct criu_response *r, int fd);

/* ERR_NOT_FOUND: "criu: not found in $PATH". After success criu_end() is due. */
struct err *criu_begin(struct arena *a, const struct criu_start *s, struct criu *ret)
    __attribute__((warn_unused_result));
/* opts: the inner message (criu_opt). It takes as long as it takes: of an end of criu we are told. */
struct err *criu_request(struct criu *c, enum criu_type type, const struct buf *opts, criu_notify_fn *notify,
    void *arg, struct criu_response *ret) __attribute__((warn_unused_result));
void criu_end(struct criu *c);
/* Whether criu can do this here, ERR_UNSUPPORTED where not. */
struct err *criu_check(struct arena *a, enum criu_feature feature, const char *name)
    __attribute__((warn_unused_result));

#endif
