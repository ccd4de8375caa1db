/*
 * The kubelet's HTTP server: on HTTPS for the master (client certificate of system:masters), and on
 * RUN/kubelet.sock for people on this host (root only, by the socket's mode). The same paths on both, those
 * of Kubernetes' kubelet:
 *
 *   GET /healthz /pods                       server.c
 *   GET /metrics /stats/summary              server_stats.c
 *   GET /containerLogs/NS/POD/CONTAINER      server_logs.c
 *       ?follow&tailLines&sinceSeconds&sinceTime&timestamps&limitBytes&previous
 *   GET /exec/NS/POD/CONTAINER               server_exec.c
 *       ?command=..&input&output&error&tty
 *   GET /attach/NS/POD/CONTAINER             server_exec.c
 *       ?input&output&error&tty
 */
#ifndef WHERRY_KUBELET_SERVER_H
#define WHERRY_KUBELET_SERVER_H

#include "kubelet/worker.h"
#include "lib/http_server.h"

struct server;
/* Certificates are those of STATE/pki or beside the kubeconfig (kubelet-server.{crt,key}, ca.crt); without
 * them (no master) only the socket is served. */
struct err *server_start(struct kubelet *k) __attribute__((warn_unused_result));
void server_free(struct server *s); /* ends every session */

/* --- for the parts of the server */

/* The container that a path /WHAT/NS/POD/CONTAINER names. NULL: answered already (404). Both live until the
 * callback returns. */
struct instance *server_find(struct kubelet *k, struct http_request *r, struct worker **ret_worker);
/* true where the parameter is there and is "1", "true" or empty. */
bool server_flag(const struct http_request *r, const char *name);
void server_text(struct http_request *r, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void server_logs(struct kubelet *k, struct http_request *r);
void server_exec(struct kubelet *k, struct http_request *r);
void server_attach(struct kubelet *k, struct http_request *r);
void server_metrics(struct kubelet *k, struct http_request *r);
void server_summary(struct kubelet *k, struct http_request *r);

#endif
