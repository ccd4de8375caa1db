/* lib/buf: the ceiling above all. */
#include "lib/buf.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>

static void grows_to_the_ceiling_exactly(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(1000);
    for (int i = 0; i < 1000; i++)
        buf_addc(&b, 'x');
    assert_int_equal(b.len, 1000);
    assert_int_equal(b.data[1000], 0);
    assert_ok(buf_check(&b, "text"));
    buf_addc(&b, 'y');
    assert_int_equal(b.len, 1000);
    assert_true(b.over);
    assert_error(buf_check(&b, "text"), ERR_LIMIT, "text: larger than 1000 bytes");
}

static void over_stays_and_nothing_is_added(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(4);
    buf_adds(&b, "abc");
    buf_adds(&b, "de");
    assert_string_equal(buf_str(&b), "abc");
    buf_adds(&b, "d"); /* would fit, but a gap must not go unseen */
    assert_string_equal(buf_str(&b), "abc");
    buf_addf(&b, "%d", 1);
    assert_string_equal(buf_str(&b), "abc");
    buf_clear(&b);
    buf_adds(&b, "abcd");
    assert_ok(buf_check(&b, "x"));
}

static void huge_additions_do_not_wrap(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100);
    buf_adds(&b, "abc");
    assert_null(buf_room(&b, SIZE_MAX));
    assert_null(buf_room(&b, 1)); /* over by now */
    auto_buf none = BUF_INIT(0);
    assert_string_equal(buf_str(&none), "");
    buf_addc(&none, 'x');
    assert_true(none.over);
}

static void formats(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(10000);
    buf_addf(&b, "%s=%d;", "a", 1);
    buf_addf(&b, "%300d", 7);
    assert_int_equal(b.len, 304);
    assert_memory_equal(b.data, "a=1;   ", 7);
    assert_int_equal(b.data[303], '7');
    auto_buf tight = BUF_INIT(300);
    buf_addf(&tight, "%300d", 7);
    assert_ok(buf_check(&tight, "x"));
    buf_clear(&tight);
    buf_addf(&tight, "%301d", 7);
    assert_int_equal(tight.len, 0);
    assert_true(tight.over);
}

static void drop_take_room(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100);
    buf_adds(&b, "hello world");
    buf_drop(&b, 6);
    assert_string_equal(buf_str(&b), "world");
    buf_drop(&b, 100);
    assert_string_equal(buf_str(&b), "");
    char *to = buf_room(&b, 50);
    memcpy(to, "xy", 2);
    buf_grown(&b, 2);
    assert_string_equal(buf_str(&b), "xy");
    auto_free char *taken = buf_take(&b);
    assert_string_equal(taken, "xy");
    assert_int_equal(b.len, 0);
    assert_int_equal(b.max, 100);
    auto_free char *empty = buf_take(&b);
    assert_string_equal(empty, "");
}

static void holds_nul_bytes(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(10);
    buf_add(&b, "a\0b", 3);
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_the_ceiling_exactly),
        cmocka_unit_test(over_stays_and_nothing_is_added),
        cmocka_unit_test(huge_additions_do_not_wrap),
        cmocka_unit_test(formats),
        cmocka_unit_test(drop_take_room),
        cmocka_unit_test(holds_nul_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
