/* One request as curl's options, curl's results as our errors, and the blocking client. */
#include "lib/http_client_internal.h"
#include "lib/mem.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define USER_TIMEOUT_MS 20000

static void init_once(void)
{
    static bool done;
    if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    done = true;
}

/* What was sent and is not acknowledged for so long has nobody at its other end. */
static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    static const unsigned MS = USER_TIMEOUT_MS;
    (void)arg;
    (void)purpose;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &MS, sizeof MS);
    return CURL_SOCKOPT_OK;
}

static void set_tls(CURL *h, const struct http_client_tls *tls)
{
    if (!tls)
        return;
    if (tls->ca_file) {
        curl_easy_setopt(h, CURLOPT_CAINFO, tls->ca_file);
        curl_easy_setopt(h, CURLOPT_CAPATH, NULL); /* that CA and no other */
    }
    if (tls->cert_file)
        curl_easy_setopt(h, CURLOPT_SSLCERT, tls->cert_file);
    if (tls->key_file)
        curl_easy_setopt(h, CURLOPT_SSLKEY, tls->key_file);
    if (tls->insecure_server) {
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_method(CURL *h, const struct http_client_request *r)
{
    const char *method = r->method ? r->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body_len || strcmp(method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(h, CURLOPT_COPYPOSTFIELDS, r->body_len ? r->body : "");
    }
    if (strcmp(method, r->body_len ? "POST" : "GET") != 0)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
}

static void set_connection(CURL *h, const struct http_client_request *r)
{
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, 10L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, 3L);
    curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    if (r->unix_socket)
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
    if (r->interface_ip) {
        auto_free char *source = mem_printf("host!%s", r->interface_ip);
        curl_easy_setopt(h, CURLOPT_INTERFACE, source);
    }
}

CURL *http_easy_new(
    const struct http_client_tls *tls, const struct http_client_request *r, struct curl_slist **ret_headers)
{
    init_once();
    CURL *h = curl_easy_init();
    if (!h)
        abort();                                                     /* out of memory */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); /* bodies go at once */
    for (const char *const *p = r->headers; p && *p; p++)
        headers = curl_slist_append(headers, *p);
    curl_easy_setopt(h, CURLOPT_URL, r->url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    if (r->redirects) {
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)r->redirects);
        curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    }
    set_method(h, r);
    set_tls(h, tls);
    set_connection(h, r);
    *ret_headers = headers;
    return h;
}

struct err *http_easy_error(CURL *h, CURLcode code, const char *text, const char *url)
{
    long errnum = 0;
    static const struct {
        CURLcode code;
        enum err_kind kind;
    } KINDS[] = {
        {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
        {CURLE_URL_MALFORMAT, ERR_INVALID},
        {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID},
        {CURLE_SSL_CERTPROBLEM, ERR_INVALID},
        {CURLE_SSL_CACERT_BADFILE, ERR_INVALID},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_DENIED},
        {CURLE_TOO_MANY_REDIRECTS, ERR_LIMIT},
    };
    enum err_kind kind = ERR_UNAVAILABLE;
    for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++)
        if (KINDS[i].code == code)
            kind = KINDS[i].kind;
    /* libcurl's own words would be new each time: they say after how many milliseconds. */
    if (code == CURLE_COULDNT_CONNECT && !curl_easy_getinfo(h, CURLINFO_OS_ERRNO, &errnum) && errnum)
        return err_new(kind, "%s: connect: %s", url, strerror((int)errnum));
    return err_new(kind, "%s: %s", url, *text ? text : curl_easy_strerror(code));
}

/* --- blocking --- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;
    buf_add(b, data, size * n);
    return b->over ? 0 : size * n;
}

static char *content_type_of(CURL *h)
{
    const char *type = NULL;
    curl_easy_getinfo(h, CURLINFO_CONTENT_TYPE, &type);
    return mem_strdup(type);
}

struct err *http_fetch(
    const struct http_client_tls *tls, const struct http_client_request *r, struct http_client_result *ret)
{
    struct http_client_result res = {.body = BUF_INIT(r->max_body)};
    struct curl_slist *headers;
    char text[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *h = http_easy_new(tls, r, &headers);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : HTTP_DEFAULT_TIMEOUT_MS));
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &res.body);
    CURLcode code = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    res.status = (unsigned)status;
    res.content_type = content_type_of(h);
    struct err *e = buf_check(&res.body, "the answer's body");
    e = e ? err_wrap(e, "%s", r->url) : code ? http_easy_error(h, code, text, r->url) : NULL;
    curl_easy_cleanup(h);
    curl_slist_free_all(headers);
    if (e)
        http_client_result_done(&res);
    else
        *ret = res;
    return e;
}

void http_client_result_done(struct http_client_result *res)
{
    buf_done(&res->body);
    free((char *)res->content_type);
    err_free(res->error);
    *res = (struct http_client_result){0};
}
