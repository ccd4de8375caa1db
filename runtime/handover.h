/* Descriptors handed to whoever called us, over a unix stream socket that an option names. */
#ifndef WHERRY_RUNTIME_HANDOVER_H
#define WHERRY_RUNTIME_HANDOVER_H

#include "lib/err.h"

/* Connects to the socket at path, which the other side listens on; errors begin with the option's name. */
struct err *handover_connect(const char *option, const char *path, int *ret_sock)
    __attribute__((warn_unused_result));
/* One message: name as its text, fd as its descriptor (SCM_RIGHTS). */
struct err *handover_send(int sock, const char *name, int fd) __attribute__((warn_unused_result));
/* The pidfd of a process to --pidfd-socket. role: "standard" for init, "setns" for exec, runc's names.
 * path NULL: nothing was asked for. */
struct err *handover_pidfd(const char *path, const char *role, int pidfd) __attribute__((warn_unused_result));

#endif
