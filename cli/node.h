/*
 * What `wherry up` decided about this node, kept as RUN/node.json for `down`, the supervisor and the other
 * commands.
 */
#ifndef WHERRY_CLI_NODE_H
#define WHERRY_CLI_NODE_H

#include "lib/fields.h"

struct node_daemon {
    const char *name; /* "master", "kubelet", "proxy": also RUN/NAME.pid and RUN/NAME.log */
    struct str_list argv;
};
struct node {
    const char *name, *ip, *state, *run, *cgroup;
    struct opt_int api_port, kubelet_port;
    struct opt_bool has_master;
    FIELD_LIST(struct node_daemon) daemons;
};

struct err *node_save(const struct node *n) __attribute__((warn_unused_result));
/* NOT_FOUND: no node was started with this RUN folder. */
struct err *node_load(const char *run, struct arena *a, struct node *ret) __attribute__((warn_unused_result));

/* The process that RUN/NAME.pid names, as a pidfd; -1 where it is gone (a reused pid is told by its start
 * time). */
struct err *node_pid_write(const char *run, const char *name, int pid) __attribute__((warn_unused_result));
int node_pid_open(const char *run, const char *name, int *ret_pid);
void node_pid_forget(const char *run, const char *name);

#endif
