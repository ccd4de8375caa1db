/*
 * A worker is one Pod on this node, from the moment it is desired until nothing of it is left: what is
 * desired (the last object of its source), what is observed (sandbox, volumes, containers) and what was last
 * reported.
 *
 *   an event (watch, shim, probe, timer, image, object) -> worker_kick() -> at the end of the loop's turn:
 *   plan() -> actions (sandbox.c, volumes.c, start.c, stop.c) -> status.c -> the record on disk and the
 * master
 *
 * An instance is one container of the spec: its present attempt and what is known of the one before.
 */
#ifndef WHERRY_KUBELET_WORKER_H
#define WHERRY_KUBELET_WORKER_H

#include "kubelet/backoff.h"
#include "kubelet/kubelet.h"
#include "kubelet/plan.h"
#include "lib/api/pod.h"
#include "lib/mem.h"

enum worker_source { WORKER_API, WORKER_MANIFEST };

struct instance_end { /* of an attempt */
    bool set;
    int exit_code, signal;
    char *reason, *message, *cid;
    int64_t started_ns, finished_ns; /* since 1970 */
};
struct instance_user { /* as resolved for the container that runs */
    bool set;
    int64_t uid, gid;
    size_t n;
    int64_t *groups;
};

struct instance {
    struct worker *worker;
    char *name;
    enum instance_kind kind;
    enum instance_state state;
    const struct container *spec; /* in worker->desired */

    char cid[65]; /* of the present or last attempt; "" before the first */
    int64_t restarts;
    bool attempted; /* the next start counts as a restart */
    int64_t started_ns;
    char *image_asked, *image_id, *image_name, *image_digest;
    struct instance_end end, last; /* of this attempt (EXITED) and of the one before */
    struct instance_user user;

    char *waiting, *waiting_message; /* a reason to wait, NULL: the general one */
    int64_t retry_at;
    struct backoff crash, pull, setup;
    int64_t pull_retry_at;

    bool started, ready; /* what the probes say */
    struct probe_run *probes[3];
    struct hook *hook;
    struct shim_call *start_call;
    struct container_spec *fds; /* open until the shim has answered */
    struct image_wait *image_wait;
    struct held_image *image; /* of the attempt being started */

    /* stopping */
    struct timer *stop_timer;
    int64_t stop_at; /* SIGKILL then (mono ms) */
    bool termed, hurry;
    char *stop_signal;   /* the image's */
    bool delete_pending; /* its end is to be recorded, then it may be forgotten */
    char spent[65];      /* the attempt before, when the next one began sooner than that; "": none */
};

struct desired { /* one version of the Pod, immutable */
    struct arena *arena;
    const struct json *json;
    struct pod *pod;
};

struct worker {
    struct worker *next;
    struct kubelet *kubelet;
    enum worker_source source;
    char *uid, *ns, *name, *keys; /* keys: "pod=ns/name" for the log */
    struct desired *desired;

    /* stopping */
    bool stopping, leaving,
        gone; /* gone: the object is not there any more (or never was: a mirror's source) */
    char *stop_reason, *stop_message; /* of the status: DeadlineExceeded, Evicted */
    int64_t grace_ms;                 /* of the whole Pod, from stop_since on */
    int64_t stop_since;
    bool rejected;
    bool ended, any_live; /* as the planner saw it last: nothing will start; something may still run */
    bool terminal;        /* the phase is Succeeded or Failed for good */

    /* observed */
    enum sandbox_state sandbox;
    struct sandbox *box;
    bool volumes_ready, volumes_busy, deleted_sent, restored;
    int64_t volumes_retry_at, sandbox_retry_at;
    struct backoff volumes_backoff, sandbox_backoff;
    struct volumes *volumes;
    struct object_use *uses;
    char *pod_ip;
    int64_t start_ns;
    size_t n_instances;
    struct instance **instances;

    /* reported */
    struct arena *status_arena;
    struct pod_status *status; /* the last one made; NULL: none */
    char *status_text, *sent_text;
    struct http_call *status_call, *delete_call;
    int64_t delete_retry_at;
    int64_t status_retry_ms;
    struct timer *timer, *status_timer, *deadline_timer;
    bool dirty, done, cleared, finished; /* finished: may be freed */
    bool adopting;                       /* its shim is being asked what runs */
    bool named;                          /* its source said so since it was last asked for all */
    bool keep_status;                    /* it ended before our time: the master's status of it stands */
    char *mirror_uid;                    /* the mirror Pod's at the master */
    struct http_call *mirror_call;
    bool unseen;           /* not named by its source's list yet */
    bool listed;           /* new, and the list that named it goes on: who else is here is not known yet */
    bool attempted_before; /* it ran before we knew of it: it was admitted */
};

/* Takes `d`. The worker is in the table until nothing of the Pod is left. */
struct worker *worker_new(struct kubelet *k, enum worker_source source, struct desired *d);
void worker_begin(struct worker *w); /* admitted or not, restored or new: now it is planned for */
void worker_update(struct worker *w, struct desired *d);
void worker_reconcile(struct worker *w);
void worker_free(struct worker *w);
/* Something changed: plan again at the end of this turn. Any number of times. */
void worker_kick(struct worker *w);
/* The whole Pod has to end. grace_ms < 0: the spec's. Shorter ones win. reason may be NULL. */
void worker_stop(struct worker *w, int64_t grace_ms, const char *reason, const char *message);
/* ... and its object is going (deletionTimestamp) or gone. */
void worker_leave(struct worker *w, int64_t grace_ms, bool gone);
struct instance *worker_instance(struct worker *w, const char *name);
struct instance *worker_instance_by_cid(struct worker *w, const char *cid);
/* The sandbox came, failed, or was lost. */
void worker_sandbox_ready(struct worker *w);
void worker_sandbox_failed(struct worker *w, struct err *e); /* takes e */
void worker_sandbox_lost(struct worker *w);
void worker_sandbox_cleared(struct worker *w);

struct desired *desired_new(const struct json *object, struct err **ret_error);
void desired_free(struct desired *d);

/* instance.c */
struct instance *instance_new(struct worker *w, enum instance_kind kind, const struct container *spec);
void instance_free(struct instance *i);
void instance_wait(struct instance *i, const char *reason, const char *message); /* NULL, NULL: no reason */
void instance_end_set(struct instance_end *e, int exit_code, int signal, const char *reason,
    const char *message, const char *cid, int64_t started_ns, int64_t finished_ns);
void instance_end_done(struct instance_end *e);
const char *instance_field_path(const struct instance *i, char *text, size_t n); /* "spec.containers{app}" */
/* Its attempt is over, by itself or not. */
void instance_exited(struct instance *i, int exit_code, int signal, bool oom, int64_t finished_ns);
/* It did not come off: StartError. */
void instance_start_failed(struct instance *i, const char *message);
/* The sandbox is gone, and it with it. */
void instance_lost(struct instance *i);
#define INSTANCE_CID_PREFIX "wherry://"

/* start.c, stop.c */
void start_instance(struct instance *i);
void stop_instance(struct instance *i, int64_t grace_ms, const char *message);

#endif
