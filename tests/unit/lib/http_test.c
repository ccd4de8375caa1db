/* The HTTP server and the HTTP client against each other in one loop: plain, TLS, with a client certificate.
 */
#include "lib/duplex.h"
#include "lib/http_client.h"
#include "lib/http_server.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "tests/unit/lib/net_fixture.h"
#include <string.h>

/* --- the server's side --- */

static struct http_request *parked;   /* answered when the test says so */
static struct http_stream *streaming; /* NULL: closed */
static size_t streamed, stream_total, stream_peak;

static void stream_closed(void *arg)
{
    (void)arg;
    streaming = NULL;
}

static void stream_more(void *arg)
{
    static char block[32 * 1024];
    (void)arg;
    if (streamed >= stream_total) {
        http_stream_end(streaming);
        return;
    }
    http_stream_send(streaming, block, sizeof block);
    streamed += sizeof block;
    if (http_stream_queued(streaming) > stream_peak)
        stream_peak = http_stream_queued(streaming);
}

static void add_param(void *arg, const char *name, const char *value)
{
    buf_addf(arg, "[%s=%s]", name, value);
}

struct echo {
    struct duplex *d;
    size_t n;
};

static size_t echo_read(void *arg, const char *data, size_t len)
{
    struct echo *e = arg;
    if (duplex_queued(e->d) > 200000)
        return 0;
    assert_true(duplex_write(e->d, data, len));
    e->n += len;
    return len;
}

static void echo_closed(void *arg, const char *error)
{
    struct echo *e = arg;
    (void)error;
    duplex_shutdown(e->d);
    if (error || !duplex_queued(e->d)) {
        duplex_free(e->d);
        free(e);
    }
}

static void echo_drained(void *arg)
{
    duplex_resume(((struct echo *)arg)->d);
}

static void echo_up(void *arg, struct duplex *d)
{
    static const struct duplex_events EVENTS = {echo_read, echo_closed, echo_drained};
    (void)arg;
    if (!d)
        return;
    struct echo *e = mem_new(struct echo);
    e->d = d;
    duplex_start(d, &EVENTS, e);
}

static void describe(struct http_request *r)
{
    size_t n;
    struct buf b = BUF_INIT(8192);
    const struct tls_subject *who = http_peer(r);
    const char *body = http_body(r, &n), *custom = http_header(r, "x-CUSTOM");
    buf_addf(&b, "%s %s ", http_method(r), http_path(r));
    http_query_each(r, add_param, &b);
    buf_addf(&b, " body=%zu/%c custom=%s peer=%s/%s", n, n ? body[n - 1] : '-', custom ? custom : "-",
        who ? who->common_name : "-", who && who->organizations.n ? who->organizations.v[0] : "-");
    size_t len = b.len;
    struct http_header headers[] = {{"X-Answer", "42"}, {0}};
    http_respond_take(r, 200, "text/plain", buf_take(&b), len, headers);
}

static void handle(void *arg, struct http_request *r)
{
    const char *path = http_path(r);
    (void)arg;
    if (strcmp(path, "/parked") == 0)
        parked = r;
    else if (strcmp(path, "/stream") == 0) {
        streaming = http_stream(r, 200, "text/plain", NULL, stream_closed, NULL);
        streamed = stream_peak = 0;
        if (stream_total) {
            http_stream_on_drain(streaming, stream_more);
            stream_more(NULL);
        } else
            http_stream_send(streaming, "hello\n", 6);
    } else if (strcmp(path, "/echo") == 0)
        http_upgrade(r, "echo", NULL, echo_up, NULL);
    else if (strcmp(path, "/refuse") == 0)
        http_respond(r, 403, "text/plain", "no", 2, NULL);
    else
        describe(r);
}

/* --- the client's side --- */

struct answer {
    bool done;
    unsigned status;
    char body[4096];
    size_t data;
    enum err_kind kind;
    char error[512];
};

