/* See relay.h. */
#include "runtime/verbs/relay.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void relay_resize(struct relay *r)
{
    struct winsize ws;
    if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &ws))
        ioctl(r->master, TIOCSWINSZ, &ws);
}

struct err *relay_begin(struct relay *r, int master)
{
    memset(r, 0, sizeof(*r));
    r->master = master;
    r->in.from = STDIN_FILENO;
    r->in.to = r->out.from = master;
    r->out.to = STDOUT_FILENO;
    if (tcgetattr(STDIN_FILENO, &r->before) == 0) {
        struct termios t = r->before;
        cfmakeraw(&t);
        if (tcsetattr(STDIN_FILENO, TCSANOW, &t) < 0)
            return err_sys(errno, "terminal: raw mode");
        r->raw = true;
    }
    relay_resize(r);
    return NULL;
}

static void want(struct pollfd *p, struct relay_way *w)
{
    bool reads = !w->ended && w->len == 0;
    *p = (struct pollfd){.fd = reads ? w->from : w->len ? w->to : -1, .events = reads ? POLLIN : POLLOUT};
}

nfds_t relay_want(struct relay *r, struct pollfd p[RELAY_FDS])
{
    want(&p[0], &r->in);
    want(&p[1], &r->out);
    p[2] = (struct pollfd){.fd = -1};
    return RELAY_FDS;
}

static void move(struct relay_way *w)
{
    if (!w->len && !w->ended) {
        ssize_t n = read(w->from, w->data, sizeof(w->data));
        if (n > 0)
            w->len = (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* EIO: the last slave closed */
            w->ended = true;
    } else if (w->len) {
        ssize_t n = write(w->to, w->data, w->len);
        if (n > 0)
            memmove(w->data, w->data + n, w->len -= (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            w->ended = true, w->len = 0;
    }
}

void relay_move(struct relay *r, const struct pollfd p[RELAY_FDS])
{
    if (p[0].revents)
        move(&r->in);
    if (p[1].revents)
        move(&r->out);
}

void relay_end(struct relay *r)
{
    /* the process is gone; what it last wrote is in the terminal still. Background children may hold it open,
     * so only what is there now counts. */
    for (int i = 0; i < 4096 && !r->out.ended; i++) {
        struct pollfd p = {
            .fd = r->out.len ? r->out.to : r->out.from, .events = r->out.len ? POLLOUT : POLLIN};
        if (poll(&p, 1, r->out.len ? 1000 : 0) <= 0)
            break;
        move(&r->out);
    }
    if (r->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &r->before);
}
