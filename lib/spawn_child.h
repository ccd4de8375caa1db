/*
 * The start of a child process, shared by spawn.c (waits) and spawn_loop.c (does not), and internal to
 * them. What the parent holds of a child: its pidfd and the ends of its pipes.
 */
#ifndef WHERRY_SPAWN_CHILD_H
#define WHERRY_SPAWN_CHILD_H

#include "lib/spawn.h"
#include <stdbool.h>
#include <stddef.h>

struct spawn_child {
    pid_t pid;
    int pidfd, out, err; /* out and err: -1 where nothing is kept, or at their end */
};

/* How long a child may take to die of SIGKILL (it may sit in the kernel) before it is given up. */
enum { SPAWN_KILL_MS = 10000 };

struct err *spawn_child_start(const struct spawn_opts *o, struct spawn_child *ret)
    __attribute__((warn_unused_result));
/* Reads once; false at the end of the stream, which the caller then closes. */
bool spawn_child_read(int fd, struct buf *b);
/* After the exit: takes what is still in the pipes and closes them, whoever else holds them. */
void spawn_child_drain(struct spawn_child *c, struct spawn_result *r);
void spawn_child_kill(const struct spawn_child *c); /* SIGKILL to its process group */
/* Takes the exit status; true where it has exited. */
bool spawn_child_reap(struct spawn_child *c, int *ret_status);
void spawn_child_done(struct spawn_child *c); /* closes */

#endif
