/* kubelet/crilog_read: the CRI log format becomes what a person asked for. */
#include "kubelet/crilog_read.h"
#include "lib/clock.h"
#include "tests/unit/test.h"

#define T1 "2026-11-23T08:44:00.000000001Z"
#define T2 "2026-11-23T08:44:10.000000000Z"

static void check(struct crilog_filter f, const char *in, size_t used, const char *out)
{
    struct crilog_reader r = {.filter = f};
    auto_buf b = BUF_INIT(4096);
    assert_int_equal(crilog_read(&r, in, strlen(in), &b), used);
    assert_string_equal(buf_str(&b), out);
}

static void lines_and_parts(void **state)
{
    (void)state;
    const struct crilog_filter all = {.limit = -1};
    const char *whole = T1 " stdout F one\n" T1 " stderr P two-\n" T1 " stderr F rest\n" T1 " stdout F \n";
    check(all, whole, strlen(whole), "one\ntwo-rest\n\n");
    check(all, T1 " stdout F cut of", 0, "");
    const char *strange = "rubbish\n" T1 " stdout X what\n" T1 " stdout F:tag good\n\n";
    check(all, strange, strlen(strange), "good\n");
}

static void timestamps_begin_lines_not_parts(void **state)
{
    (void)state;
    const struct crilog_filter f = {.limit = -1, .timestamps = true};
    const char *in = T1 " stdout P a\n" T2 " stdout F b\n" T2 " stdout F c\n";
    check(f, in, strlen(in), T1 " ab\n" T2 " c\n");
}

static void since_stream_and_limit(void **state)
{
    (void)state;
    const char *in = T1 " stdout F old\n" T2 " stdout F new\n" T2 " stderr F bad\n";
    struct crilog_filter f = {.limit = -1};
    assert_true(clock_parse(T2, &f.since_ns));
    check(f, in, strlen(in), "new\nbad\n");
    check((struct crilog_filter){.limit = -1, .stream = "stderr"}, in, strlen(in), "bad\n");
    check((struct crilog_filter){.limit = 6}, in, strlen(in), "old\nne");
    check((struct crilog_filter){.limit = 0}, in, strlen(in), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_parts),
        cmocka_unit_test(timestamps_begin_lines_not_parts),
        cmocka_unit_test(since_stream_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
