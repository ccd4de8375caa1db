/* What a handler asks of a request: target, parameters, headers, body, and who the client is. */
#include "lib/http_internal.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMS 256
#define MAX_GROUPS 64

struct http_request *http_request_new(struct http_server *s, const char *target)
{
    struct http_request *r = mem_new(struct http_request);
    r->server = s;
    r->loop = s->loop;
    r->target = mem_strdup(target);
    r->body = BUF_INIT(s->max_body);
    r->next = s->requests;
    if (r->next)
        r->next->prev = r;
    s->requests = r;
    return r;
}

void http_request_free(struct http_request *r)
{
    if (r->response) /* the connection ended before it was queued */
        MHD_destroy_response(r->response);
    free(r->method);
    free(r->target);
    free(r->path);
    free(r->params);
    buf_done(&r->body);
    free(r);
}

/* --- target --- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. false: a % that two hexadecimal digits do not follow, or a NUL byte. */
static bool decode(char *s, bool plus_is_space)
{
    char *out = s;
    for (; *s; s++) {
        char c = *s;
        if (c == '+' && plus_is_space)
            c = ' ';
        if (c == '%') {
            int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            s += 2;
            if (!c)
                return false;
        }
        *out++ = c;
    }
    *out = 0;
    return true;
}

static size_t count(const char *s, char c)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == c;
    return n;
}

static bool parse_query(struct http_request *r, char *query)
{
    size_t max = count(query, '&') + 1;
    if (max > MAX_PARAMS)
        return false;
    r->params = mem_array(max, sizeof *r->params);
    for (char *part; (part = strsep(&query, "&"));) {
        if (!*part)
            continue;
        char *equals = strchr(part, '=');
        char *value = equals ? equals + 1 : part + strlen(part);
        if (equals)
            *equals = 0;
        if (!decode(part, true) || !decode(value, true))
            return false;
        r->params[r->n_params++] = (struct http_param){part, value};
    }
    return true;
}

bool http_request_parse(struct http_request *r)
{
    const char *start = r->target;
    const char *scheme = strstr(start, "://");
    if (*start != '/' && scheme) { /* absolute-form, as to a proxy: RFC 9112, 3.2.2 */
        start = scheme + 3;
        start += strcspn(start, "/?");
    }
    r->path = mem_strdup(start);
    char *query = strchr(r->path, '?');
    if (query)
        *query++ = 0;
    return decode(r->path, false) && (!query || parse_query(r, query));
}

const char *http_method(const struct http_request *r)
{
    return r->method;
}

const char *http_path(const struct http_request *r)
{
    return r->path;
}

const char *http_raw_target(const struct http_request *r)
{
    return r->target;
}

const char *http_query(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (strcmp(r->params[i].name, name) == 0)
            return r->params[i].value;
    return NULL;
}

void http_query_each(
    const struct http_request *r, void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    for (size_t i = 0; i < r->n_params; i++)
        fn(arg, r->params[i].name, r->params[i].value);
}

const char *http_header(const struct http_request *r, const char *name)
{
    return r->con ? MHD_lookup_connection_value(r->con, MHD_HEADER_KIND, name) : NULL;
}

const char *http_body(const struct http_request *r, size_t *ret_len)
{
    *ret_len = r->body.len;
    return buf_str(&r->body);
}

/* --- who asks --- */

static const char *dn_part(struct arena *a, gnutls_x509_crt_t c, const char *oid, unsigned i)
{
    char text[1024];
    size_t n = sizeof text;
    if (gnutls_x509_crt_get_dn_by_oid(c, oid, i, 0, text, &n) < 0 || strlen(text) != n)
        return NULL; /* none, longer than any name of ours, or with a NUL in it */
    return arena_strndup(a, text, n);
}

static const struct tls_subject *subject(struct arena *a, gnutls_x509_crt_t c)
{
    struct tls_subject *s = arena_new_obj(a, struct tls_subject);
    s->common_name = dn_part(a, c, GNUTLS_OID_X520_COMMON_NAME, 0);
    s->organizations.v = arena_array(a, MAX_GROUPS, sizeof *s->organizations.v);
    for (unsigned i = 0; i < MAX_GROUPS; i++) {
        const char *group = dn_part(a, c, GNUTLS_OID_X520_ORGANIZATION_NAME, i);
        if (!group)
            break;
        s->organizations.v[s->organizations.n++] = group;
    }
    return s->common_name ? s : NULL;
}

/* The chain up to the clients' CA, its times, and that it was issued for clients. */
static bool chain_is_good(gnutls_session_t session)
{
    gnutls_typed_vdata_st for_clients = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0;
    return gnutls_certificate_verify_peers(session, &for_clients, 1, &status) == 0 && status == 0;
}

static const struct tls_subject *check_peer(struct http_connection *c, gnutls_session_t session)
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    gnutls_x509_crt_t crt;
    if (!chain || !n || !chain_is_good(session) || gnutls_x509_crt_init(&crt) < 0)
        return NULL;
    c->peer_arena = arena_new();
    const struct tls_subject *s = NULL;
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0)
        s = subject(c->peer_arena, crt);
    gnutls_x509_crt_deinit(crt);
    return s;
}

const struct tls_subject *http_peer(const struct http_request *r)
{
    struct http_connection *c = r->peer;
    if (!c || !r->con || !r->server->client_certificates)
        return NULL;
    if (!c->peer_checked) {
        const union MHD_ConnectionInfo *i =
            MHD_get_connection_info(r->con, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        c->peer_checked = true;
        c->peer = i && i->tls_session ? check_peer(c, (gnutls_session_t)i->tls_session) : NULL;
    }
    return c->peer;
}
