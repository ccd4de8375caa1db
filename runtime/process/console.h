/* A terminal for the container: made inside, its master handed out over a socket. */
#ifndef WHERRY_RUNTIME_CONSOLE_H
#define WHERRY_RUNTIME_CONSOLE_H

#include "lib/api/oci.h"
#include "runtime/process/process.h"

/* Inside: opens dev/pts/ptmx below root, sizes it, sends the master over sock, makes the slave the
 * controlling terminal and stdio. *ret_slave stays open for devices_console(). */
struct err *console_make(int root, int sock, const struct process_plan *p, int *ret_slave)
    __attribute__((warn_unused_result));
/* Receives what console_make() sent. */
struct err *console_receive(int sock, int *ret_master) __attribute__((warn_unused_result));

#endif
