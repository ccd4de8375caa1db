/*
 * Upgrades: curl connects (and does TLS) and stops there; we send the request, read the head of the answer,
 * and on 101 wrap the connection as a duplex. Each has a multi handle of its own, since its connection
 * outlives the call and maybe the client.
 */
#include "lib/duplex_internal.h"
#include "lib/http_client_internal.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_MAX (64 * 1024)

/* The connection, which the duplex inherits. */
struct link {
    struct mux *mux;
    CURL *easy;
    struct curl_slist *headers;
    curl_socket_t fd;
};

struct upgrade {
    struct http_call call;
    struct link *link;
    struct watch *watch; /* once connected */
    struct timer *timer;
    char error[CURL_ERROR_SIZE];
    char *url;
    struct buf out, in;
    size_t head_len; /* with its empty line; 0: not yet there */
    unsigned status;
    void (*up)(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body);
    void *arg;
};

/* --- the connection as a duplex --- */

static void link_free(struct link *l)
{
    if (!l)
        return;
    curl_multi_remove_handle(mux_multi(l->mux), l->easy);
    curl_easy_cleanup(l->easy);
    curl_slist_free_all(l->headers);
    mux_free(l->mux);
    free(l);
}

static ssize_t link_read(void *impl, void *data, size_t n)
{
    struct link *l = impl;
    size_t got = 0;
    CURLcode code = curl_easy_recv(l->easy, data, n, &got);
    return code == CURLE_OK ? (ssize_t)got : code == CURLE_AGAIN ? -EAGAIN : -ECONNRESET;
}

static ssize_t link_write(void *impl, const void *data, size_t n)
{
    struct link *l = impl;
    size_t sent = 0;
    CURLcode code = curl_easy_send(l->easy, data, n, &sent);
    return code == CURLE_OK ? (ssize_t)sent : code == CURLE_AGAIN ? -EAGAIN : -EPIPE;
}

static void link_shutdown(void *impl)
{
    struct link *l = impl;
    shutdown(l->fd, SHUT_WR);
}

static void link_close(void *impl)
{
    link_free(impl);
}

static const struct duplex_ops LINK = {link_read, link_write, link_shutdown, link_close};

/* --- the call --- */

static void upgrade_free(struct upgrade *u)
{
    watch_free(u->watch);
    timer_free(u->timer);
    link_free(u->link);
    buf_done(&u->out);
    buf_done(&u->in);
    free(u->url);
    free(u);
}

static void upgrade_cancel(struct http_call *call)
{
    struct upgrade *u = container_of(call, struct upgrade, call);
    http_call_unlink(call);
    upgrade_free(u);
}

/* The end of every call that is not cancelled. */
static void finish(
    struct upgrade *u, struct duplex *d, unsigned status, const char *headers, const char *body)
{
    http_call_unlink(&u->call);
    u->up(u->arg, d, status, headers, body);
    upgrade_free(u);
}

static void fail(struct upgrade *u, const char *why)
{
    auto_free char *text = mem_printf("%s: %s", u->url, why);
    finish(u, NULL, 0, "", text);
}

static void succeed(struct upgrade *u, const char *headers)
{
    watch_free(take_ptr(u->watch)); /* the duplex has its own */
    struct link *l = take_ptr(u->link);
    /* curl keeps writing errors there otherwise, and u is about to go */
    curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(l->easy, CURLOPT_PRIVATE, NULL);
    struct duplex *d = duplex_from_ops(http_client_loop(u->call.client), l->fd, &LINK, l);
    duplex_prefill(d, u->in.data + u->head_len, u->in.len - u->head_len);
    finish(u, d, u->status, headers, "");
}

char *http_head_get(const char *headers, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strchr(headers, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        if (strncasecmp(line + 1, name, n) != 0 || line[1 + n] != ':')
            continue;
        const char *value = line + n + 2;
        value += strspn(value, " \t");
        size_t len = strcspn(value, "\r\n");
        while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        return mem_strndup(value, len);
    }
    return NULL;
}

/* Removes the framing of a chunked body, as far as it came. */
static void unchunk(char *body)
{
    char *out = body, *p = body, *end = body + strlen(body);
    while (p < end) {
        char *data = strstr(p, "\r\n");
        size_t n = strtoul(p, NULL, 16);
        if (!data || !n)
            break;
        data += 2;
        n = n < (size_t)(end - data) ? n : (size_t)(end - data);
        memmove(out, data, n);
        out += n;
        p = data + n + (end - (data + n) >= 2 ? 2 : 0);
    }
    *out = 0;
}

/* An answer other than 101: with its body, as far as it is there or fits. */
static void refuse(struct upgrade *u, const char *headers)
{
    auto_free char *body = mem_strndup(u->in.data + u->head_len, u->in.len - u->head_len);
    auto_free char *coding = http_head_get(headers, "Transfer-Encoding");
    if (coding && strcasecmp(coding, "chunked") == 0)
        unchunk(body);
    finish(u, NULL, u->status, headers, body);
}

static bool body_is_whole(const struct upgrade *u, const char *headers)
{
    size_t have = u->in.len - u->head_len;
    auto_free char *length = http_head_get(headers, "Content-Length");
    if (length)
        return have >= strtoull(length, NULL, 10);
    return have >= 5 && memcmp(u->in.data + u->in.len - 5, "0\r\n\r\n", 5) == 0;
}

