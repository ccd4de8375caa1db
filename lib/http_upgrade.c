/*
 * Connections that stop being HTTP: MHD answers 101 and hands the socket over (behind TLS: one end of a
 * socket pair, whose other end MHD serves), we wrap it as a duplex. Closing the duplex gives it back to MHD.
 */
#include "lib/duplex_internal.h"
#include "lib/http_internal.h"
#include <stdlib.h>

struct http_upgraded {
    struct http_server *server;
    struct http_upgraded *prev, *next;
    struct MHD_UpgradeResponseHandle *handle;
    struct duplex *duplex;
    void (*up)(void *arg, struct duplex *d);
    void *arg;
};

static void upgraded_close(void *impl)
{
    struct http_upgraded *u = impl;
    if (u->prev)
        u->prev->next = u->next;
    else
        u->server->upgrades = u->next;
    if (u->next)
        u->next->prev = u->prev;
    MHD_upgrade_action(u->handle, MHD_UPGRADE_ACTION_CLOSE);
    free(u);
}

static const struct duplex_ops OPS = {.close = upgraded_close};

static void on_upgrade(void *cls, struct MHD_Connection *con, void *state, const char *extra, size_t extra_n,
    MHD_socket sock, struct MHD_UpgradeResponseHandle *handle)
{
    struct http_upgraded *u = cls;
    struct http_request *r = state;
    (void)con;
    r->upgrade = NULL;
    u->handle = handle;
    u->next = u->server->upgrades;
    if (u->next)
        u->next->prev = u;
    u->server->upgrades = u;
    u->duplex = duplex_from_ops(u->server->loop, sock, &OPS, u);
    duplex_prefill(u->duplex, extra, extra_n);
    u->up(u->arg, u->duplex);
}

void http_upgrade_failed(struct http_upgraded *u)
{
    u->up(u->arg, NULL);
    free(u);
}

void http_upgrades_kill(struct http_server *s)
{
    while (s->upgrades)
        duplex_abort(s->upgrades->duplex, "the server ends"); /* takes it out of the list */
}

void http_upgrade(struct http_request *r, const char *protocol, const struct http_header *headers,
    void (*up)(void *arg, struct duplex *d), void *arg)
{
    struct http_upgraded *u = mem_new(struct http_upgraded);
    *u = (struct http_upgraded){.server = r->server, .up = up, .arg = arg};
    bool gone = r->gone;
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, u);
    MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, protocol);
    http_add_headers(response, NULL, headers);
    if (!gone)
        r->upgrade = u;
    http_answer(r, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    if (gone)
        http_upgrade_failed(u);
}