static void got(void *arg, const struct http_client_result *res)
{
    struct answer *a = arg;
    a->done = true;
    a->status = res->status;
    snprintf(a->body, sizeof a->body, "%s", buf_str(&res->body));
    if (res->error) {
        a->kind = err_kind(res->error);
        snprintf(a->error, sizeof a->error, "%s", err_message(res->error));
    }
}

static void got_data(void *arg, const char *data, size_t len)
{
    struct answer *a = arg;
    (void)data;
    a->data += len;
}

static struct answer ask(struct net *n, const char *method, const char *target, const char *body)
{
    struct answer a = {0};
    auto_free char *url = mem_printf("%s%s", n->url, target);
    struct http_client_request r = {.method = method,
        .url = url,
        .headers = (const char *const[]){"X-Custom: yes", NULL},
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .timeout_ms = 5000,
        .max_body = 4000};
    http_client_start(n->client, &r, NULL, got, &a);
    net_run_until(n, &a.done);
    return a;
}

static void test_requests(void **state)
{
    struct net *n = *state;
    struct answer a = ask(n, "GET", "/a%2Fb%20c?x=1&x=2&empty&y=%C3%A4+z", NULL);
    assert_int_equal(a.status, 200);
    auto_free char *want =
        mem_printf("GET /a/b c [x=1][x=2][empty=][y=ä z] body=0/- custom=yes peer=%s", n->peer);
    assert_string_equal(a.body, want);
    assert_non_null(strstr(ask(n, "POST", "/p", "abc").body, "POST /p  body=3/c "));
    assert_non_null(strstr(ask(n, "POST", "/p", NULL).body, "POST /p  body=0/- "));
    assert_non_null(strstr(ask(n, "PATCH", "/p", "abc").body, "PATCH /p  body=3/c "));
    assert_non_null(strstr(ask(n, "DELETE", "/p", NULL).body, "DELETE /p "));
    a = ask(n, "HEAD", "/p", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "");
}

static void test_bad_requests(void **state)
{
    struct net *n = *state;
    assert_int_equal(ask(n, "GET", "/%zz", NULL).status, 400);
    assert_int_equal(ask(n, "GET", "/a?x=%0", NULL).status, 400);
    assert_int_equal(ask(n, "GET", "/a%00b", NULL).status, 400);
    auto_free char *big = mem_zalloc(NET_MAX_BODY + 2);
    memset(big, 'x', NET_MAX_BODY + 1);
    assert_int_equal(ask(n, "POST", "/big", big).status, 413);
    big[NET_MAX_BODY] = 0;
    assert_int_equal(ask(n, "POST", "/big", big).status, 200);
}

static void test_chunked_body_too_large(void **state)
{
    struct net *n = *state;
    auto_free char *big = mem_zalloc(NET_MAX_BODY + 2);
    memset(big, 'x', NET_MAX_BODY + 1);
    struct answer a = {0};
    auto_free char *url = mem_printf("%s/big", n->url);
    struct http_client_request r = {.method = "POST",
        .url = url,
        .headers = (const char *const[]){"Transfer-Encoding: chunked", NULL},
        .body = big,
        .body_len = NET_MAX_BODY + 1,
        .timeout_ms = 5000,
        .max_body = 4000};
    http_client_start(n->client, &r, NULL, got, &a);
    net_run_until(n, &a.done);
    assert_int_equal(a.status, 413);
}

static void test_answer_limit(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    auto_free char *url = mem_printf("%s/long", n->url);
    struct http_client_request r = {.url = url, .timeout_ms = 5000, .max_body = 10};
    http_client_start(n->client, &r, NULL, got, &a);
    net_run_until(n, &a.done);
    assert_int_equal(a.kind, ERR_LIMIT);
}

static void test_many_requests_keep_alive(void **state)
{
    struct net *n = *state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(n, "GET", "/again", NULL).status, 200);
}

static void answer_parked(void *arg)
{
    (void)arg;
    if (parked)
        http_respond(take_ptr(parked), 202, "text/plain", "late", 4, NULL);
}

