/*
 * The HTTP client in the loop. Requests share one multi handle, and so its connections. curl's callbacks only
 * collect; on_data() and done() are called after curl has returned (client_turn), so they may do anything.
 */
#include "lib/http_client_internal.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

struct http_client {
    uv_loop_t *loop;
    struct mux *mux;
    struct http_client_tls tls;
    struct http_call *calls;
    struct fetch *ready; /* with data to deliver */
    unsigned busy;
    bool freed;
};

/* An ordinary request. */
struct fetch {
    struct http_call call;
    struct fetch *next_ready;
    bool is_ready, stalled, paused;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    char error[CURL_ERROR_SIZE];
    struct buf body, data; /* the answer; what on_data() is to get next */
    bool keep_rest;        /* body may go beyond its ceiling: the rest is dropped */
    struct timer *stall;
    uint64_t stall_ms;
    void (*on_data)(void *arg, const char *data, size_t len);
    void (*done)(void *arg, const struct http_client_result *res);
    void *arg;
};

/* --- calls of either kind --- */

void http_call_link(struct http_client *c, struct http_call *call, void (*cancel)(struct http_call *call))
{
    *call = (struct http_call){.client = c, .next = c->calls, .cancel = cancel};
    if (call->next)
        call->next->prev = call;
    c->calls = call;
}

void http_call_unlink(struct http_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        call->client->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

void http_call_cancel(struct http_call *call)
{
    if (call)
        call->cancel(call);
}

uv_loop_t *http_client_loop(const struct http_client *c)
{
    return c->loop;
}

const struct http_client_tls *http_client_tls(const struct http_client *c)
{
    return &c->tls;
}

/* --- one request --- */

static void ready_remove(struct fetch *f)
{
    for (struct fetch **p = &f->call.client->ready; *p; p = &(*p)->next_ready)
        if (*p == f) {
            *p = f->next_ready;
            break;
        }
    f->is_ready = false;
}

/* Takes it out of curl and the lists; its memory stays. */
static void fetch_detach(struct fetch *f)
{
    ready_remove(f);
    curl_multi_remove_handle(mux_multi(f->call.client->mux), f->easy);
    http_call_unlink(&f->call);
}

static void fetch_free(struct fetch *f)
{
    curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->headers);
    timer_free(f->stall);
    buf_done(&f->body);
    buf_done(&f->data);
    free(f->url);
    free(f);
}

static void fetch_cancel(struct http_call *call)
{
    struct fetch *f = container_of(call, struct fetch, call);
    fetch_detach(f);
    fetch_free(f);
}

static long status_of(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* curl's: only collects. */
static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    n *= size;
    if (f->stall && !f->paused)
        timer_start(f->stall, f->stall_ms);
    if (f->on_data && status_of(f->easy) / 100 == 2) {
        buf_add(&f->data, data, n);
        if (!f->is_ready) {
            f->is_ready = true;
            f->next_ready = f->call.client->ready;
            f->call.client->ready = f;
        }
        return n;
    }
    size_t room = f->body.max - f->body.len;
    buf_add(&f->body, data, f->keep_rest && n > room ? room : n);
    return f->body.over ? 0 : n;
}

void http_call_pause(struct http_call *call)
{
    struct fetch *f = container_of(call, struct fetch, call);
    if (f->paused)
        return;
    f->paused = true;
    curl_easy_pause(f->easy, CURLPAUSE_RECV);
    if (f->stall)
        timer_stop(f->stall);
}

void http_call_resume(struct http_call *call)
{
    struct fetch *f = container_of(call, struct fetch, call);
    if (!f->paused)
        return;
    f->paused = false;
    if (f->stall)
        timer_start(f->stall, f->stall_ms);
    curl_easy_pause(f->easy, CURLPAUSE_CONT); /* what curl kept back comes with the next turn */
}

