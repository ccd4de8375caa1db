/*
 * WebSocket on a duplex. wslay does frames, fragments, pings and the close handshake; it is fed from the
 * duplex's read() and writes into `out`, which goes to the duplex in one piece. The callbacks may free the
 * ws: `depth` keeps its memory until our functions below them have returned.
 */
#include "lib/ws.h"
#include "lib/buf.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#define QUEUE_MAX (1024 * 1024)
#define OUT_MAX (256 * 1024 * 1024) /* of one message, and what the protocol itself adds */
#define PING_MS 30000
#define CLOSE_MS 5000 /* for the other side to answer our close */
#define ABNORMAL 1006

struct ws {
    struct duplex *d;
    wslay_event_context_ptr ctx;
    const struct ws_events *ev;
    void *arg;
    struct timer *timer; /* pings; once closing: the deadline */
    struct buf out;
    const char *in; /* what the duplex offers right now */
    size_t in_len;
    bool paused, closing, told, freed;
    bool heard, pinged; /* since the timer's last turn */
    unsigned depth;
    unsigned code;
    char reason[124];
};

void ws_accept_key(const char *key, char accept[29])
{
    unsigned char digest[20];
    auto_free char *text = mem_printf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), digest) < 0)
        abort();
    auto_buf b = BUF_INIT(64);
    base64_encode(digest, sizeof digest, &b);
    memcpy(accept, buf_str(&b), 29);
}

/* --- life --- */

static void enter(struct ws *w)
{
    w->depth++;
}

static void leave(struct ws *w)
{
    if (--w->depth || !w->freed)
        return;
    wslay_event_context_free(w->ctx);
    buf_done(&w->out);
    free(w);
}

void ws_free(struct ws *w)
{
    if (!w || w->freed)
        return;
    enter(w);
    w->freed = true;
    timer_free(w->timer);
    duplex_free(w->d);
    leave(w);
}

static void tell_closed(struct ws *w, unsigned code, const char *reason)
{
    if (w->told || w->freed)
        return;
    w->told = true;
    timer_stop(w->timer);
    w->ev->closed(w->arg, code, reason);
}

/* --- wslay's callbacks --- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *out, size_t max, int flags, void *arg)
{
    struct ws *w = arg;
    (void)flags;
    if (!w->in_len || w->paused || w->freed) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = w->in_len < max ? w->in_len : max;
    memcpy(out, w->in, n);
    w->in += n;
    w->in_len -= n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t n, int flags, void *arg)
{
    struct ws *w = arg;
    (void)flags;
    buf_add(&w->out, data, n);
    if (!w->out.over)
        return (ssize_t)n;
    wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *out, size_t n, void *arg)
{
    (void)ctx;
    (void)arg;
    tls_random(out, n);
    return 0;
}

static void keep_reason(struct ws *w, const struct wslay_event_on_msg_recv_arg *m)
{
    w->code = m->status_code ? m->status_code : WSLAY_CODE_NO_STATUS_RCVD;
    if (m->msg_length > 2)
        snprintf(w->reason, sizeof w->reason, "%.*s", (int)m->msg_length - 2, (const char *)m->msg + 2);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    struct ws *w = arg;
    (void)ctx;
    if (m->opcode == WSLAY_CONNECTION_CLOSE)
        keep_reason(w, m);
    if (w->freed || w->told || wslay_is_ctrl_frame(m->opcode))
        return;
    w->ev->message(
        w->arg, m->opcode == WSLAY_TEXT_FRAME ? WS_TEXT : WS_BINARY, (const char *)m->msg, m->msg_length);
}

/* --- towards the duplex --- */

static void flush(struct ws *w)
{
    while (wslay_event_want_write(w->ctx) && wslay_event_send(w->ctx) == 0)
        ;
    if (w->out.len && duplex_write(w->d, w->out.data, w->out.len)) {
        buf_done(&w->out); /* the memory of a burst is not kept */
        w->out = BUF_INIT(OUT_MAX);
    }
}

static void start_closing(struct ws *w)
{
    if (w->closing)
        return;
    w->closing = true;
    timer_start(w->timer, CLOSE_MS);
}

/* After each turn of wslay: is the conversation over? */
static void settle(struct ws *w)
{
    if (w->freed || w->told)
        return;
    flush(w);
    bool sent = wslay_event_get_close_sent(w->ctx), received = wslay_event_get_close_received(w->ctx);
    if (!wslay_event_get_read_enabled(w->ctx) && !received && sent) { /* we refused what came */
        w->code = wslay_event_get_status_code_sent(w->ctx);
        start_closing(w);
        received = true;
    }
    if (sent || received)
        start_closing(w);
    if (!sent || !received || w->out.len)
        return;
    duplex_shutdown(w->d);
    if (!duplex_queued(w->d))
        tell_closed(w, w->code, w->reason);
}

