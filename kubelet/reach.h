/*
 * Reaching into a Pod's network from the node: one HTTP GET or one TCP connection, with a deadline; for
 * probes and hooks. The words are those that Kubernetes' events use.
 */
#ifndef WHERRY_KUBELET_REACH_H
#define WHERRY_KUBELET_REACH_H

#include "kubelet/worker.h"

struct reach;
enum reach_result { REACH_OK, REACH_FAILED, REACH_UNKNOWN };
typedef void reach_done_fn(void *arg, enum reach_result result, const char *message);
/* From the loop, once. */
struct reach *reach_http(struct instance *i, const struct http_get_action *g, bool probe,
    uint64_t deadline_ms, reach_done_fn *done, void *arg);
struct reach *reach_tcp(struct instance *i, const struct tcp_socket_action *t, uint64_t deadline_ms,
    reach_done_fn *done, void *arg);
void reach_cancel(struct reach *r); /* NULL is fine */

#endif
