/*
 * The command line `wherry`: one file per family of commands, one table of commands in main.c. A command
 * parses its own arguments, does its work and returns an error for main() to print.
 */
#ifndef WHERRY_CLI_H
#define WHERRY_CLI_H

#include "lib/args.h"
#include "lib/err.h"

/* The node that commands speak to: $WHERRY_STATE, $WHERRY_RUN, else the defaults of lib/api/paths.h. --state
 * and --run are options of `wherry` itself, before the command. */
struct cli {
    const char *state, *run;
    const char *libexec; /* folder of the daemons: beside this program, or ../libexec/wherry */
    int status;          /* exit status where there is no error: of the command run by exec */
};

/* argv[0] is the command's name. */
typedef struct err *cli_command_fn(struct cli *cli, int argc, char **argv);

/* up.c, down.c, supervise.c */
cli_command_fn cli_up, cli_down, cli_supervise;
/* get.c, apply.c, delete.c: the master's objects */
cli_command_fn cli_get, cli_describe, cli_apply, cli_delete;
/* pods.c, stream.c: Pods, through the master or this node's kubelet */
cli_command_fn cli_run, cli_ps, cli_exec, cli_attach, cli_logs;
/* images.c */
cli_command_fn cli_pull, cli_load, cli_images, cli_rmi;

/* Path of a program of ours ("wherry-kubelet"); the caller frees. */
char *cli_program(const struct cli *cli, const char *name);

#endif
