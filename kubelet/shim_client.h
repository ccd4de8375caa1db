/*
 * The kubelet's side of the shim's socket (lib/api/shim.h): requests with answers, in any order, and the
 * shim's events. One connection per Pod; a second one may be opened by anybody for a streaming session.
 */
#ifndef WHERRY_KUBELET_SHIM_CLIENT_H
#define WHERRY_KUBELET_SHIM_CLIENT_H

#include "lib/api/oci.h"
#include "lib/api/shim.h"
#include "lib/json.h"
#include "lib/loop.h"

struct shim_client;
struct shim_client_events {
    void (*exited)(void *arg, const char *id, int exit_code, int signal, bool oom, const char *finished_at);
    void (*exec_exited)(void *arg, const char *exec, int exit_code, int signal);
    void (*oom)(void *arg, const char *id); /* may be NULL */
    void (*closed)(void *arg);              /* the shim is gone; called once, nothing after it */
};
/* Connects now (a local socket). */
struct err *shim_client_open(uv_loop_t *loop, const char *socket, const struct shim_client_events *ev,
    void *arg, struct shim_client **ret) __attribute__((warn_unused_result));
void shim_client_free(struct shim_client *c); /* requests under way are not answered any more; NULL is fine */

/* The answer: error (not to be freed) or the results; descriptors that came with it are taken by setting them
 * to -1. At the deadline: ERR_TIMEOUT. When the shim goes: ERR_UNAVAILABLE. From the loop, exactly once. */
typedef void shim_done_fn(
    void *arg, const struct err *error, const struct json *results, int *fds, size_t n_fds);
struct shim_call;
/* body: the members of the request besides op and seq, "\"id\":\"..\"" or "". fds are duplicated by sending.
 */
struct shim_call *shim_call(struct shim_client *c, const char *op, const char *body, const int *fds,
    size_t n_fds, uint64_t deadline_ms, shim_done_fn *done, void *arg);
void shim_call_drop(struct shim_call *call); /* done() is not called; NULL is fine */

/* The requests of lib/api/shim.h. */
struct shim_call *shim_subscribe(struct shim_client *c, shim_done_fn *done, void *arg);
struct shim_call *shim_mounts(
    struct shim_client *c, const struct shim_mount *m, size_t n, shim_done_fn *done, void *arg);
struct shim_call *shim_start(
    struct shim_client *c, const struct shim_start *s, shim_done_fn *done, void *arg);
struct shim_call *shim_kill(
    struct shim_client *c, const char *id, const char *signal, bool all, shim_done_fn *done, void *arg);
struct shim_call *shim_delete(struct shim_client *c, const char *id, shim_done_fn *done, void *arg);
struct shim_call *shim_reopen(struct shim_client *c, const char *id, shim_done_fn *done, void *arg);
/* Not a terminal: fds are stdin, stdout, stderr. Terminal: none go, the pty's master comes back. */
struct shim_call *shim_exec(struct shim_client *c, const char *id, const char *exec,
    const struct oci_process *p, bool terminal, const int *fds, size_t n_fds, shim_done_fn *done, void *arg);
/* One descriptor for each stream that is wanted, in the order stdin, stdout, stderr. */
struct shim_streams {
    bool in, out, err;
};
struct shim_call *shim_attach(struct shim_client *c, const char *id, const struct shim_streams *streams,
    const int *fds, size_t n_fds, shim_done_fn *done, void *arg);
struct shim_call *shim_resize(
    struct shim_client *c, const char *id, unsigned width, unsigned height, shim_done_fn *done, void *arg);
struct shim_call *shim_shutdown(struct shim_client *c, shim_done_fn *done, void *arg);

#endif
