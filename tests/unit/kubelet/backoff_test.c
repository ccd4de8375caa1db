/* kubelet/backoff, termination, cgroups: small pure things. */
#include "kubelet/backoff.h"
#include "kubelet/cgroups.h"
#include "kubelet/log_rotate.h"
#include "kubelet/termination.h"
#include "lib/file.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void a_crash_loop(void **state)
{
    (void)state;
    struct backoff b = {0};
    static const int64_t seconds[] = {0, 10, 20, 40, 80, 160, 300, 300};
    for (size_t i = 0; i < ARRAY_SIZE(seconds); i++)
        assert_int_equal(backoff_next(&b, &backoff_crash, 1000), 1000 * seconds[i]);
    assert_int_equal(backoff_next(&b, &backoff_crash, 599999), 300000);
    assert_int_equal(backoff_next(&b, &backoff_crash, 600000), 0); /* ten good minutes */
    assert_int_equal(backoff_next(&b, &backoff_crash, 0), 10000);
}

static void pulls_and_setups(void **state)
{
    (void)state;
    struct backoff b = {0};
    assert_int_equal(backoff_next(&b, &backoff_pull, 0), 10000);
    assert_int_equal(backoff_next(&b, &backoff_pull, 0), 20000);
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, &backoff_setup, 0), 500);
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } cases[] = {{"abc", 3, "abc"},
        {"a\xff\xfe"
         "b",
            4,
            "a\xef\xbf\xbd\xef\xbf\xbd"
            "b"},
        {"\xc3\xa4", 2, "\xc3\xa4"}, {"\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\0b", 3,
            "a\xef\xbf\xbd"
            "b"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_free char *out = termination_utf8(cases[i].in, cases[i].n);
        assert_string_equal(out, cases[i].out);
    }
}

#define T "2026-11-23T08:44:00.000000001Z"
static void log_tails(void **state)
{
    (void)state;
    const char *in = T " stdout F one\n" T " stderr P tw\n" T " stderr F o\n";
    auto_free char *out = termination_log_tail(in, strlen(in));
    assert_string_equal(out, "one\ntwo\n");
    auto_buf many = BUF_INIT(1 << 20);
    for (int i = 0; i < 200; i++)
        buf_addf(&many, T " stdout F line %d\n", i);
    auto_free char *tail = termination_log_tail(buf_str(&many), many.len);
    assert_int_equal(strncmp(tail, "line 120\n", 9), 0); /* the last 80 */
    buf_clear(&many);
    for (int i = 0; i < 100; i++)
        buf_addf(&many, T " stdout F %0100d\n", i);
    auto_free char *cut = termination_log_tail(buf_str(&many), many.len);
    assert_int_equal(strlen(cut), 2048);
}

static void shares_and_quotas(void **state)
{
    (void)state;
    assert_int_equal(cgroups_shares(0), 2);
    assert_int_equal(cgroups_shares(250), 256);
    assert_int_equal(cgroups_shares(10000000), 262144);
    assert_int_equal(cgroups_quota(0), 0);
    assert_int_equal(cgroups_quota(1), 1000);
    assert_int_equal(cgroups_quota(1500), 150000);
}

/* A log is renamed beyond its ceiling, and only so many old ones stay. */
static void logs_rotate(void **state)
{
    (void)state;
    char dir[] = "/tmp/wherry-logs-XXXXXX", path[64], old[128];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/0.log", dir);
    for (int i = 0; i < 5; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "line %d\n", i);
        fclose(f);
        assert_false(log_rotate_file(path, 100, 2, 0));
        assert_true(log_rotate_file(path, 3, 2, i * 1000000000LL));
    }
    for (int i = 0; i < 5; i++) {
        snprintf(old, sizeof(old), "%s.19700101-00000%d", path, i);
        assert_int_equal(access(old, F_OK) == 0, i >= 3);
    }
    err_free(file_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_crash_loop), cmocka_unit_test(pulls_and_setups),
        cmocka_unit_test(utf8), cmocka_unit_test(log_tails), cmocka_unit_test(shares_and_quotas),
        cmocka_unit_test(logs_rotate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
