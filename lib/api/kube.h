/*
 * A client of the Kubernetes API in a libuv loop: the kubelet's, the proxy's, the command line's. Requests
 * with JSON bodies, and reflectors: LIST, then WATCH from there, again and again, with back-off and jitter.
 */
#ifndef WHERRY_API_KUBE_H
#define WHERRY_API_KUBE_H

#include "lib/http_client.h"
#include "lib/json.h"

/* server, CA and client certificate out of a kubeconfig file (files or inline data); current-context. */
struct kube;
struct err *kube_open(uv_loop_t *loop, const char *kubeconfig, struct kube **ret)
    __attribute__((warn_unused_result));
void kube_close(struct kube *k); /* its watches are freed before; requests under way are cancelled */
const char *kube_server(const struct kube *k); /* "https://10.0.0.1:6443" */
const struct http_client_tls *kube_tls(const struct kube *k);
struct http_client *kube_http(struct kube *k);

/* The answer: body parsed (NULL where it is no JSON) in an arena that ends with the callback. error:
 * transport, or a Status of the server (kind from its code: 404 NOT_FOUND, 409 CONFLICT (reason
 * AlreadyExists: EXISTS), 422 and 400 INVALID, 403 and 401 DENIED, 410 and 5xx UNAVAILABLE, ...); the callee
 * frees nothing. */
typedef void kube_done_fn(void *arg, const struct err *error, unsigned status, const struct json *body);
/* The error that a Status (or another body, or none) with this code stands for, in the server's words. Also
 * for blocking callers of http_fetch(). */
struct err *kube_status_err(unsigned status, const struct json *body) __attribute__((warn_unused_result));

/* path "/api/v1/nodes?x=y"; content_type NULL: application/json. Body may be NULL. */
struct http_call *kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
    const void *body, size_t len, kube_done_fn *done, void *arg);

struct kube_watch_events {
    /* One object was added or changed (object is the whole of it, raw its text) or deleted (its last state).
     * After a (re)list every object of it comes as `changed`, then synced() is called: whatever was not named
     * since the list began is gone (relisted tells when the list begins). */
    void (*relisted)(void *arg);
    void (*changed)(void *arg, const struct json *object);
    void (*deleted)(void *arg, const struct json *object);
    void (*synced)(void *arg);
    void (*failed)(void *arg, const struct err *e); /* may be NULL: it will be tried again */
};
struct kube_watch;
/* path as of the list: "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1". Objects live until the callback
 * returns. */
struct kube_watch *kube_watch(
    struct kube *k, const char *path, const struct kube_watch_events *ev, void *arg);
void kube_watch_free(struct kube_watch *w);

#endif
