/*
 * The verbs of the command line, one file each. A verb gets the options that stood before its name, parses
 * its own, does its work and says what status the program exits with; an error is printed by main.c.
 */
#ifndef WHERRY_RUNTIME_VERBS_H
#define WHERRY_RUNTIME_VERBS_H

#include "lib/err.h"
#include <stdbool.h>

/* What a verb plans with, in one piece. What is not touched costs nothing. */
#define VERB_MEMORY (60 << 10)

struct globals {
    const char *root; /* one folder per container below it */
    const char *log;  /* file, NULL: stderr only */
    const char *log_format;
    bool root_named, debug, no_cgroups;
};

typedef struct err *verb_fn(const struct globals *g, int argc, char **argv, int *ret_status);

verb_fn verb_create, verb_start, verb_run, verb_state, verb_kill, verb_delete, verb_exec, verb_list, verb_ps,
    verb_pause, verb_resume, verb_update, verb_events, verb_mounts, verb_checkpoint, verb_restore, verb_spec,
    verb_features;

#endif
