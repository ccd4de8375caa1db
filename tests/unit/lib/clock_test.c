/* lib/clock: RFC 3339 both ways, ages as kubectl prints them. */
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>

#define S 1000000000LL

static void prints(void **state)
{
    (void)state;
    char text[CLOCK_TEXT];
    clock_rfc3339(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_rfc3339(1795423440 * S + 999999999, text);
    assert_string_equal(text, "2026-11-23T08:44:00Z");
    clock_rfc3339_micro(1795423440 * S + 123456789, text);
    assert_string_equal(text, "2026-11-23T08:44:00.123456Z");
    clock_rfc3339_nano(1795423440 * S + 1, text);
    assert_string_equal(text, "2026-11-23T08:44:00.000000001Z");
    clock_rfc3339_nano(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
}

static void parses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T08:44:00Z", 1795423440 * S},
        {"2026-11-23t08:44:00z", 1795423440 * S},
        {"2026-11-23T08:44:00.5Z", 1795423440 * S + S / 2},
        {"2026-11-23T08:44:00.123456789Z", 1795423440 * S + 123456789},
        {"2026-11-23T08:44:00.1234567899Z", 1795423440 * S + 123456789},
        {"2026-11-23T10:44:00+02:00", 1795423440 * S},
        {"2026-11-23T03:14:00-05:30", 1795423440 * S},
        {"2024-02-29T00:00:00Z", 1709164800 * S},
        {"1969-12-31T23:59:59.999999999Z", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ns = 42;
        assert_true(clock_parse(cases[i].text, &ns));
        assert_int_equal(ns, cases[i].ns);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T08:44:00",
        "2026-11-23T08:44Z",
        "2026-13-23T08:44:00Z",
        "2026-00-23T08:44:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T08:60:00Z",
        "2026-11-23T08:44:61Z",
        "2026-11-23T08:44:00.Z",
        "2026-11-23T08:44:00+0200",
        "2026-11-23T08:44:00+24:00",
        "2026-11-23T08:44:00Zx",
        " 2026-11-23T08:44:00Z",
        "0001-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int64_t ns = 42;
        assert_false(clock_parse(texts[i], &ns));
        assert_int_equal(ns, 42);
    }
}

static void reads_what_it_prints(void **state)
{
    (void)state;
    for (int64_t ns = -4000000000 * S; ns < 4000000000 * S; ns += 12345678901234567) {
        char text[CLOCK_TEXT];
        int64_t back;
        clock_rfc3339_nano(ns, text);
        assert_true(clock_parse(text, &back));
        assert_int_equal(back, ns);
    }
}

static void ages(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-2, "<invalid>"},
        {-1, "0s"},
        {0, "0s"},
        {5, "5s"},
        {119, "119s"},
        {120, "2m"},
        {182, "3m2s"},
        {599, "9m59s"},
        {600, "10m"},
        {659, "10m"},
        {10799, "179m"},
        {10800, "3h"},
        {10861, "3h1m"},
        {28799, "7h59m"},
        {28800, "8h"},
        {30000, "8h"},
        {172799, "47h"},
        {172800, "2d"},
        {172800 + 3 * 3600, "2d3h"},
        {691199, "7d23h"},
        {691200, "8d"},
        {63071999, "729d"},
        {63072000, "2y"},
        {63072000 + 86400 * 5, "2y5d"},
        {252287999, "7y364d"},
        {252288000, "8y"},
        {300000000, "9y"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[40];
        clock_age(cases[i].seconds * S, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints),
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_what_it_prints),
        cmocka_unit_test(ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
