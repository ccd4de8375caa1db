#include "cli/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
    int fd;
    bool raw;
    struct termios before;
} saved = {.fd = -1};

bool terminal_is(int fd)
{
    return isatty(fd);
}

void terminal_raw(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t) < 0)
        return;
    if (saved.fd < 0)
        atexit(terminal_restore);
    saved.fd = fd;
    saved.before = t;
    saved.raw = true;
    cfmakeraw(&t);
    tcsetattr(fd, TCSADRAIN, &t);
}

void terminal_restore(void)
{
    if (saved.raw)
        tcsetattr(saved.fd, TCSADRAIN, &saved.before);
    saved.raw = false;
}

bool terminal_size(int fd, uint16_t *columns, uint16_t *rows)
{
    struct winsize w;
    if (ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_col)
        return false;
    *columns = w.ws_col;
    *rows = w.ws_row;
    return true;
}
