/* lib/log: one line per event, in both forms. */
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char line[200000];

/* What was logged since the last call, without the time in front. */
static const char *logged(int fd)
{
    ssize_t n = read(fd, line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = 0;
    return line;
}

static int setup(void **state)
{
    int *fds = mem_array(2, sizeof(int));
    *state = fds;
    if (pipe2(fds, O_NONBLOCK) < 0)
        return -1;
    fcntl(fds[0], F_SETPIPE_SZ, 1 << 17);
    log_to(fds[1]);
    return 0;
}

static int teardown(void **state)
{
    int *fds = *state;
    close(fds[0]);
    close(fds[1]);
    free(fds);
    return 0;
}

static void text(void **state)
{
    int *fds = *state;
    log_init("kubelet", LOG_INFO, LOG_TEXT);
    log_warn("pod=default/web container=app", "it %s", "fell");
    const char *got = logged(fds[0]);
    assert_string_equal(got + 24, " warn  kubelet: pod=default/web container=app msg=\"it fell\"\n");
    int64_t ns;
    char time[25];
    snprintf(time, sizeof(time), "%.24s", got);
    assert_true(clock_parse(time, &ns));
    assert_int_equal(time[19], '.');
    log_error("", "a \"b\"\n\x1b[31m\\");
    assert_string_equal(logged(fds[0]) + 24, " error kubelet: msg=\"a \\\"b\\\"\\n\\x1b[31m\\\\\"\n");
}

static void levels(void **state)
{
    int *fds = *state;
    log_init("x", LOG_WARN, LOG_TEXT);
    log_info("", "no");
    log_debug("", "no");
    assert_string_equal(logged(fds[0]), "");
    log_init("x", LOG_DEBUG, LOG_TEXT);
    log_debug("", "yes");
    assert_string_equal(logged(fds[0]) + 24, " debug x: msg=\"yes\"\n");
}

static void errors(void **state)
{
    int *fds = *state;
    log_init("x", LOG_INFO, LOG_TEXT);
    log_err(LOG_ERROR, "pod=p", err_wrap(err_new(ERR_BUG, "why"), "what"));
    assert_string_equal(logged(fds[0]) + 24, " error x: pod=p msg=\"what: why\"\n");
    log_err(LOG_ERROR, "", NULL);
    log_err(LOG_DEBUG, "", err_new(ERR_BUG, "freed all the same"));
    assert_string_equal(logged(fds[0]), "");
}

static void json(void **state)
{
    int *fds = *state;
    log_init("proxy", LOG_INFO, LOG_JSON);
    log_info("pod=a/b rev=5", "say \"%s\"", "hi\xff");
    auto_arena *a = arena_new();
    const struct json *j;
    const char *got = logged(fds[0]);
    assert_ok(json_parse(a, got, strlen(got), NULL, &j));
    assert_string_equal(json_str(json_get(j, "level")), "info");
    assert_string_equal(json_str(json_get(j, "program")), "proxy");
    assert_string_equal(json_str(json_get(j, "pod")), "a/b");
    assert_string_equal(json_str(json_get(j, "rev")), "5");
    assert_string_equal(json_str(json_get(j, "msg")), "say \"hi\xef\xbf\xbd\"");
}

static void long_messages_are_cut(void **state)
{
    int *fds = *state;
    static char huge[300000];
    memset(huge, 1, sizeof(huge) - 1);
    log_init("x", LOG_INFO, LOG_JSON);
    log_info("", "%s", huge);
    const char *got = logged(fds[0]);
    assert_int_equal(got[strlen(got) - 1], '\n');
    auto_arena *a = arena_new();
    const struct json *j;
    assert_ok(json_parse(a, got, strlen(got), NULL, &j));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text),
        TEST(levels),
        TEST(errors),
        TEST(json),
        TEST(long_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
