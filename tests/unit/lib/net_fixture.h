/* A server and a client in one loop, for the tests of http, ws and kube. Counts descriptors: none may be
 * left. */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/http_client.h"
#include "lib/http_server.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NET_MAX_BODY 300000

enum net_kind { NET_PLAIN, NET_TLS, NET_CLIENT_CERT, NET_STRANGER_CERT, NET_UNIX };

struct net {
    uv_loop_t loop;
    struct http_server *server;
    struct http_client *client;
    char dir[64], url[64], unix_path[80];
    const char *peer; /* "name/group" as the server is to see it */
    struct timer *deadline;
    int fds;
};

static inline int net_count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline void net_must(struct err *e)
{
    if (e)
        fail_msg("%s", err_message(e));
}

static inline char *net_path(const struct net *n, const char *name)
{
    return mem_printf("%s/%s", n->dir, name);
}

static inline void net_pair(
    struct net *n, const char *ca, const char *name, const char *user, const char *group, bool server)
{
    auto_free char *ca_cert = mem_printf("%s/%s.crt", n->dir, ca),
                   *ca_key = mem_printf("%s/%s.key", n->dir, ca);
    auto_free char *cert = mem_printf("%s/%s.crt", n->dir, name),
                   *key = mem_printf("%s/%s.key", n->dir, name);
    net_must(tls_ca_ensure(ca_cert, ca_key, ca, 3650));
    struct tls_leaf leaf = {.subject = {user, {1, &group}},
        .ip_addresses = {1, (const char *[]){"127.0.0.1"}},
        .server = server,
        .client = !server,
        .days = 365};
    net_must(tls_leaf_ensure(ca_cert, ca_key, &leaf, cert, key));
}

static inline int net_listen_unix(struct net *n)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(n->unix_path, sizeof n->unix_path, "%s/sock", n->dir);
    memcpy(sa.sun_path, n->unix_path, strlen(n->unix_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static inline void net_too_late(void *arg)
{
    (void)arg;
    fprintf(stderr, "the test did not end in time\n");
    abort();
}

static inline void net_serve(
    struct net *n, enum net_kind kind, uint16_t port, http_handler_fn *handler, void *arg)
{
    auto_free char *cert = net_path(n, "server.crt"), *key = net_path(n, "server.key"),
                   *ca = net_path(n, "ca.crt");
    struct http_server_opts o = {.address = "127.0.0.1",
        .port = port,
        .max_body = NET_MAX_BODY,
        .max_connections = 100,
        .idle_seconds = 30,
        .handler = handler,
        .arg = arg};
    if (kind == NET_UNIX)
        o.listen_fd = net_listen_unix(n);
    else if (kind != NET_PLAIN) {
        o.tls_cert_file = cert;
        o.tls_key_file = key;
        o.client_ca_file = ca;
    }
    net_must(http_server_new(&n->loop, &o, &n->server));
    snprintf(n->url, sizeof n->url, "%s://127.0.0.1:%u", kind == NET_PLAIN ? "http" : "https",
        http_server_port(n->server));
}

static inline void net_connect(struct net *n, enum net_kind kind)
{
    auto_free char *ca = net_path(n, "ca.crt"), *cert = net_path(n, "client.crt"),
                   *key = net_path(n, "client.key");
    struct http_client_tls tls = {.ca_file = ca};
    if (kind == NET_CLIENT_CERT || kind == NET_STRANGER_CERT) {
        tls.cert_file = cert;
        tls.key_file = key;
    }
    n->client = http_client_new(&n->loop, &tls);
}

static inline struct net *net_new(enum net_kind kind, http_handler_fn *handler)
{
    static bool warm;
    struct net *n = mem_new(struct net);
    signal(SIGPIPE, SIG_IGN);
    strcpy(n->dir, "/tmp/wherry-test-XXXXXX");
    assert_non_null(mkdtemp(n->dir));
    if (!warm) /* what libraries open once */
        http_client_free(http_client_new(uv_default_loop(), NULL));
    if (!warm)
        sha256_hex("", 0, (char[65]){0});
    warm = true;
    n->fds = net_count_fds();
    uv_loop_init(&n->loop);
    n->peer = kind == NET_CLIENT_CERT ? "someone/some:group" : "-/-";
    if (kind != NET_PLAIN && kind != NET_UNIX) {
        net_pair(n, "ca", "server", "server", "servers", true);
        net_pair(n, kind == NET_STRANGER_CERT ? "other-ca" : "ca", "client", "someone", "some:group", false);
    }
    net_serve(n, kind, 0, handler, n);
    net_connect(n, kind);
    n->deadline = timer_new(&n->loop, net_too_late, NULL);
    timer_start(n->deadline, 30000);
    return n;
}

static inline void net_run_until(struct net *n, bool *flag)
{
    while (!*flag)
        uv_run(&n->loop, UV_RUN_ONCE);
}

static inline void net_run_while_not(struct net *n, bool (*is)(void *arg), void *arg)
{
    while (!is(arg))
        uv_run(&n->loop, UV_RUN_ONCE);
}

static inline void net_print_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    fprintf(
        stderr, "a %s handle is left%s\n", uv_handle_type_name(h->type), uv_is_active(h) ? ", active" : "");
}

static inline int net_free(struct net *n)
{
    http_client_free(n->client);
    http_server_free(n->server);
    timer_free(n->deadline);
    for (int i = 0; i < 1000 && uv_loop_alive(&n->loop); i++) /* what is left only has to be closed */
        uv_run(&n->loop, UV_RUN_NOWAIT);
    uv_walk(&n->loop, net_print_handle, NULL);
    int r = uv_loop_close(&n->loop);
    int left = net_count_fds() - n->fds;
    if (left)
        fprintf(stderr, "%d descriptors are left\n", left);
    DIR *d = opendir(n->dir);
    for (struct dirent *e; (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(n->dir);
    free(n);
    return r || left ? -1 : 0;
}

#endif
