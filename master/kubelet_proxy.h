/* Requests about a running Pod go on to its node's kubelet: logs, exec, attach. */
#ifndef WHERRY_MASTER_KUBELET_PROXY_H
#define WHERRY_MASTER_KUBELET_PROXY_H

#include "lib/http_client.h"

struct kubelet_proxy;
struct kubelet_proxy *kubelet_proxy_new(uv_loop_t *loop, const struct http_client_tls *tls);
void kubelet_proxy_free(struct kubelet_proxy *p);

#endif
