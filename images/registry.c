/* A blob or manifest from a registry: login, redirects, retries, resuming. */
#include "images/registry.h"
#include "images/registry_internal.h"
#include "lib/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define REDIRECTS_MAX 10
#define ATTEMPTS_MAX 5         /* one after the other without a byte */
#define ATTEMPTS_UNREACHABLE 3 /* without an answer either */
#define ATTEMPTS_ALL 60
#define BACKOFF_MS 250
#define BACKOFF_MAX_MS 30000

/* --- where it is --- */

static struct err *set_base(struct registry *r, const char *scheme)
{
    const char *host = r->o->ref.registry;
    if (!strcmp(host, "docker.io"))
        host = "registry-1.docker.io";
    r->base_url = arena_printf(r->a, "%s://%s", scheme, host);
    return url_parse(r->a, r->base_url, &r->base);
}

struct err *registry_new(const struct registry_opts *o, struct registry **ret)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return err_new(ERR_SYSTEM, "curl: cannot start");
    struct registry *r = mem_new(struct registry);
    r->o = o;
    r->a = arena_new();
    r->curl = curl_easy_init();
    if (!r->curl)
        abort();
    struct err *e =
        set_base(r, host_is_local(o->ref.registry) && !o->ca_file && !o->insecure ? "http" : "https");
    if (e) {
        registry_free(r);
        return e;
    }
    *ret = r;
    return NULL;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    curl_easy_cleanup(r->curl);
    free(r->authorization);
    arena_free(r->a);
    free(r);
}

/* --- what is got so far --- */

struct got {
    struct registry *r;
    const struct registry_get *g;
    int64_t bytes; /* given to on_data() */
    int64_t skip;  /* of this answer: it began again from the start */
    bool too_long, unwanted;
};

static bool on_data(void *arg, const void *data, size_t len)
{
    struct got *got = arg;
    if (got->skip >= (int64_t)len) {
        got->skip -= (int64_t)len;
        return true;
    }
    data = (const char *)data + got->skip;
    len -= (size_t)got->skip;
    got->skip = 0;
    if ((int64_t)len > got->g->max - got->bytes) {
        got->too_long = true;
        return false;
    }
    got->bytes += (int64_t)len;
    got->unwanted = !got->g->on_data(got->g->arg, data, len);
    return !got->unwanted;
}

/* --- one attempt: redirects and login --- */

static struct err *follow(struct registry *r, const char *from, struct exchange *x, char **ret_url)
{
    struct url at, to;
    if (!x->location)
        return err_new(ERR_INVALID, "HTTP status %ld without a location", x->status);
    TRY(url_parse(r->a, from, &at));
    TRY_WRAP(url_parse(r->a, x->location, &to), "redirected");
    bool https = !strcasecmp(to.scheme, "https");
    if (!https && strcasecmp(to.scheme, "http"))
        return err_new(ERR_DENIED, "redirected to the scheme %.20s", to.scheme);
    if (!https && !strcasecmp(at.scheme, "https"))
        return err_new(ERR_DENIED, "redirected from https to http (%s)", to.host);
    if (!https && !r->o->insecure && !host_is_local(to.host))
        return err_new(ERR_DENIED, "redirected to %s without TLS", to.host);
    free(*ret_url);
    *ret_url = mem_strdup(x->location);
    return NULL;
}

/* What the registry says is wrong: {"errors":[{"code":"MANIFEST_UNKNOWN","message":"..."}]} */
static const char *reason(struct registry *r, const struct exchange *x)
{
    const struct json *j;
    auto_err *e = json_parse(r->a, buf_str(&x->problem), x->problem.len, NULL, &j);
    if (e)
        return "";
    const struct json *errors = json_get(j, "errors");
    if (!errors || errors->type != JSON_ARRAY || !errors->n)
        return "";
    const char *code = json_str(json_get(errors->items, "code")),
               *text = json_str(json_get(errors->items, "message"));
    return arena_printf(
        r->a, ": %.60s%s%.200s", code ? code : "", text && code ? ", " : "", text ? text : "");
}

static struct err *status_error(struct registry *r, const struct exchange *x)
{
    enum err_kind kind = x->status == 404                                           ? ERR_NOT_FOUND
                         : x->status == 401 || x->status == 403                     ? ERR_DENIED
                         : x->status == 429 || x->status == 408 || x->status >= 500 ? ERR_UNAVAILABLE
                                                                                    : ERR_INVALID;
    return err_new(kind, "HTTP status %ld%s", x->status, reason(r, x));
}

struct attempt {
    struct got *got;
    struct exchange *x;
};

/* A 206 begins where we asked; a 200 begins at the start. Known only when the first byte is there. */
static bool on_first_data(void *arg, const void *data, size_t len)
{
    struct attempt *t = arg;
    if (t->x->from > 0 && t->got->skip == t->x->from && t->x->range_from == t->x->from)
        t->got->skip = 0;
    t->x->from = 0;
    return on_data(t->got, data, len);
}

