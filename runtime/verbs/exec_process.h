/* The process that the options of exec describe: from a file, or from the container's own and the options.
 * Pure but for the reading of that file. */
#ifndef WHERRY_RUNTIME_EXEC_PROCESS_H
#define WHERRY_RUNTIME_EXEC_PROCESS_H

#include "lib/api/oci.h"

struct exec_options {
    const char *process, *pid_file, *console_socket, *pidfd_socket, *cwd, *user, *label, *apparmor;
    struct str_list env, caps, gids, cgroups;
    bool tty, detach, no_new_privs, ignore_paused, ignored;
    int64_t preserve_fds;
};

/* own: the container's process; args: the command line behind the id. */
struct err *exec_process(struct arena *a, const struct exec_options *o, const struct oci_process *own,
    char **args, int n, struct oci_process *ret) __attribute__((warn_unused_result));
/* "UID" or "UID:GID", in decimal digits and nothing else; without a GID that of *u stays. */
struct err *exec_user(const char *text, struct oci_user *u) __attribute__((warn_unused_result));

#endif
