/*
 * Logging in where a registry asks for it: Basic with the password, or a token from the server that it names.
 * That server is chosen by a stranger: it is asked without following redirects, over TLS where the registry
 * has it, never at an address of our own host, and gets the password only within the registry's domain.
 */
#include "images/registry_internal.h"
#include "lib/json.h"
#include "lib/tls.h"
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX (256U << 10)

static char *basic(const struct credentials *c)
{
    auto_free char *plain = mem_printf("%s:%s", c->username, c->password);
    auto_buf b = BUF_INIT(128 * 1024);
    base64_encode(plain, strlen(plain), &b);
    return mem_printf("Authorization: Basic %s", buf_str(&b));
}

static bool collect(void *arg, const void *data, size_t len)
{
    struct buf *b = arg;
    buf_add(b, data, len);
    return !b->over;
}

static void add_query(struct registry *r, struct buf *b, char sep, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(r->curl, value, 0);
    if (escaped)
        buf_addf(b, "%c%s=%s", sep, name, escaped);
    curl_free(escaped);
}

static struct err *read_token(struct registry *r, const char *text, size_t len)
{
    const struct json *j;
    TRY(json_parse(r->a, text, len, NULL, &j));
    const char *token = json_str(json_get(j, "token"));
    if (!token)
        token = json_str(json_get(j, "access_token"));
    if (!token || !*token)
        return err_new(ERR_INVALID, "no token in its answer");
    if (token[strcspn(token, "\r\n ")])
        return err_new(ERR_INVALID, "a token with white space in it");
    free(r->authorization);
    r->authorization = mem_printf("Authorization: Bearer %s", token);
    return NULL;
}

static struct err *ask(struct registry *r, const struct challenge *c, const struct url *realm, bool trusted)
{
    const struct credentials *cr = &r->o->credentials;
    auto_buf url = BUF_INIT(16384), post = BUF_INIT(16384), body = BUF_INIT(TOKEN_MAX);
    bool oauth = trusted && cr->identity_token;
    auto_free char *auth = trusted && !oauth && cr->username ? basic(cr) : NULL;
    struct buf *to = oauth ? &post : &url;
    buf_adds(&url, c->realm);
    char sep = oauth ? '&' : strchr(c->realm, '?') ? '&' : '?';
    if (oauth) {
        buf_adds(&post, "grant_type=refresh_token&client_id=wherry");
        add_query(r, &post, '&', "refresh_token", cr->identity_token);
    }
    if (c->service) {
        add_query(r, to, sep, "service", c->service);
        sep = '&';
    }
    auto_free char *own_scope = mem_printf("repository:%s:pull", r->o->ref.repository);
    add_query(r, to, sep, "scope", c->scope ? c->scope : own_scope);
    TRY(buf_check(&url, "its URL"));
    TRY(buf_check(&post, "the request"));
    struct exchange x = {.url = buf_str(&url),
        .authorization = auth,
        .post = oauth ? buf_str(&post) : NULL,
        .foreign = strcasecmp(realm->host, r->base.host) && !host_is_local(r->base.host),
        .on_data = collect,
        .arg = &body};
    exchange_run(r, &x);
    struct err *e = NULL;
    if (x.stopped)
        e = err_new(ERR_LIMIT, "an answer of more than %u bytes", TOKEN_MAX);
    else if (!x.status)
        e = err_new(ERR_UNAVAILABLE, "%s", x.error);
    else if (x.status == 401 || x.status == 403)
        e = err_new(ERR_DENIED, "HTTP status %ld", x.status);
    else if (x.status != 200)
        e = err_new(
            x.status >= 500 || x.status == 429 ? ERR_UNAVAILABLE : ERR_INVALID, "HTTP status %ld", x.status);
    exchange_done(&x);
    return e ? e : read_token(r, buf_str(&body), body.len);
}

static struct err *get_token(struct registry *r, const struct challenge *c)
{
    struct url realm;
    const struct credentials *cr = &r->o->credentials;
    bool have = cr->username || cr->identity_token;
    TRY(url_parse(r->a, c->realm, &realm));
    TRY(challenge_check_realm(&r->base, &realm));
    if (!strcasecmp(realm.scheme, "http") && !r->o->insecure && !host_is_local(realm.host))
        return err_new(ERR_DENIED, "%s: without TLS", realm.host);
    bool trusted = challenge_may_have_password(r->base.host, realm.host);
    if (have && !trusted)
        return err_new(
            ERR_DENIED, "%s: is not of the registry's domain, the password is not sent there", realm.host);
    return err_wrap(ask(r, c, &realm, trusted), "%s", realm.host);
}

struct err *registry_login(struct registry *r, const char *authenticate)
{
    struct challenge c = challenge_parse(r->a, authenticate ? authenticate : "");
    const struct credentials *cr = &r->o->credentials;
    if (c.kind == CHALLENGE_BEARER)
        return err_wrap(get_token(r, &c), "token server");
    if (c.kind == CHALLENGE_BASIC && cr->username) {
        free(r->authorization);
        r->authorization = basic(cr);
        return NULL;
    }
    return err_new(ERR_DENIED, cr->username ? "the registry asks for an authentication that is not supported"
                                            : "the registry asks for a login, and there is none for it");
}
