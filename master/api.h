/*
 * The HTTPS server of the API: routes requests, knows who asks, asks auth.h whether they may.
 */
#ifndef WHERRY_MASTER_API_H
#define WHERRY_MASTER_API_H

#include "lib/http_server.h"
#include "master/cluster.h"

struct api_opts {
    const char *address; /* NULL: all */
    uint16_t port;
    const char *cert_file, *key_file, *client_ca_file;
};
struct api;
struct err *api_new(struct cluster *c, const struct api_opts *o, struct api **ret)
    __attribute__((warn_unused_result));
uint16_t api_port(const struct api *a);
void api_free(struct api *a);

#endif
