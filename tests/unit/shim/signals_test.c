/* Signals by name and number. */
#include "lib/mem.h"
#include "runtime/shim/signals.h"
#include "tests/unit/test.h"
#include <signal.h>

static void names(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int want; /* 0: refused */
    } cases[] = {{"TERM", SIGTERM}, {"SIGTERM", SIGTERM}, {"sigkill", SIGKILL}, {"9", 9}, {"64", 64},
        {"USR1", SIGUSR1}, {"RTMIN", 34}, {"SIGRTMIN+3", 37}, {"RTMAX-1", 63}, {"WINCH", SIGWINCH}, {"0", 0},
        {"65", 0}, {"-9", 0}, {"", 0}, {"SIG", 0}, {"NOPE", 0}, {"9x", 0}, {"RTMIN+99", 0}, {"RTMIN-1", 0},
        {"RTMAX+1", 0}, {"99999999999999999999", 0}, {NULL, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int sig = 0;
        struct err *e = signals_parse(cases[i].text, &sig);
        if (!e != (cases[i].want != 0) || sig != cases[i].want)
            fail_msg("%s: %d", cases[i].text, sig);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
