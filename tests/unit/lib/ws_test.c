/* WebSocket between our server and our client, over an upgraded connection, plain and TLS; and raw frames. */
#include "lib/ws.h"
#include "tests/unit/lib/net_fixture.h"

#define MAX_MESSAGE (1024 * 1024)

struct side {
    struct ws *w;
    uv_loop_t *loop;
    size_t messages, bytes, echoed;
    enum ws_kind kind;
    char last[64];
    unsigned code;
    char reason[128];
    bool closed, pause_each, free_in_message, drained;
};

static struct side server;

static void on_message(void *arg, enum ws_kind kind, const char *data, size_t len)
{
    struct side *s = arg;
    s->messages++;
    s->bytes += len;
    s->kind = kind;
    snprintf(s->last, sizeof s->last, "%.*s", (int)len, data);
    if (s == &server && ws_send(s->w, kind, data, len))
        s->echoed++;
    if (s == &server && ws_queued(s->w) > 500000)
        ws_pause(s->w);
    if (s->pause_each)
        ws_pause(s->w);
    if (s->free_in_message)
        ws_free(take_ptr(s->w));
}

static void on_closed(void *arg, unsigned code, const char *reason)
{
    struct side *s = arg;
    assert_false(s->closed);
    s->closed = true;
    s->code = code;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    ws_free(take_ptr(s->w));
}

static void on_drained(void *arg)
{
    struct side *s = arg;
    s->drained = true;
    if (s == &server)
        ws_resume(s->w);
}

static const struct ws_events EVENTS = {on_message, on_closed, on_drained};

static void server_up(void *arg, struct duplex *d)
{
    struct net *n = arg;
    server.w = ws_new(&n->loop, d, WS_SERVER, MAX_MESSAGE, &EVENTS, &server);
}

static void handle(void *arg, struct http_request *r)
{
    char accept[29];
    ws_accept_key(http_header(r, "Sec-WebSocket-Key"), accept);
    struct http_header headers[] = {{"Sec-WebSocket-Accept", accept}, {0}};
    http_upgrade(r, "websocket", headers, server_up, arg);
}

struct opening {
    struct side *side;
    struct duplex *raw; /* instead of a side */
    bool done;
};

static void client_up(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body)
{
    struct opening *o = arg;
    (void)body;
    assert_int_equal(status, 101);
    auto_free char *accept = http_head_get(headers, "sec-websocket-accept");
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    o->done = true;
    if (o->side)
        o->side->w = ws_new(o->side->loop, d, WS_CLIENT, MAX_MESSAGE, &EVENTS, o->side);
    else
        o->raw = d;
}

static struct duplex *open_client(struct net *n, struct side *s)
{
    struct opening o = {.side = s};
    auto_free char *url = mem_printf("%s/ws", n->url);
    struct http_client_request r = {.url = url,
        .timeout_ms = 5000,
        .headers = (const char *const[]){"Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", NULL}};
    server = (struct side){.loop = &n->loop};
    if (s)
        *s = (struct side){.loop = &n->loop};
    http_client_upgrade(n->client, &r, client_up, &o);
    net_run_until(n, &o.done);
    while (!server.w)
        uv_run(&n->loop, UV_RUN_ONCE);
    return o.raw;
}

static void test_echo_and_close(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    assert_true(ws_send(c.w, WS_TEXT, "hello", 5));
    assert_true(ws_send_channel(c.w, WS_RESIZE, "{}", 2));
    while (c.messages < 2)
        uv_run(&n->loop, UV_RUN_ONCE);
    assert_int_equal(c.kind, WS_BINARY);
    assert_string_equal(c.last, "\4{}");
    ws_close(c.w, 1000, "bye");
    assert_false(ws_send(c.w, WS_TEXT, "x", 1));
    net_run_until(n, &c.closed);
    net_run_until(n, &server.closed);
    assert_int_equal(c.code, 1000);
    assert_int_equal(server.code, 1000);
    assert_string_equal(server.reason, "bye");
}

static void test_server_closes(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    ws_send(server.w, WS_TEXT, "last words", 10);
    ws_close(server.w, 1001, "going away");
    net_run_until(n, &c.closed);
    net_run_until(n, &server.closed);
    assert_string_equal(c.last, "last words");
    assert_int_equal(c.code, 1001);
    assert_string_equal(c.reason, "going away");
}

static void test_large_messages(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    auto_free char *big = mem_zalloc(MAX_MESSAGE);
    for (int i = 1; i <= 10; i++) {
        assert_true(ws_send(c.w, WS_BINARY, big, MAX_MESSAGE));
        while (c.messages < (size_t)i)
            uv_run(&n->loop, UV_RUN_ONCE);
    }
    assert_int_equal(c.bytes, 10 * MAX_MESSAGE);
    ws_free(take_ptr(c.w));
    net_run_until(n, &server.closed);
    assert_int_equal(server.code, 1006);
}

static void test_too_large_message(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    auto_free char *big = mem_zalloc(MAX_MESSAGE + 1);
    assert_true(ws_send(c.w, WS_BINARY, big, MAX_MESSAGE + 1));
    net_run_until(n, &c.closed);
    net_run_until(n, &server.closed);
    assert_int_equal(c.code, 1009);
    assert_int_equal(server.code, 1009);
    assert_int_equal(server.messages, 0);
}

