/* What the files of the HTTP client share: http_client.c, http_mux.c, http_client_upgrade.c, http_easy.c. */
#ifndef WHERRY_HTTP_CLIENT_INTERNAL_H
#define WHERRY_HTTP_CLIENT_INTERNAL_H

#include "lib/http_client.h"
#include <curl/curl.h>

#define HTTP_DEFAULT_TIMEOUT_MS 30000
#define HTTP_CONNECT_TIMEOUT_MS 10000
#define HTTP_ERROR_BODY_MAX (64 * 1024)

/* http_mux.c: curl's multi handle in the loop. turn() is called after curl has worked, and not from within
 * it: there anything may be called, also mux_free(). */
struct mux;
struct mux *mux_new(uv_loop_t *loop, void (*turn)(void *arg), void *arg);
CURLM *mux_multi(struct mux *m);
void mux_forget(struct mux *m, curl_socket_t fd); /* watches it no more */
void mux_free(struct mux *m);                     /* its easy handles are gone already */

/* http_easy.c: options of one request. *ret_headers is to be freed after the handle. */
CURL *http_easy_new(
    const struct http_client_tls *tls, const struct http_client_request *r, struct curl_slist **ret_headers);
/* What curl says as an error of ours. text: of CURLOPT_ERRORBUFFER, or "". */
struct err *http_easy_error(CURL *h, CURLcode code, const char *text, const char *url);

/* A call of either kind: first member of the real struct. */
struct http_call {
    struct http_client *client;
    struct http_call *prev, *next;
    void (*cancel)(struct http_call *call); /* unlinks and frees */
};
void http_call_link(struct http_client *c, struct http_call *call, void (*cancel)(struct http_call *call));
void http_call_unlink(struct http_call *call);
uv_loop_t *http_client_loop(const struct http_client *c);
const struct http_client_tls *http_client_tls(const struct http_client *c);

#endif
