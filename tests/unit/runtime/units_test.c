/* Durations and sizes as Go programs write them. */
#include "tests/unit/test.h"

#include "lib/mem.h"
#include "runtime/cgroup/units.h"

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; /* 0: refused */
    } table[] = {
        {"5s", 5000000000},
        {"100ms", 100000000},
        {"1m30s", 90000000000},
        {"1.5h", 5400000000000},
        {".5s", 500000000},
        {"7us", 7000},
        {"7\u00b5s", 7000},
        {"1ns", 1},
        {"1h1m1s1ms", 3661001000000},
        {"", 0},
        {"5", 0},
        {"0s", 0},
        {"-5s", 0},
        {"s", 0},
        {"5 s", 0},
        {"5x", 0},
        {"5s3", 0},
        {".s", 0},
        {"1e3s", 0},
        {"0x5s", 0},
        {"99999999999h", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        int64_t ns = 0;
        struct err *e = units_duration("interval", table[i].text, &ns);
        if (!table[i].ns)
            assert_error(e, ERR_INVALID, NULL);
        else
            assert_ok(e);
        assert_int_equal(ns, table[i].ns);
    }
}

static void test_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -2: refused */
    } table[] = {
        {"0", 0},
        {"512", 512},
        {"-1", -1},
        {"1k", 1024},
        {"1K", 1024},
        {"100KB", 102400},
        {"64m", 67108864},
        {"64Mi", 67108864},
        {"1.5 GiB", 1610612736},
        {"2t", 2199023255552},
        {"1p", 1125899906842624},
        {"7b", 7},
        {"", -2},
        {"-2", -2},
        {"m", -2},
        {"1x", -2},
        {"1mm", -2},
        {"1 m ", -2},
        {"1..5m", -2},
        {"0x10", -2},
        {"1e3", -2},
        {"9999999p", -2},
        {"nan", -2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        int64_t v = -2;
        struct err *e = units_size("memory", table[i].text, &v);
        if (table[i].bytes == -2)
            assert_error(e, ERR_INVALID, NULL);
        else
            assert_ok(e);
        assert_int_equal(v, table[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_duration), cmocka_unit_test(test_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
