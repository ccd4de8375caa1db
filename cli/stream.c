/*
 * `wherry exec`, `attach` and `logs`: byte streams between this terminal and a container, over WebSocket
 * (v5.channel.k8s.io: a first byte per message says which stream) or a plain response. The one command-line
 * program with an event loop.
 */
#include "cli/pods.h"
#include "cli/terminal.h"

#include "lib/api/kube.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include "lib/ws.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 15000, MESSAGE_MAX = 1 << 20, STDIN_CHUNK = 16 * 1024, QUEUE_MAX = 256 * 1024 };

enum { CTRL_P = 0x10, CTRL_Q = 0x11 }; /* typed in a row, they leave an attached terminal, as docker has it */

struct stream {
    uv_loop_t loop;
    struct http_client *http;
    struct ws *ws;
    struct watch *keyboard;
    uv_signal_t resized;
    bool stdin_on, tty, detachable, after_ctrl_p, done;
    int status; /* exit status of the remote command */
    struct err *error;
};

/* --- ending */

static void finish(struct stream *s, struct err *e)
{
    if (s->done) {
        err_free(e);
        return;
    }
    s->done = true;
    s->error = e;
    uv_stop(&s->loop);
}

/* The Status that ends channel 3: Success, or NonZeroExitCode with the code among its causes. */
static void take_status(struct stream *s, const char *data, size_t len)
{
    auto_arena *a = arena_new();
    const struct json *status;
    struct err *e = json_parse(a, data, len, NULL, &status);
    if (e) {
        finish(s, err_wrap(e, "the server's last word"));
        return;
    }
    const char *word = json_str(json_get(status, "status")), *message = json_str(json_get(status, "message"));
    if (word && strcmp(word, "Success") == 0) {
        finish(s, NULL);
        return;
    }
    json_each_item (c, json_at(status, "details", "causes", NULL)) {
        const char *reason = json_str(json_get(c, "reason")), *code = json_str(json_get(c, "message"));
        if (reason && code && strcmp(reason, "ExitCode") == 0) {
            s->status = atoi(code);
            finish(s, NULL);
            return;
        }
    }
    finish(s, err_new(ERR_SYSTEM, "%s", message ? message : "the command failed"));
}

/* --- what comes */

static void write_out(struct stream *s, int fd, const char *data, size_t len)
{
    struct err *e = file_write_all(fd, data, len);
    if (e)
        finish(s, err_wrap(e, fd == STDOUT_FILENO ? "standard output" : "standard error"));
}

static void on_message(void *arg, enum ws_kind kind, const char *data, size_t len)
{
    struct stream *s = arg;
    if (kind != WS_BINARY || len == 0)
        return;
    switch ((unsigned char)data[0]) {
    case WS_STDOUT:
        write_out(s, STDOUT_FILENO, data + 1, len - 1);
        break;
    case WS_STDERR:
        write_out(s, STDERR_FILENO, data + 1, len - 1);
        break;
    case WS_ERROR:
        if (len > 1)
            take_status(s, data + 1, len - 1);
        break;
    default:
        break;
    }
}

static void on_closed(void *arg, unsigned code, const char *reason)
{
    struct stream *s = arg;
    s->ws = NULL;
    finish(s, code == 1000 ? NULL
                           : err_new(ERR_UNAVAILABLE, "the connection ended: %s (%u)",
                                 reason && *reason ? reason : "without a reason", code));
}

/* --- what goes */

static void send_size(struct stream *s)
{
    uint16_t columns, rows;
    char text[64];
    if (!s->tty || !s->ws || !terminal_size(STDIN_FILENO, &columns, &rows))
        return;
    int n = snprintf(text, sizeof(text), "{\"Width\":%u,\"Height\":%u}", columns, rows);
    ws_send_channel(s->ws, WS_RESIZE, text, (size_t)n);
}

static void on_resized(uv_signal_t *h, int signum)
{
    (void)signum;
    send_size(h->data);
}

static bool wants_out(struct stream *s, const char *data, ssize_t n)
{
    for (ssize_t i = 0; s->detachable && i < n; i++) {
        if (s->after_ctrl_p && data[i] == CTRL_Q)
            return true;
        s->after_ctrl_p = data[i] == CTRL_P;
    }
    return false;
}

static void on_keyboard(void *arg, int events)
{
    (void)events;
    struct stream *s = arg;
    char data[STDIN_CHUNK];
    ssize_t n = read(STDIN_FILENO, data, sizeof(data));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* v5: "close channel 0" */
        const unsigned char end[] = {WS_CLOSE, WS_STDIN};
        watch_set(s->keyboard, 0);
        ws_send(s->ws, WS_BINARY, end, sizeof(end));
        return;
    }
    if (wants_out(s, data, n)) {
        finish(s, NULL);
        return;
    }
    ws_send_channel(s->ws, WS_STDIN, data, (size_t)n);
    if (ws_queued(s->ws) > QUEUE_MAX)
        watch_set(s->keyboard, 0);
}

static void on_drained(void *arg)
{
    struct stream *s = arg;
    if (s->keyboard && !s->done)
        watch_set(s->keyboard, UV_READABLE);
}

