/*
 * A container of the Pod, from its start to its deletion. What may happen when is life.h's; this does it.
 */
#ifndef WHERRY_SHIM_CONTAINER_H
#define WHERRY_SHIM_CONTAINER_H

#include "lib/api/shim.h"
#include "lib/clock.h"
#include "runtime/shim/life.h"
#include "runtime/shim/runtime.h"
#include "runtime/shim/shim.h"
#include "runtime/shim/streams.h"

struct container {
    struct container *next;
    struct shim *shim;
    char *id, *name;
    int64_t attempt;
    char *bundle, *rootfs, *pidfile;
    char *upper, *work; /* NULL: none */
    bool has_rootfs;    /* mounted by us */
    bool with_stdin;
    bool left_behind;   /* its deletion failed */
    bool runtime_knows; /* the runtime was started for it: it has to be told to delete it */
    enum life_state state;
    struct child *job;  /* at most one: runtime's run, runtime's delete, remover */
    struct child *init; /* while it runs */
    int job_log;        /* memfd; what a job says about its failure */
    struct console console;
    struct streams streams;
    struct poll_timer late;
    /* its end */
    int exit_code, signal;
    bool oom_killed;
    char started_at[CLOCK_TEXT], finished_at[CLOCK_TEXT]; /* "" while not */
    /* who waits */
    struct reply *start, *deletes;
    struct err *error; /* why it could not be started, or not be deleted */
};

struct container *container_find(const struct shim *s, const char *id);
/* Answers r when it runs, or when all of a failed start is gone again; on failure r is the caller's. */
struct err *container_start(struct shim *s, const struct shim_start *spec, struct reply *r)
    __attribute__((warn_unused_result));
/* Answers r (NULL: nobody asks) when it is gone, or when that failed. */
void container_delete(struct container *c, struct reply *r);
/* NULL while it runs. */
struct err *container_usable(const struct container *c) __attribute__((warn_unused_result));
struct err *container_kill(struct container *c, int sig, bool all) __attribute__((warn_unused_result));
/* As it is told to others; the strings are the container's. */
void container_describe(const struct container *c, struct shim_container *out);

#endif
