/* A flag, and handlers that do not restart system calls. */
#include "images/interrupt.h"
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

void interrupt_catch(void)
{
    const struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

struct err *interrupt_check(void)
{
    return caught ? err_new(ERR_UNAVAILABLE, "interrupted by signal %d", (int)caught) : NULL;
}
