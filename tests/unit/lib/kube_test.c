/* The API client against a scripted server: kubeconfig, requests and their errors, reflectors through 410,
 * garbage, disconnects and a restart of the server. */
#include "lib/api/kube.h"
#include "tests/unit/lib/net_fixture.h"

/* --- the server's side: a list of `revision`, pages of one object, one watch at a time --- */

static struct script {
    int objects, revision;
    int lists, pages, watches;
    unsigned fail_list, fail_watch; /* the status of the next one; 0: 200 */
    char watch_from[32];
    struct http_stream *stream;
} script;

static void stream_closed(void *arg)
{
    if (script.stream == *(struct http_stream **)arg)
        script.stream = NULL;
    free(arg);
}

static void say(const char *text)
{
    http_stream_send(script.stream, text, strlen(text));
}

static void say_event(const char *type, const char *name, int revision)
{
    auto_free char *text =
        mem_printf("{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":"
                   "\"%d\"}}}\n",
            type, name, revision);
    say(text);
}

static void refuse(struct http_request *r, unsigned status)
{
    auto_free char *text =
        mem_printf("{\"kind\":\"Status\",\"code\":%u,\"message\":\"because %u\",\"reason\":\"%s\"}", status,
            status, status == 409 ? "AlreadyExists" : "Other");
    http_respond(r, status, "application/json", text, strlen(text), NULL);
}

static void serve_list(struct http_request *r)
{
    const char *more = http_query(r, "continue");
    int i = more ? atoi(more) : 0;
    if (script.fail_list) {
        refuse(r, script.fail_list);
        script.fail_list = 0;
        return;
    }
    script.pages++;
    script.lists += !more;
    auto_buf b = BUF_INIT(4096);
    buf_addf(&b, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%d\"",
        script.revision);
    if (i + 1 < script.objects)
        buf_addf(&b, ",\"continue\":\"%d%%+/x\"", i + 1);
    buf_addf(&b, "},\"items\":[%s", script.objects ? "" : "]}");
    if (script.objects)
        buf_addf(&b, "{\"metadata\":{\"name\":\"p%d\",\"resourceVersion\":\"1\"}}]}", i);
    http_respond(r, 200, "application/json", b.data, b.len, NULL);
}

static void serve_watch(struct http_request *r)
{
    if (script.fail_watch) {
        refuse(r, script.fail_watch);
        script.fail_watch = 0;
        return;
    }
    script.watches++;
    snprintf(script.watch_from, sizeof script.watch_from, "%s", http_query(r, "resourceVersion"));
    assert_string_equal(http_query(r, "allowWatchBookmarks"), "true");
    assert_non_null(http_query(r, "timeoutSeconds"));
    struct http_stream **self = mem_zalloc(sizeof *self);
    *self = script.stream = http_stream(r, 200, "application/json", NULL, stream_closed, self);
}

static void handle(void *arg, struct http_request *r)
{
    size_t n;
    const char *status = http_query(r, "status");
    (void)arg;
    if (status)
        refuse(r, (unsigned)atoi(status));
    else if (strcmp(http_path(r), "/echo") == 0) {
        const char *body = http_body(r, &n);
        http_respond(r, 200, http_header(r, "Content-Type"), body, n, NULL);
    } else if (strcmp(http_path(r), "/hang") == 0)
        http_stream(r, 200, "text/plain", NULL, free, mem_zalloc(1));
    else if (http_query(r, "watch"))
        serve_watch(r);
    else {
        assert_string_equal(http_query(r, "labelSelector"), "a=b");
        serve_list(r);
    }
}

/* --- the client's side --- */

struct fixture {
    struct net *net;
    struct kube *kube;
    struct kube_watch *watch;
    int relisted, changed, deleted, synced, failed;
    char names[1024];
    bool free_in_change;
};

static void on_relisted(void *arg)
{
    struct fixture *f = arg;
    f->relisted++;
    f->names[0] = 0;
}

static void on_changed(void *arg, const struct json *object)
{
    struct fixture *f = arg;
    size_t n = strlen(f->names);
    f->changed++;
    snprintf(f->names + n, sizeof f->names - n, "%s ", json_str(json_at(object, "metadata", "name", NULL)));
    if (f->free_in_change)
        kube_watch_free(take_ptr(f->watch));
}

static void on_deleted(void *arg, const struct json *object)
{
    struct fixture *f = arg;
    size_t n = strlen(f->names);
    f->deleted++;
    snprintf(f->names + n, sizeof f->names - n, "-%s ", json_str(json_at(object, "metadata", "name", NULL)));
}

static void on_synced(void *arg)
{
    ((struct fixture *)arg)->synced++;
}

static void on_failed(void *arg, const struct err *e)
{
    assert_non_null(e);
    ((struct fixture *)arg)->failed++;
}