/* What came so far; `over`: nothing more will. true: u is gone. */
static bool judge(struct upgrade *u, bool over)
{
    if (!u->head_len) {
        const char *end = memmem(buf_str(&u->in), u->in.len, "\r\n\r\n", 4);
        if (!end) {
            if (over)
                fail(u,
                    u->in.over ? "the answer's head is too long" : "the connection ended without an answer");
            return over;
        }
        u->head_len = (size_t)(end - u->in.data) + 4;
        if (u->in.len < 12 || sscanf(u->in.data, "HTTP/1.%*1d %3u", &u->status) != 1 || u->status < 100) {
            fail(u, "the answer is not HTTP/1.1");
            return true;
        }
    }
    auto_free char *headers = mem_strndup(u->in.data, u->head_len);
    if (u->status == 101) {
        succeed(u, headers);
        return true;
    }
    if (!over && !body_is_whole(u, headers))
        return false;
    refuse(u, headers);
    return true;
}

/* true: u is gone. */
static bool receive(struct upgrade *u)
{
    for (;;) {
        char data[4096];
        ssize_t n = link_read(u->link, data, sizeof data);
        if (n == -EAGAIN)
            return false;
        if (n > 0)
            buf_add(&u->in, data, (size_t)n);
        if (judge(u, n <= 0 || u->in.over))
            return true;
    }
}

static void on_ready(void *arg, int events)
{
    struct upgrade *u = arg;
    (void)events;
    while (u->out.len) {
        ssize_t n = link_write(u->link, u->out.data, u->out.len);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            fail(u, "the connection ended while the request was sent");
            return;
        }
        buf_drop(&u->out, (size_t)n);
    }
    if (!receive(u))
        watch_set(u->watch, UV_READABLE | (u->out.len ? UV_WRITABLE : 0));
}

static void on_connected(struct upgrade *u)
{
    struct link *l = u->link;
    if (curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &l->fd) != CURLE_OK || l->fd < 0) {
        fail(u, "no connection");
        return;
    }
    mux_forget(l->mux, l->fd);
    u->watch = watch_new(http_client_loop(u->call.client), l->fd, on_ready, u);
    on_ready(u, UV_WRITABLE);
}

static void on_turn(void *arg)
{
    struct upgrade *u;
    struct link *l = arg;
    int left;
    CURLMsg *m = curl_multi_info_read(mux_multi(l->mux), &left);
    if (!m || m->msg != CURLMSG_DONE)
        return;
    CURLcode code = m->data.result;
    curl_easy_getinfo(l->easy, CURLINFO_PRIVATE, (char **)&u);
    if (code == CURLE_OK)
        on_connected(u);
    else
        fail(u, u->error[0] ? u->error : curl_easy_strerror(code));
}

static void on_timeout(void *arg)
{
    struct upgrade *u = arg;
    if (u->head_len) /* a refusal whose body does not end */
        judge(u, true);
    else
        fail(u, "no answer in time");
}

/* --- the request --- */

static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return NULL;
    char *copy = mem_strdup(text);
    curl_free(text);
    return copy;
}

static void build_request(struct buf *b, const struct http_client_request *r)
{
    CURLU *url = curl_url();
    curl_url_set(url, CURLUPART_URL, r->url, CURLU_PATH_AS_IS);
    auto_free char *path = url_part(url, CURLUPART_PATH), *query = url_part(url, CURLUPART_QUERY);
    auto_free char *host = url_part(url, CURLUPART_HOST), *port = url_part(url, CURLUPART_PORT);
    curl_url_cleanup(url);
    buf_addf(b, "%s %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", r->method ? r->method : "GET", path ? path : "/",
        query ? "?" : "", query ? query : "", host ? host : "", port ? ":" : "", port ? port : "");
    for (const char *const *p = r->headers; p && *p; p++)
        buf_addf(b, "%s\r\n", *p);
    buf_adds(b, "\r\n");
}

struct http_call *http_client_upgrade(struct http_client *c, const struct http_client_request *r,
    void (*up)(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body),
    void *arg)
{
    struct upgrade *u = mem_new(struct upgrade);
    struct link *l = mem_new(struct link);
    struct http_client_request connect = *r;
    connect.headers = NULL;
    connect.method = "GET";
    connect.body_len = 0;
    *u = (struct upgrade){.link = l, .up = up, .arg = arg, .url = mem_strdup(r->url)};
    u->out = BUF_INIT(HEAD_MAX);
    u->in = BUF_INIT(HEAD_MAX + HTTP_ERROR_BODY_MAX);
    build_request(&u->out, r);
    http_call_link(c, &u->call, upgrade_cancel);
    u->timer = timer_new(http_client_loop(c), on_timeout, u);
    timer_start(u->timer, r->timeout_ms ? r->timeout_ms : HTTP_DEFAULT_TIMEOUT_MS);
    l->mux = mux_new(http_client_loop(c), on_turn, l);
    l->easy = http_easy_new(http_client_tls(c), &connect, &l->headers);
    curl_easy_setopt(l->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(l->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(l->easy, CURLOPT_PRIVATE, u);
    curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, u->error);
    curl_multi_add_handle(mux_multi(l->mux), l->easy);
    return &u->call;
}
