/*
 * Commands run inside containers by the kubelet itself: probes and hooks. Output (both streams) is kept up to
 * a ceiling; at the deadline the command is killed.
 */
#ifndef WHERRY_KUBELET_EXEC_H
#define WHERRY_KUBELET_EXEC_H

#include "kubelet/worker.h"
#include "lib/api/oci.h"

struct exec;
/* error: it could not be run (or ERR_TIMEOUT); else its exit code. From the loop, once. */
typedef void exec_done_fn(void *arg, const struct err *error, int exit_code, const char *output);
struct exec *exec_start(
    struct instance *i, const struct str_list *argv, uint64_t deadline_ms, exec_done_fn *done, void *arg);
void exec_cancel(struct exec *e); /* done() is not called; the command is killed; NULL is fine */

/* The container's process with other arguments: same user, environment, capabilities, seccomp. For streaming
 * sessions too. */
struct err *exec_process(struct instance *i, struct arena *a, const struct str_list *argv, bool terminal,
    struct oci_process *ret) __attribute__((warn_unused_result));
/* A name for an exec that is unique in its Pod, for shim_exec(). */
void exec_name(char *text, size_t n);

#endif