static void test_late_answer(void **state)
{
    struct net *n = *state;
    struct timer *t = timer_new(&n->loop, answer_parked, NULL);
    timer_start(t, 20);
    struct answer a = ask(n, "GET", "/parked", NULL);
    timer_free(t);
    assert_int_equal(a.status, 202);
    assert_string_equal(a.body, "late");
}

static void test_timeout(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    auto_free char *url = mem_printf("%s/parked", n->url);
    struct http_client_request r = {.url = url, .timeout_ms = 50, .max_body = 10};
    http_client_start(n->client, &r, NULL, got, &a);
    net_run_until(n, &a.done);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    assert_non_null(parked);
    answer_parked(NULL); /* to nobody */
    assert_int_equal(ask(n, "GET", "/after", NULL).status, 200);
}

static struct http_call *stream(struct net *n, struct answer *a, uint64_t stall_ms)
{
    auto_free char *url = mem_printf("%s/stream", n->url);
    struct http_client_request r = {.url = url, .stall_ms = stall_ms};
    return http_client_start(n->client, &r, got_data, got, a);
}

static bool has_data(void *arg)
{
    return ((struct answer *)arg)->data > 0;
}

static bool stream_is_closed(void *arg)
{
    (void)arg;
    return !streaming;
}

static void test_stream(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    stream_total = 0;
    stream(n, &a, 0);
    net_run_while_not(n, has_data, &a);
    http_stream_send(streaming, "world\n", 6);
    http_stream_end(streaming);
    net_run_until(n, &a.done);
    assert_int_equal(a.data, 12);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.error, "");
    net_run_while_not(n, stream_is_closed, NULL);
}

static void test_stream_is_pulled(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    stream_total = 16 * 1024 * 1024;
    stream(n, &a, 5000);
    net_run_until(n, &a.done);
    assert_int_equal(a.data, stream_total);
    assert_true(stream_peak <= 64 * 1024);
    net_run_while_not(n, stream_is_closed, NULL);
}

static void resume_call(void *arg)
{
    http_call_resume(arg);
}

static void test_paused_client_holds_the_server(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    stream_total = 32 * 1024 * 1024;
    struct http_call *call = stream(n, &a, 500); /* what is paused does not stall */
    net_run_while_not(n, has_data, &a);
    http_call_pause(call);
    for (int i = 0; i < 2000; i++)
        uv_run(&n->loop, UV_RUN_NOWAIT);
    size_t before = streamed;
    for (int i = 0; i < 2000; i++)
        uv_run(&n->loop, UV_RUN_NOWAIT);
    assert_int_equal(streamed, before);
    assert_true(streamed < stream_total);
    struct timer *t = timer_new(&n->loop, resume_call, call);
    timer_start(t, 600);
    net_run_until(n, &a.done);
    timer_free(t);
    assert_string_equal(a.error, "");
    assert_int_equal(a.data, stream_total);
    net_run_while_not(n, stream_is_closed, NULL);
}

static void test_stream_client_leaves(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    stream_total = 0;
    struct http_call *call = stream(n, &a, 0);
    net_run_while_not(n, has_data, &a);
    http_call_cancel(call);
    net_run_while_not(n, stream_is_closed, NULL); /* although nothing is sent */
    assert_false(a.done);
}

static void test_stream_stalls(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    stream_total = 0;
    stream(n, &a, 50);
    net_run_until(n, &a.done);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    assert_int_equal(a.data, 6);
    net_run_while_not(n, stream_is_closed, NULL);
}

/* --- upgrade --- */

struct tunnel {
    struct duplex *d;
    unsigned status;
    char body[256];
    size_t sent, received, total;
    bool answered, ended, failed;
};

static size_t tunnel_read(void *arg, const char *data, size_t len)
{
    struct tunnel *t = arg;
    for (size_t i = 0; i < len; i++, t->received++)
        assert_int_equal((unsigned char)data[i], (unsigned char)(t->received % 251));
    return len;
}

