/*
 * What the runtime and the process that it cloned say to each other while a container is made: packets over a
 * socket pair, one letter and a text each. Whoever dies is noticed: the other reads the end of the stream.
 */
#ifndef WHERRY_RUNTIME_SYNC_H
#define WHERRY_RUNTIME_SYNC_H

#include "lib/err.h"
#include <stddef.h>

#define SYNC_TEXT 4000
#define SYNC_FDS 32

enum sync_kind {
    /* init says */
    SYNC_PID = 'p',      /* the helper cloned init: its pid */
    SYNC_MAPS = 'm',     /* I am in a new user namespace: write my maps */
    SYNC_NETDEV = 'n',   /* descriptor of a netlink socket of mine: bring me my interfaces */
    SYNC_HOOKS = 'h',    /* namespaces are there: run the hooks that stand outside */
    SYNC_READY = 'r',    /* all is done but the start */
    SYNC_WARN = 'w',     /* text */
    SYNC_ERROR = 'e',    /* errno-independent: kind letter and text; I am going to exit */
    SYNC_CONSOLE = 't',  /* descriptor of the terminal's master */
    SYNC_LISTENER = 'l', /* number of seccomp's listener: take it out of me */
    /* the runtime says */
    SYNC_DONE = 'd', /* the maps are written; the interfaces moved; the hooks have run; the listener is with
                        its agent */
    SYNC_CGROUPS = 'c', /* your pid out here, descriptors of tasks files */
    SYNC_GO = 'g',      /* start the program */
};

struct sync_message {
    char kind;
    char text[SYNC_TEXT + 1];
    int fds[SYNC_FDS];
    int n_fds;
};

struct err *sync_pair(int ret[2]) __attribute__((warn_unused_result));
struct err *sync_send(int fd, enum sync_kind kind, const char *text, const int *fds, int n_fds)
    __attribute__((warn_unused_result));
struct err *sync_send_error(int fd, const struct err *e) __attribute__((warn_unused_result));
/* *ret_end: the other side is gone and m holds nothing. A SYNC_ERROR becomes the error that it carries. */
struct err *sync_recv(int fd, struct sync_message *m, int *ret_end) __attribute__((warn_unused_result));
/* The next message must be of this kind. */
struct err *sync_expect(int fd, enum sync_kind kind, struct sync_message *m)
    __attribute__((warn_unused_result));

#endif