/* --- connecting */

static struct err *refusal(unsigned status, const char *body)
{
    auto_arena *a = arena_new();
    const struct json *json = NULL;
    struct err *bad = body ? json_parse(a, body, strlen(body), NULL, &json) : NULL;
    err_free(bad);
    if (status && json && json->type == JSON_OBJECT)
        return kube_status_err(status, json);
    if (status)
        return err_new(ERR_SYSTEM, "the server answered %u: %s", status, body ? body : "");
    return err_new(ERR_UNAVAILABLE, "%s", body && *body ? body : "no connection");
}

static void on_up(void *arg, struct duplex *d, unsigned status, const char *headers, const char *body)
{
    (void)headers;
    static const struct ws_events events = {on_message, on_closed, on_drained};
    struct stream *s = arg;
    if (!d) {
        finish(s, refusal(status, body));
        return;
    }
    s->ws = ws_new(&s->loop, d, WS_CLIENT, MESSAGE_MAX, &events, s);
    if (s->tty) {
        terminal_raw(STDIN_FILENO);
        uv_signal_start(&s->resized, on_resized, SIGWINCH);
        send_size(s);
    }
    if (s->stdin_on) {
        s->keyboard = watch_new(&s->loop, STDIN_FILENO, on_keyboard, s);
        watch_set(s->keyboard, UV_READABLE);
    }
}