static void tunnel_closed(void *arg, const char *error)
{
    struct tunnel *t = arg;
    t->failed = error != NULL;
    t->ended = true;
}

static void tunnel_send(void *arg)
{
    struct tunnel *t = arg;
    char block[10000];
    while (t->sent < t->total && duplex_queued(t->d) < 100000) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)((t->sent + i) % 251);
        assert_true(duplex_write(t->d, block, sizeof block));
        t->sent += sizeof block;
    }
    if (t->sent >= t->total)
        duplex_shutdown(t->d);
}

static void tunnel_up(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body)
{
    static const struct duplex_events EVENTS = {tunnel_read, tunnel_closed, tunnel_send};
    struct tunnel *t = arg;
    t->answered = true;
    t->status = status;
    t->d = d;
    snprintf(t->body, sizeof t->body, "%s", body);
    if (!d)
        return;
    auto_free char *upgrade = http_head_get(headers, "upgrade");
    assert_string_equal(upgrade, "echo");
    duplex_start(d, &EVENTS, t);
    if (t->total)
        tunnel_send(t);
}

static void tunnel_open(struct net *n, const char *path, struct tunnel *t)
{
    auto_free char *url = mem_printf("%s%s", n->url, path);
    struct http_client_request r = {.url = url,
        .timeout_ms = 5000,
        .headers = (const char *const[]){"Connection: Upgrade", "Upgrade: echo", NULL}};
    http_client_upgrade(n->client, &r, tunnel_up, t);
}

static void test_upgrade_echo(void **state)
{
    struct net *n = *state;
    struct tunnel t = {.total = 8 * 1000 * 1000};
    tunnel_open(n, "/echo", &t);
    net_run_until(n, &t.ended);
    assert_int_equal(t.status, 101);
    assert_int_equal(t.received, t.total);
    assert_false(t.failed);
    duplex_free(t.d);
}

static void test_upgrade_refused(void **state)
{
    struct net *n = *state;
    struct tunnel t = {0};
    tunnel_open(n, "/refuse", &t);
    net_run_until(n, &t.answered);
    assert_null(t.d);
    assert_int_equal(t.status, 403);
    assert_string_equal(t.body, "no");
}

static void test_server_ends_with_all_kinds_open(void **state)
{
    struct net *n = *state;
    struct answer a = {0}, b = {0};
    struct tunnel t = {0};
    stream_total = 0;
    tunnel_open(n, "/echo", &t);
    stream(n, &a, 0);
    auto_free char *url = mem_printf("%s/parked", n->url);
    struct http_client_request r = {.url = url, .timeout_ms = 5000, .max_body = 10};
    http_client_start(n->client, &r, NULL, got, &b);
    net_run_while_not(n, has_data, &a);
    net_run_until(n, &t.answered);
    while (!parked)
        uv_run(&n->loop, UV_RUN_ONCE);
    http_server_free(take_ptr(n->server));
    net_run_until(n, &a.done);
    net_run_until(n, &b.done);
    net_run_until(n, &t.ended);
    assert_int_equal(a.kind, ERR_UNAVAILABLE);
    assert_int_equal(b.kind, ERR_UNAVAILABLE);
    assert_null(streaming);
    answer_parked(NULL);
    duplex_free(t.d);
    a = ask(n, "GET", "/x", NULL);
    assert_int_equal(a.kind, ERR_UNAVAILABLE);
}

/* The answer is given and the server ended in one turn: nobody gets it, and nothing of it is left. */
static void test_server_ends_with_an_answer_under_way(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    auto_free char *url = mem_printf("%s/parked", n->url);
    struct http_client_request r = {.url = url, .timeout_ms = 5000, .max_body = 10};
    http_client_start(n->client, &r, NULL, got, &a);
    while (!parked)
        uv_run(&n->loop, UV_RUN_ONCE);
    answer_parked(NULL);
    http_server_free(take_ptr(n->server));
    net_run_until(n, &a.done);
    assert_int_equal(a.kind, ERR_UNAVAILABLE);
}