static struct err *run_at(struct got *got, const char *url, struct exchange *x)
{
    struct registry *r = got->r;
    struct url at;
    TRY(url_parse(r->a, url, &at));
    bool own = url_same_origin(&at, &r->base);
    struct attempt t = {got, x};
    *x = (struct exchange){.url = url,
        .accept = got->g->accept,
        .authorization = own ? r->authorization : NULL,
        .from = got->bytes,
        .foreign = strcasecmp(at.host, r->base.host) && !host_is_local(r->base.host),
        .on_data = on_first_data,
        .arg = &t};
    got->skip = got->bytes; /* until a 206 says otherwise, the whole thing comes again */
    exchange_run(r, x);
    return NULL;
}

/* *ret_retry: the same again, later, may help. */
static struct err *judge(struct got *got, struct exchange *x, bool *ret_retry)
{
    const struct registry_get *g = got->g;
    if (got->unwanted)
        return NULL;
    if (got->too_long)
        return err_new(
            ERR_INVALID, "longer than %s%lld bytes", g->exact ? "its size, " : "", (long long)g->max);
    if (g->exact && got->bytes == g->max && (!x->status || x->status == 416 || x->status / 100 == 2))
        return NULL; /* all of it is here, whatever happened then */
    if (!x->status) {
        *ret_retry = x->code != CURLE_PEER_FAILED_VERIFICATION && x->code != CURLE_URL_MALFORMAT;
        return err_new(!*ret_retry                           ? ERR_DENIED
                       : x->code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT
                                                             : ERR_UNAVAILABLE,
            "%s", x->error);
    }
    if (x->status / 100 != 2) {
        *ret_retry = x->status == 429 || x->status == 408 || x->status >= 500;
        return status_error(got->r, x);
    }
    if (g->exact && got->bytes < g->max) {
        *ret_retry = true;
        return err_new(ERR_INVALID, "%lld bytes of %lld", (long long)got->bytes, (long long)g->max);
    }
    return NULL;
}

static bool may_try_http(const struct registry *r, const struct exchange *x)
{
    return r->o->insecure && !x->status &&
           (x->code == CURLE_SSL_CONNECT_ERROR || x->code == CURLE_COULDNT_CONNECT) &&
           !strcmp(r->base.scheme, "https");
}

static struct err *attempt(struct got *got, bool *ret_retry, bool *ret_answer, int64_t *ret_after_s)
{
    struct registry *r = got->r;
    bool logged_in = false;
    unsigned redirects = 0;
    auto_free char *url = mem_printf("%s/v2/%s/%s", r->base_url, r->o->ref.repository, got->g->path);
    for (;;) {
        struct exchange x;
        struct err *e = run_at(got, url, &x);
        bool again = false;
        if (e)
            return e;
        if (may_try_http(r, &x)) {
            e = set_base(r, "http");
            *ret_retry = true;
            if (!e)
                e = err_new(ERR_UNAVAILABLE, "%s", x.error);
        } else if (x.status == 401 && !redirects && !logged_in) {
            logged_in = again = true;
            e = registry_login(r, x.authenticate);
            *ret_retry = e && err_kind(e) == ERR_UNAVAILABLE;
        } else if (x.status / 100 == 3 && x.status != 304) {
            again = true;
            e = ++redirects > REDIRECTS_MAX ? err_new(ERR_DENIED, "more than %d redirects", REDIRECTS_MAX)
                                            : follow(r, url, &x, &url);
        } else {
            e = judge(got, &x, ret_retry);
            snprintf(r->content_type, sizeof r->content_type, "%s", x.content_type);
        }
        *ret_after_s = x.retry_after_s;
        *ret_answer = x.status != 0;
        exchange_done(&x);
        if (e || !again)
            return e;
    }
}

/* --- all attempts --- */

static void wait_before(unsigned tries, int64_t after_s)
{
    int64_t ms = (int64_t)BACKOFF_MS << (2 * (tries - 1));
    if (after_s > 0 && after_s * 1000 > ms)
        ms = after_s * 1000;
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

struct err *registry_get(struct registry *r, const struct registry_get *g, const char **ret_content_type)
{
    struct got got = {.r = r, .g = g};
    unsigned tries = 0;
    for (unsigned all = 0;; all++) {
        int64_t before = got.bytes, after_s = -1;
        bool retry = false, answer = false;
        struct err *e = attempt(&got, &retry, &answer, &after_s);
        if (!e) {
            *ret_content_type = r->content_type;
            return NULL;
        }
        tries = got.bytes > before ? 1 : tries + 1; /* whoever sends something is alive */
        if (!retry || tries >= (answer ? ATTEMPTS_MAX : ATTEMPTS_UNREACHABLE) || all >= ATTEMPTS_ALL)
            return err_wrap(e, "%s", r->o->ref.registry);
        err_free(e);
        wait_before(tries, after_s);
    }
}
