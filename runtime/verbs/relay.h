/* Our terminal and the container's: bytes both ways, raw, with the window's size. */
#ifndef WHERRY_RUNTIME_RELAY_H
#define WHERRY_RUNTIME_RELAY_H

#include "lib/err.h"
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define RELAY_FDS 3
#define RELAY_BYTES 16384

struct relay_way {
    int from, to;
    char data[RELAY_BYTES];
    size_t len;
    bool ended;
};
struct relay {
    int master;
    bool raw;
    struct termios before;
    struct relay_way in, out;
};

struct err *relay_begin(struct relay *r, int master) __attribute__((warn_unused_result));
void relay_end(struct relay *r); /* what is still to be shown is shown; the terminal is as it was */
void relay_resize(struct relay *r);
nfds_t relay_want(struct relay *r, struct pollfd p[RELAY_FDS]);
void relay_move(struct relay *r, const struct pollfd p[RELAY_FDS]);

#endif