static int set_up_plain(void **state)
{
    *state = net_new(NET_PLAIN, handle);
    return 0;
}

static int set_up_tls(void **state)
{
    *state = net_new(NET_TLS, handle);
    return 0;
}

static int set_up_client_cert(void **state)
{
    *state = net_new(NET_CLIENT_CERT, handle);
    return 0;
}

static int set_up_stranger(void **state)
{
    *state = net_new(NET_STRANGER_CERT, handle);
    return 0;
}

static int set_up_unix(void **state)
{
    *state = net_new(NET_UNIX, handle);
    return 0;
}

static int tear_down(void **state)
{
    return net_free(*state);
}

static void test_peer(void **state)
{
    struct net *n = *state;
    auto_free char *want = mem_printf("peer=%s", n->peer);
    assert_non_null(strstr(ask(n, "GET", "/who", NULL).body, want));
}

static void test_unix_socket(void **state)
{
    struct net *n = *state;
    struct answer a = {0};
    struct http_client_request r = {
        .url = "http://node/sock", .unix_socket = n->unix_path, .timeout_ms = 5000, .max_body = 1000};
    http_client_start(n->client, &r, NULL, got, &a);
    net_run_until(n, &a.done);
    assert_non_null(strstr(a.body, "GET /sock "));
}

static void test_taken_port(void **state)
{
    struct net *n = *state;
    struct http_server *second = NULL;
    struct http_server_opts o = {.address = "127.0.0.1",
        .port = http_server_port(n->server),
        .max_connections = 10,
        .handler = handle};
    struct err *e = http_server_new(&n->loop, &o, &second);
    assert_int_equal(err_kind(e), ERR_EXISTS);
    auto_free char *want = mem_printf("address 127.0.0.1 port %u: ", http_server_port(n->server));
    assert_int_equal(strncmp(err_message(e), want, strlen(want)), 0);
    err_free(e);
}

#define ALL(set_up)                                                                                          \
    cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),                                       \
        cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),                               \
        cmocka_unit_test_setup_teardown(test_chunked_body_too_large, set_up, tear_down),                     \
        cmocka_unit_test_setup_teardown(test_answer_limit, set_up, tear_down),                               \
        cmocka_unit_test_setup_teardown(test_many_requests_keep_alive, set_up, tear_down),                   \
        cmocka_unit_test_setup_teardown(test_late_answer, set_up, tear_down),                                \
        cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),                                    \
        cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),                                     \
        cmocka_unit_test_setup_teardown(test_stream_is_pulled, set_up, tear_down),                           \
        cmocka_unit_test_setup_teardown(test_paused_client_holds_the_server, set_up, tear_down),             \
        cmocka_unit_test_setup_teardown(test_stream_client_leaves, set_up, tear_down),                       \
        cmocka_unit_test_setup_teardown(test_stream_stalls, set_up, tear_down),                              \
        cmocka_unit_test_setup_teardown(test_upgrade_echo, set_up, tear_down),                               \
        cmocka_unit_test_setup_teardown(test_upgrade_refused, set_up, tear_down),                            \
        cmocka_unit_test_setup_teardown(test_server_ends_with_an_answer_under_way, set_up, tear_down),       \
        cmocka_unit_test_setup_teardown(test_server_ends_with_all_kinds_open, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALL(set_up_plain),
        ALL(set_up_tls),
        cmocka_unit_test_setup_teardown(test_peer, set_up_client_cert, tear_down),
        cmocka_unit_test_setup_teardown(test_requests, set_up_client_cert, tear_down),
        cmocka_unit_test_setup_teardown(test_peer, set_up_stranger, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_socket, set_up_unix, tear_down),
        cmocka_unit_test_setup_teardown(test_taken_port, set_up_plain, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