static struct err *fetch_error(struct fetch *f, CURLcode code)
{
    struct err *e = buf_check(&f->body, "the answer's body");
    if (e)
        return err_wrap(e, "%s", f->url);
    if (f->stalled)
        return err_new(ERR_TIMEOUT, "%s: no data for %llu ms", f->url, (unsigned long long)f->stall_ms);
    return code ? http_easy_error(f->easy, code, f->error, f->url) : NULL;
}

static void fetch_finish(struct fetch *f, CURLcode code)
{
    const char *type = NULL;
    curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
    struct http_client_result res = {
        .status = (unsigned)status_of(f->easy), .content_type = type, .error = fetch_error(f, code)};
    res.body = f->body;
    fetch_detach(f);
    f->done(f->arg, &res);
    err_free(res.error);
    fetch_free(f);
}

static void fetch_deliver(struct fetch *f)
{
    struct buf data = f->data;
    f->data = BUF_INIT(data.max);
    ready_remove(f);
    f->on_data(f->arg, data.data, data.len); /* f may be gone after it */
    buf_done(&data);
}

/* --- the client --- */

static void enter(struct http_client *c)
{
    c->busy++;
}

static void leave(struct http_client *c)
{
    if (--c->busy == 0 && c->freed)
        free(c);
}

static void client_turn(void *arg)
{
    struct http_client *c = arg;
    enter(c);
    while (!c->freed && c->ready)
        fetch_deliver(c->ready);
    while (!c->freed) {
        int left;
        CURLMsg *m = curl_multi_info_read(mux_multi(c->mux), &left);
        if (!m)
            break;
        struct fetch *f = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        if (m->msg == CURLMSG_DONE)
            fetch_finish(f, m->data.result);
    }
    leave(c);
}

static void on_stall(void *arg)
{
    struct fetch *f = arg;
    struct http_client *c = f->call.client;
    f->stalled = true;
    enter(c);
    fetch_finish(f, CURLE_OK);
    leave(c);
}

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_tls *tls)
{
    struct http_client *c = mem_new(struct http_client);
    c->loop = loop;
    if (tls)
        c->tls = (struct http_client_tls){mem_strdup(tls->ca_file), mem_strdup(tls->cert_file),
            mem_strdup(tls->key_file), tls->insecure_server};
    c->mux = mux_new(loop, client_turn, c);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c || c->freed)
        return;
    enter(c);
    while (c->calls)
        http_call_cancel(c->calls);
    mux_free(take_ptr(c->mux));
    free((char *)c->tls.ca_file);
    free((char *)c->tls.cert_file);
    free((char *)c->tls.key_file);
    c->freed = true;
    leave(c);
}

static void set_callbacks(struct fetch *f, const struct http_client_request *r)
{
    uint64_t timeout = r->timeout_ms || f->on_data ? r->timeout_ms : HTTP_DEFAULT_TIMEOUT_MS;
    curl_easy_setopt(f->easy, CURLOPT_NOPROXY, "*"); /* what a daemon talks to is named exactly */
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
}

struct http_call *http_client_start(struct http_client *c, const struct http_client_request *r,
    void (*on_data)(void *arg, const char *data, size_t len),
    void (*done)(void *arg, const struct http_client_result *res), void *arg)
{
    struct fetch *f = mem_new(struct fetch);
    f->on_data = on_data;
    f->done = done;
    f->arg = arg;
    f->url = mem_strdup(r->url);
    f->body = BUF_INIT(on_data ? HTTP_ERROR_BODY_MAX : r->max_body);
    f->data = BUF_INIT(SIZE_MAX / 2); /* of one turn: curl bounds it */
    f->keep_rest = on_data != NULL;
    f->easy = http_easy_new(&c->tls, r, &f->headers);
    set_callbacks(f, r);
    http_call_link(c, &f->call, fetch_cancel);
    if (on_data && r->stall_ms) {
        f->stall_ms = r->stall_ms;
        f->stall = timer_new(c->loop, on_stall, f);
        timer_start(f->stall, f->stall_ms);
    }
    curl_multi_add_handle(mux_multi(c->mux), f->easy);
    return &f->call;
}