static const struct kube_watch_events EVENTS = {on_relisted, on_changed, on_deleted, on_synced, on_failed};

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static char *base64_of(const struct net *n, const char *name)
{
    char data[8192];
    auto_free char *path = net_path(n, name);
    FILE *f = fopen(path, "r");
    size_t len = fread(data, 1, sizeof data, f);
    fclose(f);
    auto_buf b = BUF_INIT(16384);
    base64_encode(data, len, &b);
    return buf_take(&b);
}

static void open_kube(struct fixture *f, bool inline_data)
{
    struct net *n = f->net;
    auto_free char *path = net_path(n, "kubeconfig");
    auto_free char *ca = inline_data ? base64_of(n, "ca.crt") : mem_strdup("ca.crt");
    auto_free char *cert = inline_data ? base64_of(n, "client.crt") : mem_strdup("client.crt");
    auto_free char *key = inline_data ? base64_of(n, "client.key") : net_path(n, "client.key");
    const char *suffix = inline_data ? "-data" : "";
    auto_free char *text = mem_printf("apiVersion: v1\nkind: Config\ncurrent-context: here\n"
                                      "contexts:\n- name: there\n  context: {cluster: x, user: y}\n"
                                      "- name: here\n  context: {cluster: c, user: u}\n"
                                      "clusters:\n- name: c\n  cluster:\n    server: %s\n"
                                      "    certificate-authority%s: %s\n"
                                      "users:\n- name: u\n  user:\n    client-certificate%s: %s\n"
                                      "    client-key%s: %s\n",
        n->url, suffix, ca, suffix, cert, suffix, key);
    write_text(path, text);
    net_must(kube_open(&n->loop, path, &f->kube));
}

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    script = (struct script){.objects = 3, .revision = 10};
    f->net = net_new(NET_CLIENT_CERT, handle);
    open_kube(f, false);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    kube_watch_free(f->watch);
    kube_close(f->kube);
    int r = net_free(f->net);
    free(f);
    return r;
}

static void start_watch(struct fixture *f)
{
    f->watch = kube_watch(f->kube, "/api/v1/pods?labelSelector=a%3Db", &EVENTS, f);
}

#define UNTIL(f, condition)                                                                                  \
    while (!(condition))                                                                                     \
    uv_run(&(f)->net->loop, UV_RUN_ONCE)

/* --- requests --- */

struct answer {
    bool done, has_error;
    unsigned status;
    enum err_kind kind;
    char message[256], text[256];
};

static void on_answer(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct answer *a = arg;
    *a = (struct answer){.done = true, .has_error = error, .status = status};
    if (error) {
        a->kind = err_kind(error);
        snprintf(a->message, sizeof a->message, "%s", err_message(error));
    }
    if (body) {
        auto_buf b = BUF_INIT(1000);
        json_write(&b, body, 0);
        snprintf(a->text, sizeof a->text, "%s", buf_str(&b));
    }
}

static struct answer ask(struct fixture *f, const char *method, const char *path, const char *body)
{
    struct answer a = {0};
    kube_request(f->kube, method, path, NULL, body, body ? strlen(body) : 0, on_answer, &a);
    net_run_until(f->net, &a.done);
    return a;
}

static void test_request(void **state)
{
    struct answer a = ask(*state, "POST", "/echo", "{\"a\": 1}");
    assert_int_equal(a.status, 200);
    assert_false(a.has_error);
    assert_string_equal(a.text, "{\"a\":1}");
}

static void test_status_errors(void **state)
{
    static const struct {
        const char *path;
        enum err_kind kind;
    } CASES[] = {
        {"/x?status=404", ERR_NOT_FOUND},
        {"/x?status=409", ERR_EXISTS},
        {"/x?status=422", ERR_INVALID},
        {"/x?status=403", ERR_DENIED},
        {"/x?status=410", ERR_UNAVAILABLE},
        {"/x?status=503", ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
        struct answer a = ask(*state, "GET", CASES[i].path, NULL);
        assert_true(a.has_error);
        assert_int_equal(a.kind, CASES[i].kind);
        assert_int_equal(strncmp(a.message, "because ", 8), 0);
    }
}

static void test_close_with_requests_under_way(void **state)
{
    struct fixture *f = *state;
    struct answer a = {0};
    for (int i = 0; i < 3; i++)
        kube_request(f->kube, "GET", "/hang", NULL, NULL, 0, on_answer, &a);
    http_call_cancel(kube_request(f->kube, "GET", "/hang", NULL, NULL, 0, on_answer, &a));
    kube_close(take_ptr(f->kube));
    assert_false(a.done);
}

static void test_inline_credentials(void **state)
{
    struct fixture *f = *state;
    kube_close(f->kube);
    open_kube(f, true);
    assert_int_equal(ask(f, "POST", "/echo", "1").status, 200);
}

static void test_bad_kubeconfigs(void **state)
{
    static const struct {
        const char *text, *error;
    } CASES[] = {
        {"a: [", "kubeconfig "},
        {"current-context: x\n", "current-context: \"x\" is not among the contexts"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n", "cluster \"c\""},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 'ftp://x'}}]\n",
            "server: \"ftp://x\" is not a URL"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: '!!'}}]\n",
            "certificate-authority-data: "},
    };
    struct fixture *f = *state;
    auto_free char *path = net_path(f->net, "bad");
    for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
        struct kube *k = NULL;
        write_text(path, CASES[i].text);
        struct err *e = kube_open(&f->net->loop, path, &k);
        assert_non_null(e);
        assert_non_null(strstr(err_message(e), CASES[i].error));
        assert_non_null(strstr(err_message(e), path));
        err_free(e);
    }
}

