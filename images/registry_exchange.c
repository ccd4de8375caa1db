/* One HTTP request on the registry's curl handle. */
#include "images/registry_internal.h"
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS_MAX (256U << 10)
#define PROBLEM_MAX 4096
#define CONNECT_S 30L
#define SLOWEST 512L /* bytes per second, over the stall time: less is a stall */

static char *value_of(const char *line, size_t n, const char *name)
{
    size_t len = strlen(name);
    if (n <= len || strncasecmp(line, name, len) || line[len] != ':')
        return NULL;
    const char *v = line + len + 1, *end = line + n;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && strchr(" \t\r\n", end[-1]))
        end--;
    return mem_strndup(v, (size_t)(end - v));
}

static void join(char **to, char *v)
{
    if (!*to) {
        *to = v;
        return;
    }
    char *both = mem_printf("%s, %s", *to, v);
    free(*to);
    free(v);
    *to = both;
}

static void read_header(struct exchange *x, const char *line, size_t n)
{
    char *v;
    if ((v = value_of(line, n, "WWW-Authenticate"))) {
        join(&x->authenticate, v);
        return;
    }
    if ((v = value_of(line, n, "Content-Type")))
        snprintf(x->content_type, sizeof x->content_type, "%s", v);
    else if ((v = value_of(line, n, "Retry-After")))
        x->retry_after_s = strtol(v, NULL, 10);
    else if ((v = value_of(line, n, "Content-Range")))
        x->range_from = strncasecmp(v, "bytes ", 6) ? -1 : strtoll(v + 6, NULL, 10);
    free(v);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    n *= size;
    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MAX)
        return 0;
    if (n > 5 && !memcmp(data, "HTTP/", 5)) { /* a new answer: of 100 Continue, or a proxy's CONNECT */
        free(x->authenticate);
        x->authenticate = NULL;
        x->content_type[0] = '\0';
        x->retry_after_s = x->range_from = -1;
    }
    read_header(x, data, n);
    return n;
}

struct transfer {
    struct exchange *x;
    CURL *curl;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    long status = 0;
    n *= size;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) { /* a page of excuses: its beginning is enough */
        size_t room = PROBLEM_MAX - t->x->problem.len;
        if (!room)
            return 0;
        buf_add(&t->x->problem, data, n < room ? n : room);
        return n;
    }
    if (!t->x->on_data(t->x->arg, data, n)) {
        t->x->stopped = true;
        return 0;
    }
    return n;
}

/* With a proxy it is the proxy that resolves names, and perhaps on this very host that it listens. */
static bool has_proxy(void)
{
    return getenv("https_proxy") || getenv("HTTPS_PROXY") || getenv("http_proxy") || getenv("all_proxy") ||
           getenv("ALL_PROXY");
}

/* The last word on where we connect to: after the name was resolved. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    const struct exchange *x = arg;
    if (purpose == CURLSOCKTYPE_IPCXN && x->foreign && !has_proxy() && address_is_private_to_host(&a->addr))
        return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static struct curl_slist *headers_of(const struct exchange *x)
{
    struct curl_slist *l = NULL;
    char text[512];
    if (x->accept) {
        snprintf(text, sizeof text, "Accept: %s", x->accept);
        l = curl_slist_append(l, text);
    }
    if (x->authorization)
        l = curl_slist_append(l, x->authorization);
    return l;
}

static void set_options(struct registry *r, struct exchange *x, struct transfer *t)
{
    CURL *c = r->curl;
    curl_easy_reset(c); /* keeps connections */
    curl_easy_setopt(c, CURLOPT_URL, x->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    if (host_is_local(r->base.host) && !x->foreign) /* no proxy knows this host's localhost */
        curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "wherry");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(r->o->stall_ms / 1000) + 1);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (r->o->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, r->o->ca_file);
    if (r->o->insecure) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 128L * 1024);
    if (x->from > 0) {
        char range[40];
        snprintf(range, sizeof range, "%lld-", (long long)x->from);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    }
    if (x->post)
        curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, x->post);
}

void exchange_run(struct registry *r, struct exchange *x)
{
    struct transfer t = {x, r->curl};
    x->retry_after_s = x->range_from = -1;
    x->problem = BUF_INIT(PROBLEM_MAX + 1);
    set_options(r, x, &t);
    struct curl_slist *headers = headers_of(x);
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, headers);
    if (x->foreign) /* a kept connection was opened under another rule */
        curl_easy_setopt(r->curl, CURLOPT_FRESH_CONNECT, 1L);
    x->code = curl_easy_perform(r->curl);
    curl_slist_free_all(headers);
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &x->status);
    const char *location = NULL;
    curl_easy_getinfo(r->curl, CURLINFO_REDIRECT_URL, &location);
    x->location = mem_strdup(location);
    bool cut = x->code != CURLE_OK && !x->stopped;
    if (cut && (x->status / 100 == 2 || x->status == 0)) {
        x->status = 0;
        if (!x->error[0])
            snprintf(x->error, sizeof x->error, "%s", curl_easy_strerror(x->code));
    }
}

void exchange_done(struct exchange *x)
{
    free(x->location);
    free(x->authenticate);
    buf_done(&x->problem);
    x->location = x->authenticate = NULL;
}
