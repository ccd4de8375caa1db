/*
 * The life of a container in the shim, as a table: [state][event] -> next state and what is to be done. Pure;
 * container.c does it. A container runs at most one helper process at a time ("its job"): the runtime's run,
 * the runtime's delete, or the one that removes files.
 *
 *   STARTING --job ok--> RUNNING --init ends--> EXITED --delete--> REMOVING --job ok--> CLEANING --job ok--> GONE
 *     |  |                  |                                        ^  ^
 *     |  |                  +--delete--> KILLING --init ends---------+  |
 *     |  +--delete--> ABORTING --job ok--^                              |
 *     |                  +--job failed----------------------------------+
 *     +--job failed (the start is answered when all of it is gone)------+
 */
#ifndef WHERRY_SHIM_LIFE_H
#define WHERRY_SHIM_LIFE_H

#include "lib/err.h"

enum life_state {
    LIFE_STARTING, /* the runtime's "run" is on its way */
    LIFE_ABORTING, /* likewise, but it is to be deleted */
    LIFE_RUNNING,
    LIFE_KILLING, /* its init has been sent SIGKILL, to be deleted */
    LIFE_EXITED,
    LIFE_REMOVING, /* the runtime's "delete" is on its way */
    LIFE_CLEANING, /* its files are being removed */
    LIFE_GONE,
    LIFE_STATES,
};

enum life_event {
    LIFE_JOB_OK,
    LIFE_JOB_FAILED, /* or took too long */
    LIFE_ENDED,      /* its init has ended */
    LIFE_DELETE,     /* asked for */
    LIFE_LATE,       /* its init still lives some time after SIGKILL */
    LIFE_USE,        /* may it be used: exec, attach, kill, resize */
    LIFE_EVENTS,
};

enum life_action {
    LIFE_IMPOSSIBLE = 1, /* a bug of ours: reported, nothing done */
    LIFE_ALLOW,
    LIFE_REFUSE, /* life_refusal() tells why */
    LIFE_BEGIN,  /* it runs: answer the start, log, watch */
    LIFE_RECORD, /* its end: code, time, event */
    LIFE_ABORT,  /* kill the job; the asker waits */
    LIFE_KILL,   /* SIGKILL; the asker waits, a while */
    LIFE_ADOPT_AND_KILL,
    LIFE_REMOVE, /* run the runtime's delete; the asker waits */
    LIFE_RECORD_AND_REMOVE,
    LIFE_CLEAN,  /* unmount, remove files */
    LIFE_WAIT,   /* the asker waits */
    LIFE_FAIL,   /* answer the askers with the error; it stays as exited */
    LIFE_FORGET, /* answer the askers; free it */
};

struct life_step {
    enum life_state next;
    enum life_action action;
};
struct life_step life_next(enum life_state state, enum life_event event);
const char *life_status(enum life_state state); /* as struct shim_container has it */
struct err *life_refusal(enum life_state state) __attribute__((warn_unused_result)); /* ERR_CONFLICT */

#endif