/* --- reflectors --- */

static void test_list_and_watch(void **state)
{
    struct fixture *f = *state;
    start_watch(f);
    UNTIL(f, script.stream);
    assert_int_equal(script.pages, 3);
    assert_int_equal(f->relisted, 1);
    assert_int_equal(f->synced, 1);
    assert_string_equal(f->names, "p0 p1 p2 ");
    assert_string_equal(script.watch_from, "10");
    say_event("ADDED", "new", 11);
    say_event("BOOKMARK", "ignored", 12);
    say_event("DELETED", "p1", 13);
    UNTIL(f, f->deleted);
    assert_string_equal(f->names, "p0 p1 p2 new -p1 ");
    assert_int_equal(f->failed, 0);
}

static void test_event_in_pieces(void **state)
{
    struct fixture *f = *state;
    script.objects = 0;
    start_watch(f);
    UNTIL(f, script.stream);
    const char *text =
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"11\"}}}\n";
    for (size_t i = 0; text[i]; i++) {
        http_stream_send(script.stream, text + i, 1);
        uv_run(&f->net->loop, UV_RUN_NOWAIT);
    }
    UNTIL(f, f->changed);
    assert_string_equal(f->names, "x ");
}

/* The server ends the watch as it does every few minutes: from the last revision on, without a list. */
static void test_goes_on_from_where_it_was(void **state)
{
    struct fixture *f = *state;
    start_watch(f);
    UNTIL(f, script.stream);
    say_event("BOOKMARK", "", 57);
    http_stream_end(script.stream);
    UNTIL(f, script.watches == 2);
    assert_string_equal(script.watch_from, "57");
    assert_int_equal(script.lists, 1);
    assert_int_equal(f->relisted, 1);
}

static void test_expired_in_the_stream(void **state)
{
    struct fixture *f = *state;
    start_watch(f);
    UNTIL(f, script.stream);
    script.objects = 1;
    script.revision = 99;
    say("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}\n");
    UNTIL(f, script.watches == 2);
    assert_string_equal(script.watch_from, "99");
    assert_int_equal(f->relisted, 2);
    assert_int_equal(f->synced, 2);
    assert_string_equal(f->names, "p0 ");
}

static void test_expired_before_the_stream(void **state)
{
    struct fixture *f = *state;
    script.fail_watch = 410;
    start_watch(f);
    UNTIL(f, script.stream);
    assert_int_equal(script.lists, 2);
    assert_int_equal(f->relisted, 2);
}

static void test_garbage_in_the_stream(void **state)
{
    struct fixture *f = *state;
    start_watch(f);
    UNTIL(f, script.stream);
    say("{\"type\":nonsense}\n");
    UNTIL(f, script.watches == 2);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->relisted, 2);
}

static void test_failing_list_is_tried_again(void **state)
{
    struct fixture *f = *state;
    script.fail_list = 503;
    start_watch(f);
    UNTIL(f, script.stream);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->synced, 1);
}

static void test_server_restarts(void **state)
{
    struct fixture *f = *state;
    start_watch(f);
    UNTIL(f, script.stream);
    uint16_t port = http_server_port(f->net->server);
    http_server_free(take_ptr(f->net->server));
    UNTIL(f, f->failed >= 2); /* the stream, and at least one try at a closed port */
    net_serve(f->net, NET_CLIENT_CERT, port, handle, NULL);
    UNTIL(f, script.watches == 2);
    say_event("ADDED", "after", 20);
    UNTIL(f, strstr(f->names, "after"));
}

static void test_freed_in_its_callback(void **state)
{
    struct fixture *f = *state;
    f->free_in_change = true;
    start_watch(f);
    UNTIL(f, !f->watch);
    assert_int_equal(f->changed, 1);
    f->free_in_change = false;
    start_watch(f);
    UNTIL(f, script.stream);
    f->free_in_change = true;
    say_event("ADDED", "a", 20);
    say_event("ADDED", "b", 21);
    UNTIL(f, !f->watch);
    UNTIL(f, !script.stream);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request),
        TEST(test_status_errors),
        TEST(test_close_with_requests_under_way),
        TEST(test_inline_credentials),
        TEST(test_bad_kubeconfigs),
        TEST(test_list_and_watch),
        TEST(test_event_in_pieces),
        TEST(test_goes_on_from_where_it_was),
        TEST(test_expired_in_the_stream),
        TEST(test_expired_before_the_stream),
        TEST(test_garbage_in_the_stream),
        TEST(test_failing_list_is_tried_again),
        TEST(test_server_restarts),
        TEST(test_freed_in_its_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