static void test_back_pressure(void **state)
{
    struct net *n = *state;
    struct side c;
    char block[100000] = {0};
    open_client(n, &c);
    ws_pause(c.w); /* nobody reads the echo: it has to stop at the ceilings */
    size_t sent = 0;
    for (int i = 0; i < 3000; i++) {
        if (ws_send(c.w, WS_BINARY, block, sizeof block))
            sent++;
        uv_run(&n->loop, UV_RUN_NOWAIT);
    }
    assert_true(sent < 1000);
    assert_true(ws_queued(c.w) <= 1024 * 1024 + sizeof block);
    assert_true(ws_queued(server.w) <= 1024 * 1024);
    ws_resume(c.w);
    while (!c.drained || server.messages < sent || c.messages < server.echoed)
        uv_run(&n->loop, UV_RUN_ONCE);
    assert_true(server.echoed > 0);
    ws_free(take_ptr(c.w));
    net_run_until(n, &server.closed);
}

static void test_pause_each_message(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    server.pause_each = true;
    for (int i = 0; i < 1000; i++)
        assert_true(ws_send(c.w, WS_TEXT, "0123456789", 10));
    while (server.messages < 1000) {
        uv_run(&n->loop, UV_RUN_NOWAIT);
        ws_resume(server.w);
    }
    while (c.messages < 1000)
        uv_run(&n->loop, UV_RUN_ONCE);
    ws_free(take_ptr(c.w));
    net_run_until(n, &server.closed);
}

static void test_freed_in_its_callback(void **state)
{
    struct net *n = *state;
    struct side c;
    open_client(n, &c);
    c.free_in_message = true;
    for (int i = 0; i < 5; i++)
        ws_send(c.w, WS_TEXT, "x", 1);
    net_run_until(n, &server.closed);
    assert_null(c.w);
    assert_int_equal(c.messages, 1);
}

/* --- frames by hand --- */

struct raw {
    char got[256];
    size_t n;
    bool closed;
};

static size_t raw_read(void *arg, const char *data, size_t len)
{
    struct raw *r = arg;
    assert_true(r->n + len < sizeof r->got);
    memcpy(r->got + r->n, data, len);
    r->n += len;
    return len;
}

static void raw_closed(void *arg, const char *error)
{
    (void)error;
    ((struct raw *)arg)->closed = true;
}

static const struct duplex_events RAW = {raw_read, raw_closed, NULL};

static struct duplex *open_raw(struct net *n, struct raw *r)
{
    struct duplex *d = open_client(n, NULL);
    *r = (struct raw){0};
    duplex_start(d, &RAW, r);
    return d;
}

/* Masked with zeros: the payload is legible. */
static void test_fragments_and_ping(void **state)
{
    static const char FRAMES[] = "\x01\x83\0\0\0\0abc" /* text, not final */
                                 "\x89\x82\0\0\0\0hi"  /* ping in between */
                                 "\x80\x82\0\0\0\0de"; /* the rest */
    struct net *n = *state;
    struct raw r;
    struct duplex *d = open_raw(n, &r);
    for (size_t i = 0; i < sizeof FRAMES - 1; i++) { /* byte by byte */
        duplex_write(d, FRAMES + i, 1);
        uv_run(&n->loop, UV_RUN_NOWAIT);
    }
    while (r.n < 4 + 7)
        uv_run(&n->loop, UV_RUN_ONCE);
    assert_memory_equal(r.got,
        "\x8a\x02hi\x81\x05"
        "abcde",
        11);
    duplex_free(d);
    net_run_until(n, &server.closed);
    assert_int_equal(server.code, 1006);
}

static void test_unmasked_frame_is_refused(void **state)
{
    struct net *n = *state;
    struct raw r;
    struct duplex *d = open_raw(n, &r);
    duplex_write(d, "\x81\x01x", 3);
    net_run_until(n, &server.closed);
    net_run_until(n, &r.closed);
    assert_int_equal(server.code, 1002);
    assert_memory_equal(r.got, "\x88\x02\x03\xea", 4);
    duplex_free(d);
}

static void test_bad_utf8_is_refused(void **state)
{
    struct net *n = *state;
    struct raw r;
    struct duplex *d = open_raw(n, &r);
    duplex_write(d, "\x81\x81\0\0\0\0\xff", 7);
    net_run_until(n, &server.closed);
    assert_int_equal(server.code, 1007);
    duplex_free(d);
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

static int tear_down(void **state)
{
    ws_free(take_ptr(server.w));
    return net_free(*state);
}

#define ALL(set_up)                                                                                          \
    cmocka_unit_test_setup_teardown(test_echo_and_close, set_up, tear_down),                                 \
        cmocka_unit_test_setup_teardown(test_server_closes, set_up, tear_down),                              \
        cmocka_unit_test_setup_teardown(test_large_messages, set_up, tear_down),                             \
        cmocka_unit_test_setup_teardown(test_too_large_message, set_up, tear_down),                          \
        cmocka_unit_test_setup_teardown(test_back_pressure, set_up, tear_down),                              \
        cmocka_unit_test_setup_teardown(test_pause_each_message, set_up, tear_down),                         \
        cmocka_unit_test_setup_teardown(test_freed_in_its_callback, set_up, tear_down),                      \
        cmocka_unit_test_setup_teardown(test_fragments_and_ping, set_up, tear_down),                         \
        cmocka_unit_test_setup_teardown(test_unmasked_frame_is_refused, set_up, tear_down),                  \
        cmocka_unit_test_setup_teardown(test_bad_utf8_is_refused, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {ALL(set_up_plain), ALL(set_up_tls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