/* --- from the duplex --- */

static size_t on_read(void *arg, const char *data, size_t len)
{
    struct ws *w = arg;
    if (w->told)
        return len;
    if (w->paused || ws_queued(w) > QUEUE_MAX) /* whoever does not read is not listened to */
        return 0;
    enter(w);
    w->heard = true;
    w->in = data;
    w->in_len = len;
    int r = wslay_event_recv(w->ctx);
    size_t taken = len - w->in_len;
    w->in_len = 0;
    if (r != 0 && !w->freed) {
        w->code = WSLAY_CODE_PROTOCOL_ERROR;
        tell_closed(w, w->code, "not WebSocket frames");
    }
    settle(w);
    if (w->freed || w->told || !wslay_event_get_read_enabled(w->ctx))
        taken = len;
    leave(w);
    return taken;
}

static void on_closed(void *arg, const char *error)
{
    struct ws *w = arg;
    enter(w);
    if (w->code)
        tell_closed(w, w->code, w->reason);
    else
        tell_closed(w, ABNORMAL, error ? error : "the connection ended without a close");
    leave(w);
}

static void on_drained(void *arg)
{
    struct ws *w = arg;
    enter(w);
    settle(w);
    if (!w->freed && !w->told && !ws_queued(w) && w->ev->drained)
        w->ev->drained(w->arg);
    if (!w->freed && !w->paused)
        duplex_resume(w->d);
    leave(w);
}

static void on_timer(void *arg)
{
    struct ws *w = arg;
    enter(w);
    if (w->closing)
        tell_closed(w, w->code ? w->code : ABNORMAL, "the other side did not close in time");
    else if (w->pinged && !w->heard && !w->paused)
        tell_closed(w, ABNORMAL, "the other side does not answer pings");
    else {
        w->pinged = !w->heard;
        w->heard = false;
        if (w->pinged)
            wslay_event_queue_msg(w->ctx, &(struct wslay_event_msg){.opcode = WSLAY_PING});
        settle(w);
        timer_start(w->timer, PING_MS);
    }
    leave(w);
}

/* --- the interface --- */

struct ws *ws_new(uv_loop_t *loop, struct duplex *d, enum ws_role role, size_t max_message,
    const struct ws_events *ev, void *arg)
{
    static const struct duplex_events EVENTS = {on_read, on_closed, on_drained};
    static const struct wslay_event_callbacks CALLBACKS = {.recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message};
    struct ws *w = mem_new(struct ws);
    *w = (struct ws){.d = d, .ev = ev, .arg = arg, .out = BUF_INIT(OUT_MAX)};
    int r = role == WS_SERVER ? wslay_event_context_server_init(&w->ctx, &CALLBACKS, w)
                              : wslay_event_context_client_init(&w->ctx, &CALLBACKS, w);
    if (r != 0)
        abort(); /* out of memory */
    wslay_event_config_set_max_recv_msg_length(w->ctx, max_message);
    w->timer = timer_new(loop, on_timer, w);
    timer_start(w->timer, PING_MS);
    duplex_start(d, &EVENTS, w);
    return w;
}

static bool has_room(const struct ws *w, size_t len)
{
    size_t queued = ws_queued(w);
    return !w->freed && !w->told && !w->closing && (!queued || queued + len <= QUEUE_MAX);
}

bool ws_send(struct ws *w, enum ws_kind kind, const void *data, size_t len)
{
    struct wslay_event_msg m = {
        .opcode = kind == WS_TEXT ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, .msg = data, .msg_length = len};
    if (!has_room(w, len) || wslay_event_queue_msg(w->ctx, &m) != 0)
        return false;
    flush(w);
    return true;
}

bool ws_send_channel(struct ws *w, unsigned char channel, const void *data, size_t len)
{
    auto_free char *message = mem_array(len + 1, 1);
    message[0] = (char)channel;
    if (len)
        memcpy(message + 1, data, len);
    return ws_send(w, WS_BINARY, message, len + 1);
}

size_t ws_queued(const struct ws *w)
{
    return w->freed ? 0 : w->out.len + duplex_queued(w->d);
}

void ws_pause(struct ws *w)
{
    w->paused = true;
    if (!w->freed)
        duplex_pause(w->d);
}

void ws_resume(struct ws *w)
{
    w->paused = false;
    if (!w->freed)
        duplex_resume(w->d);
}

void ws_close(struct ws *w, unsigned code, const char *reason)
{
    if (w->freed || w->told || w->closing)
        return;
    size_t n = reason ? strlen(reason) : 0;
    wslay_event_queue_close(w->ctx, (uint16_t)code, (const uint8_t *)reason, n > 123 ? 123 : n);
    start_closing(w);
    flush(w);
    if (w->paused) /* the answer to the close is still to be read */
        ws_resume(w);
}
