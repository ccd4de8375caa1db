/* curl's multi handle in a libuv loop: its sockets become watches, its timeout a timer. */
#include "lib/http_client_internal.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdlib.h>

struct mux_socket {
    struct mux *mux;
    struct mux_socket *prev, *next;
    curl_socket_t fd;
    struct watch *watch;
};

struct mux {
    uv_loop_t *loop;
    CURLM *multi;
    struct timer *timer;
    struct mux_socket *sockets;
    void (*turn)(void *arg);
    void *arg;
};

static void act(struct mux *m, curl_socket_t fd, int flags)
{
    int running;
    curl_multi_socket_action(m->multi, fd, flags, &running);
    m->turn(m->arg); /* last: m may be gone after it */
}

static void on_watch(void *arg, int events)
{
    struct mux_socket *s = arg;
    act(s->mux, s->fd,
        (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static struct mux_socket *socket_new(struct mux *m, curl_socket_t fd)
{
    struct mux_socket *s = mem_new(struct mux_socket);
    *s = (struct mux_socket){.mux = m, .fd = fd, .next = m->sockets};
    if (s->next)
        s->next->prev = s;
    m->sockets = s;
    s->watch = watch_new(m->loop, fd, on_watch, s);
    return s;
}

static void socket_free(struct mux_socket *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->mux->sockets = s->next;
    if (s->next)
        s->next->prev = s->prev;
    watch_free(s->watch);
    free(s);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct mux *m = arg;
    struct mux_socket *s = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(m->multi, fd, NULL);
        if (s)
            socket_free(s);
        return 0;
    }
    if (!s) {
        s = socket_new(m, fd);
        curl_multi_assign(m->multi, fd, s);
    }
    watch_set(s->watch, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
    return 0;
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
    struct mux *m = arg;
    (void)multi;
    if (ms < 0)
        timer_stop(m->timer);
    else
        timer_start(m->timer, (uint64_t)ms);
    return 0;
}

struct mux *mux_new(uv_loop_t *loop, void (*turn)(void *arg), void *arg)
{
    struct mux *m = mem_new(struct mux);
    *m = (struct mux){.loop = loop, .turn = turn, .arg = arg};
    m->timer = timer_new(loop, on_timer, m);
    m->multi = curl_multi_init();
    if (!m->multi)
        abort(); /* out of memory */
    curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
    return m;
}

CURLM *mux_multi(struct mux *m)
{
    return m->multi;
}

void mux_forget(struct mux *m, curl_socket_t fd)
{
    for (struct mux_socket *s = m->sockets; s; s = s->next) {
        if (s->fd != fd)
            continue;
        curl_multi_assign(m->multi, fd, NULL);
        socket_free(s);
        return;
    }
}

void mux_free(struct mux *m)
{
    if (!m)
        return;
    curl_multi_cleanup(m->multi); /* closes connections: on_socket() is called for them */
    while (m->sockets)
        socket_free(m->sockets);
    timer_free(m->timer);
    free(m);
}
