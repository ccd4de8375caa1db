/*
 * What a Pod needs next: a pure function of what is desired and what is observed. The worker asks after every
 * event and carries out what is answered; asked again with nothing changed, it answers the same, and what is
 * under way already (a state below with an -ing) is never asked for twice.
 *
 *   init containers one after the other; a sidecar (restartPolicy: Always) holds the next back only until it
 *   has started; then all containers at once. An end is judged by restartPolicy, restartPolicyRules,
 * back-off. Stopping: containers first, then sidecars in reverse order, then the sandbox, then what is left.
 */
#ifndef WHERRY_KUBELET_PLAN_H
#define WHERRY_KUBELET_PLAN_H

#include "lib/api/pod.h"
#include <stdbool.h>
#include <stdint.h>

enum instance_kind { INSTANCE_INIT, INSTANCE_SIDECAR, INSTANCE_MAIN, INSTANCE_EPHEMERAL };
enum instance_state {
    INSTANCE_NEW,      /* not started, or its start did not come off: see retry_at */
    INSTANCE_FETCHING, /* its image is being looked for */
    INSTANCE_STARTING, /* the shim was asked */
    INSTANCE_HOOK,     /* its process runs, postStart has not come back */
    INSTANCE_RUNNING,
    INSTANCE_STOPPING,
    INSTANCE_EXITED,
    INSTANCE_STATES
};
enum sandbox_state {
    SANDBOX_NONE,
    SANDBOX_MAKING,
    SANDBOX_READY,
    SANDBOX_LOST, /* the shim died: what is left of it has to go first */
    SANDBOX_CLEARING,
    SANDBOX_STATES
};

struct plan_instance {
    enum instance_kind kind;
    enum instance_state state;
    const struct container *spec;
    int exit_code;    /* INSTANCE_EXITED */
    bool started;     /* the startup probe has passed (or there is none) */
    bool changed;     /* it runs with another image than is asked for */
    int64_t retry_at; /* not before: NEW and EXITED */
};
struct plan_in {
    const struct pod_spec *spec;
    bool stopping;      /* deleted, past its deadline, evicted, failed by liveness under Never */
    bool leaving;       /* the object goes too: clear everything */
    bool volumes_ready; /* set up on the host */
    bool inputs_ready;  /* ConfigMaps, Secrets and Services were read once */
    enum sandbox_state sandbox;
    int64_t volumes_retry_at, sandbox_retry_at;
    size_t n;
    const struct plan_instance *v; /* init containers, containers, ephemeral ones, each in the spec's order */
    int64_t now;
};

enum action_type {
    ACTION_VOLUMES,
    ACTION_SANDBOX_MAKE,
    ACTION_SANDBOX_CLEAR,
    ACTION_START, /* instance */
    ACTION_STOP,  /* instance */
    ACTION_DONE,  /* nothing runs any more, the sandbox is gone */
};
struct action {
    enum action_type type;
    size_t instance;
};
struct plan_out {
    size_t n;
    struct action *v; /* room for plan_room() */
    int64_t wake_at;  /* ask again then; 0: events will tell */
    bool ended;       /* all ran that ever will: the phase is terminal (or the Pod is stopping) */
    bool initialized; /* init containers are through */
};
size_t plan_room(const struct plan_in *in);
void plan(const struct plan_in *in, struct plan_out *out);

/* Would this container be started again after exiting with exit_code? */
bool plan_restarts(
    const struct pod_spec *s, const struct container *c, enum instance_kind kind, int exit_code);
bool plan_is_live(enum instance_state s); /* a process of it may exist */

#endif