static void close_loop(struct stream *s)
{
    terminal_restore();
    watch_free(s->keyboard);
    ws_free(s->ws);
    http_client_free(s->http);
    uv_close((uv_handle_t *)&s->resized, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    uv_loop_close(&s->loop);
}

/* Where a Pod's log, exec or attach is: at the master, or the same at the kubelet (whose names for things are
 * its own). */
static const char *target(
    struct pods *p, struct arena *a, const char *ns, const char *pod, const char *container, const char *what)
{
    if (p->api)
        return arena_printf(a, "%s/api/v1/namespaces/%s/pods/%s/%s?container=%s", api_server(p->api), ns, pod,
            what, container);
    const char *there = strcmp(what, "log") == 0 ? "containerLogs" : what;
    return arena_printf(a, "http://kubelet/%s/%s/%s/%s?", there, ns, pod, container);
}

struct session {
    const char *ns, *container;
    bool stdin_on, tty, local;
};

static struct err *run_session(struct cli *cli, struct pods *p, struct arena *a, const struct session *o,
    const char *url, bool detachable)
{
    unsigned char nonce[16];
    auto_buf key = BUF_INIT(64);
    struct stream s = {.stdin_on = o->stdin_on, .tty = o->tty && o->stdin_on && terminal_is(STDIN_FILENO)};
    s.detachable = detachable && s.tty;
    tls_random(nonce, sizeof(nonce));
    base64_encode(nonce, sizeof(nonce), &key);
    const char *headers[] = {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        arena_printf(a, "Sec-WebSocket-Key: %s", buf_str(&key)), "Sec-WebSocket-Protocol: v5.channel.k8s.io",
        NULL};
    uv_loop_init(&s.loop);
    uv_signal_init(&s.loop, &s.resized);
    s.resized.data = &s;
    s.http = http_client_new(&s.loop, p->api ? api_tls(p->api) : NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    http_client_upgrade(s.http,
        &(struct http_client_request){.method = "GET",
            .url = url,
            .unix_socket = p->socket,
            .headers = headers,
            .timeout_ms = CONNECT_MS},
        on_up, &s);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    close_loop(&s);
    cli->status = s.status;
    return s.error;
}

static const char *with_streams(
    struct arena *a, const struct pods *p, const struct session *o, const char *url)
{
    const char *in = p->api ? "stdin=true" : "input=1", *out = p->api ? "stdout=true" : "output=1",
               *error = p->api ? "stderr=true" : "error=1", *tty = p->api ? "tty=true" : "tty=1";
    return arena_printf(a, "%s%s%s%s&%s", url, p->api ? "&" : "",
        o->stdin_on ? arena_printf(a, "%s&", in) : "", out, o->tty ? tty : error);
}

/* Finds the Pod and its container; *ret_url is what to ask for. */
static struct err *locate(struct cli *cli, struct arena *a, struct session *o, const char *pod_name,
    const char *what, struct pods *p, const struct json **ret_pod, const char **ret_url)
{
    const char *container;
    if (strncmp(pod_name, "pod/", 4) == 0)
        pod_name += 4;
    TRY(pods_open(cli, a, o->local, p));
    TRY(pods_find(p, a, o->ns, pod_name, ret_pod));
    TRY_WRAP(pods_container(a, *ret_pod, o->container, &container), "pod %s/%s", o->ns, pod_name);
    o->container = container;
    *ret_url = target(p, a, o->ns, pod_name, container, what);
    return NULL;
}

#define SESSION_OPTIONS(o)                                                                                   \
    {"namespace", 'n', ARG_STR, &(o).ns, "NAME", "the Pod's namespace (default: default)"},                  \
        {"container", 'c', ARG_STR, &(o).container, "NAME", "which container (default: the Pod's first)"},   \
    {                                                                                                        \
        "local", 0, ARG_FLAG, &(o).local, NULL, "ask this node's kubelet even where a master is known"       \
    }

struct verb {
    const char *name, *usage, *about, *tty_help;
    bool has_command, detachable;
};

/* "&command=..." for each word; the options may have been ended by "--". */
static struct err *with_command(struct arena *a, char **words, int n, const char **url)
{
    int first = n && strcmp(words[0], "--") == 0 ? 1 : 0;
    if (first == n)
        return err_new(ERR_INVALID, "exec: which command?");
    for (int i = first; i < n; i++)
        *url = arena_printf(a, "%s&command=%s", *url, api_escape(a, words[i]));
    return NULL;
}

static struct err *stream(struct cli *cli, const struct verb *v, int argc, char **argv)
{
    struct session o = {.ns = "default"};
    const struct arg_option options[] = {
        SESSION_OPTIONS(o),
        {"stdin", 'i', ARG_FLAG, &o.stdin_on, NULL, "pass standard input on"},
        {"tty", 't', ARG_FLAG, &o.tty, NULL, v->tty_help},
        {0},
    };
    const struct arg_spec spec = {.usage = v->usage,
        .about = v->about,
        .options = options,
        .min = v->has_command ? 2 : 1,
        .max = v->has_command ? -1 : 1,
        .stop_at_operand = v->has_command};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    auto_pods p = {0};
    const struct json *pod;
    const char *url;
    TRY(locate(cli, a, &o, operands[0], v->name, &p, &pod, &url));
    url = with_streams(a, &p, &o, url);
    if (v->has_command)
        TRY(with_command(a, operands + 1, n - 1, &url));
    return run_session(cli, &p, a, &o, url, v->detachable);
}

struct err *cli_exec(struct cli *cli, int argc, char **argv)
{
    static const struct verb exec = {.name = "exec",
        .usage = "wherry exec [-it] [-c CONTAINER] POD [--] COMMAND [ARGUMENT]...",
        .about = "Runs a command in a container; ends with its exit status.",
        .tty_help = "with a terminal",
        .has_command = true};
    return stream(cli, &exec, argc, argv);
}

struct err *cli_attach(struct cli *cli, int argc, char **argv)
{
    static const struct verb attach = {.name = "attach",
        .usage = "wherry attach [-it] [-c CONTAINER] POD",
        .about = "Connects to what runs in a container. With -it, Ctrl-P Ctrl-Q leaves it running.",
        .tty_help = "the container has a terminal",
        .detachable = true};
    return stream(cli, &attach, argc, argv);
}

/* --- logs */

static void on_log(void *arg, const char *data, size_t len)
{
    write_out(arg, STDOUT_FILENO, data, len);
}

static void on_log_end(void *arg, const struct http_client_result *res)
{
    struct stream *s = arg;
    if (res->error)
        finish(s, err_new(err_kind(res->error), "%s", err_message(res->error)));
    else
        finish(s, res->status == 200 ? NULL : refusal(res->status, buf_str(&res->body)));
}

static struct err *fetch_log(struct pods *p, const char *url)
{
    struct stream s = {0};
    uv_loop_init(&s.loop);
    uv_signal_init(&s.loop, &s.resized);
    s.http = http_client_new(&s.loop, p->api ? api_tls(p->api) : NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    http_client_start(s.http,
        &(struct http_client_request){
            .method = "GET", .url = url, .unix_socket = p->socket, .max_body = MESSAGE_MAX},
        on_log, on_log_end, &s);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    close_loop(&s);
    return s.error;
}

struct err *cli_logs(struct cli *cli, int argc, char **argv)
{
    struct session o = {.ns = "default"};
    bool follow = false, previous = false, timestamps = false;
    int64_t tail = -1, since = -1;
    const struct arg_option options[] = {
        SESSION_OPTIONS(o),
        {"follow", 'f', ARG_FLAG, &follow, NULL, "go on as it grows"},
        {"previous", 'p', ARG_FLAG, &previous, NULL, "of the container's last life"},
        {"timestamps", 0, ARG_FLAG, &timestamps, NULL, "with the time of each line"},
        {"tail", 0, ARG_INT, &tail, "LINES", "only so many of the last"},
        {"since", 0, ARG_INT, &since, "SECONDS", "only what is not older"},
        {0},
    };
    const struct arg_spec spec = {
        "wherry logs [-f] [-c CONTAINER] POD", "Prints what a container wrote.", options, 1, 1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    auto_pods p = {0};
    const struct json *pod;
    const char *url;
    TRY(locate(cli, a, &o, operands[0], "log", &p, &pod, &url));
    url = arena_printf(a, "%s%s%s%s", url, follow ? "&follow=true" : "", previous ? "&previous=true" : "",
        timestamps ? "&timestamps=true" : "");
    if (tail >= 0)
        url = arena_printf(a, "%s&tailLines=%lld", url, (long long)tail);
    if (since >= 0)
        url = arena_printf(a, "%s&sinceSeconds=%lld", url, (long long)since);
    return fetch_log(&p, url);
}
