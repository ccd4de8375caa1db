/*
 * How many requests a Kubernetes API answers per second, as one JSON object on stdout. Works with any server.
 *
 *   rate KUBECONFIG get CLIENTS SECONDS      GETs of one ConfigMap
 *   rate KUBECONFIG create CLIENTS SECONDS   POSTs of ConfigMaps
 *
 * Each client has one TLS connection and at most one request under way. What is measured shares its cores
 * with this program, so this one does as little as can be: prepared requests, answers of which only the
 * status and the length are read. ConfigMaps are labelled bench=rate and deleted at the end.
 */
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 256, ANSWER_MAX = 16384, DEADLINE_MS = 30000 };

struct client {
    struct rate *rate;
    int fd;
    gnutls_session_t tls;
    size_t n; /* bytes of the answer that are here */
    char in[ANSWER_MAX + 1];
};

struct rate {
    char host[256];
    const char *port;
    gnutls_certificate_credentials_t credentials;
    bool create;
    long done, next;
    double until_ms;
    int alive, epoll;
    struct client clients[CLIENTS_MAX];
};

static double now_ms(void)
{
    return (double)clock_mono_ms();
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("rate: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    exit(1);
}

static void must(int code, const char *what)
{
    if (code < 0)
        die("%s: %s", what, gnutls_strerror(code));
}

/* --- a connection --- */

static int dial(const struct rate *r)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(r->host, r->port, &hints, &found))
        die("%s:%s: no address", r->host, r->port);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0)
        die("%s:%s: %s", r->host, r->port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    freeaddrinfo(found);
    return fd;
}

static void open_client(struct client *c)
{
    int code;
    c->fd = dial(c->rate);
    must(gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NO_TICKETS), "TLS");
    gnutls_set_default_priority(c->tls);
    gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, c->rate->credentials);
    gnutls_session_set_verify_cert(c->tls, c->rate->host, 0);
    gnutls_transport_set_int(c->tls, c->fd);
    do
        code = gnutls_handshake(c->tls);
    while (code < 0 && !gnutls_error_is_fatal(code));
    must(code, "handshake");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(c->rate->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* --- a request and its answer --- */

static void ask(struct client *c)
{
    struct rate *r = c->rate;
    char text[1024], body[256] = "";
    int n = 0;
    if (r->create)
        n = snprintf(body, sizeof(body),
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"rate-%d-%ld\",\"labels\":"
            "{\"bench\":\"rate\"}},\"data\":{\"key\":\"value\"}}",
            (int)getpid(), r->next++);
    int len = snprintf(text, sizeof(text),
        "%s /api/v1/namespaces/default/configmaps%s HTTP/1.1\r\nHost: %s:%s\r\nAccept: application/json\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
        r->create ? "POST" : "GET", r->create ? "" : "/rate-get", r->host, r->port, n, body);
    if (gnutls_record_send(c->tls, text, (size_t)len) != len) /* far less than a socket's buffer */
        die("a request could not be sent");
}

/* The length of the whole answer, 0 while its head is not here. */
static size_t answer_length(struct client *c)
{
    c->in[c->n] = 0;
    const char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length:");
    if (!end)
        return 0;
    if (strncmp(c->in, c->rate->create ? "HTTP/1.1 201" : "HTTP/1.1 200", 12) != 0 || !length)
        die("an answer that was not asked for: %.300s", c->in);
    return (size_t)(end + 4 - c->in) + strtoul(length + 17, NULL, 10);
}

/* false: more of the answer is to come. */
static bool receive(struct client *c)
{
    ssize_t got = gnutls_record_recv(c->tls, c->in + c->n, ANSWER_MAX - c->n);
    if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
        return false;
    must((int)got, "receive");
    if (!got)
        die("the server closed a connection, or answered too much");
    c->n += (size_t)got;
    size_t whole = answer_length(c);
    return whole && c->n >= whole;
}

static void go_on(struct client *c)
{
    do
        if (receive(c)) {
            struct rate *r = c->rate;
            r->done++;
            c->n = 0;
            if (now_ms() < r->until_ms)
                ask(c);
            else
                r->alive--;
        }
    while (gnutls_record_check_pending(c->tls));
}

static void measure(struct rate *r, int clients, int seconds)
{
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < clients; i++) {
        r->clients[i].rate = r;
        open_client(&r->clients[i]);
    }
    double begun = now_ms();
    r->until_ms = begun + seconds * 1000.0;
    r->alive = clients;
    for (int i = 0; i < clients; i++)
        ask(&r->clients[i]);
    while (r->alive) {
        struct epoll_event events[CLIENTS_MAX];
        int n = epoll_wait(r->epoll, events, clients, DEADLINE_MS);
        if (n <= 0)
            die("no answer within %d s", DEADLINE_MS / 1000);
        for (int i = 0; i < n; i++)
            go_on(events[i].data.ptr);
    }
    printf("{\"clients\":%d,\"per_second\":%.0f}\n", clients, (double)r->done * 1000.0 / (now_ms() - begun));
    fflush(stdout);
}

/* --- before and after --- */

static void on_answer(void *arg, const struct err *e, unsigned status, const struct json *body)
{
    (void)body;
    if (e && status != 409) /* the ConfigMap is there from last time */
        die("%s", err_message(e));
    uv_stop(arg);
}

static void request(uv_loop_t *loop, struct kube *k, const char *method, const char *query, const char *body)
{
    auto_free char *path = mem_printf("/api/v1/namespaces/default/configmaps%s", query);
    kube_request(k, method, path, NULL, body, body ? strlen(body) : 0, on_answer, loop);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void credentials(struct rate *r, const struct http_client_tls *tls)
{
    must(gnutls_certificate_allocate_credentials(&r->credentials), "credentials");
    must(gnutls_certificate_set_x509_trust_file(r->credentials, tls->ca_file, GNUTLS_X509_FMT_PEM), "CA");
    must(gnutls_certificate_set_x509_key_file(
             r->credentials, tls->cert_file, tls->key_file, GNUTLS_X509_FMT_PEM),
        "client certificate");
}

int main(int argc, char **argv)
{
    static struct rate r;
    uv_loop_t loop;
    struct kube *k;
    int clients = argc == 5 ? atoi(argv[3]) : 0, seconds = argc == 5 ? atoi(argv[4]) : 0;
    if (clients < 1 || clients > CLIENTS_MAX || seconds < 1) {
        fprintf(stderr, "usage: rate KUBECONFIG get|create CLIENTS SECONDS   (at most %d clients)\n",
            CLIENTS_MAX);
        return 2;
    }
    uv_loop_init(&loop);
    struct err *e = kube_open(&loop, argv[1], &k);
    if (e)
        die("%s", err_message(e));
    r.create = strcmp(argv[2], "create") == 0;
    snprintf(r.host, sizeof(r.host), "%s", kube_server(k) + strlen("https://"));
    char *colon = strrchr(r.host, ':');
    if (!colon)
        die("%s: a server with a port is wanted", kube_server(k));
    *colon = 0;
    r.port = colon + 1;
    credentials(&r, kube_tls(k));
    request(&loop, k, "POST", "",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"rate-get\",\"labels\":"
        "{\"bench\":\"rate\"}},\"data\":{\"key\":\"value\"}}");
    measure(&r, clients, seconds);
    request(&loop, k, "DELETE", "?labelSelector=bench%3Drate", NULL);
    return 0;
}
