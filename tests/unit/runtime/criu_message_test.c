/* CRIU's messages in protobuf's wire format: bytes that are known, and what strangers might send. */
#include "tests/unit/test.h"

#include "runtime/criu/criu_message.h"

static void test_request(void **state)
{
    (void)state;
    auto_buf opts = BUF_INIT(1000), b = BUF_INIT(1000);
    criu_put_int(&opts, CRIU_IMAGES_DIR_FD, 300);
    criu_put_flag(&opts, CRIU_LEAVE_RUNNING, true);
    criu_put_flag(&opts, CRIU_EXT_UNIX_SK, false);
    criu_put_str(&opts, CRIU_LOG_FILE, "a.log");
    criu_put_pair(&opts, CRIU_EXT_MNT, "/x", "/yy");
    criu_put_int(&b, CRIU_REQ_TYPE, CRIU_DUMP);
    criu_put_message(&b, CRIU_REQ_OPTS, &opts);
    static const unsigned char want[] = {0x08, 1, 0x12, 24, 0x08, 0xac, 0x02, 0x18, 1, 0x52, 5, 'a', '.', 'l',
        'o', 'g', 0xba, 0x01, 9, 0x0a, 2, '/', 'x', 0x12, 3, '/', 'y', 'y'};
    assert_int_equal(b.len, sizeof(want));
    assert_memory_equal(b.data, want, sizeof(want));
    buf_clear(&b);
    criu_put_int(&b, CRIU_PID, -1); /* ten bytes, as int32 has them */
    assert_int_equal(b.len, 11);
}

static void test_response(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct criu_response r;
    static const unsigned char notify[] = {
        0x08, 6, 0x10, 1, 0x2a, 9, 0x0a, 4, 'p', 'o', 's', 't', 0x10, 0xb9, 0x60};
    assert_ok(criu_response_parse(a, notify, sizeof(notify), &r));
    assert_int_equal(r.type, CRIU_NOTIFY);
    assert_true(r.success);
    assert_string_equal(r.script, "post");
    assert_int_equal(r.pid, 12345);
    static const unsigned char restored[] = {0x08, 2, 0x10, 1, 0x22, 2, 0x08, 7, /* unknown: */ 0x5a, 2, 1, 2,
        0x65, 1, 2, 3, 4, 0x69, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_ok(criu_response_parse(a, restored, sizeof(restored), &r));
    assert_int_equal(r.pid, 7);
    static const unsigned char failed[] = {0x08, 1, 0x10, 0, 0x38, 52, 0x4a, 2, 'n', 'o'};
    assert_ok(criu_response_parse(a, failed, sizeof(failed), &r));
    assert_false(r.success);
    assert_int_equal(r.error, 52);
    assert_string_equal(r.error_text, "no");
    static const unsigned char features[] = {0x08, 9, 0x10, 1, 0x42, 2, 0x08, 1};
    assert_ok(criu_response_parse(a, features, sizeof(features), &r));
    assert_true(r.mem_track && !r.lazy_pages);
}

/* Every beginning of a message either is one or is refused; nothing is read beyond its end (ASan sees to
 * that). */
static void test_cut_and_wrong(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct criu_response r;
    static const unsigned char whole[] = {
        0x08, 6, 0x10, 1, 0x2a, 9, 0x0a, 4, 'p', 'o', 's', 't', 0x10, 0xb9, 0x60};
    for (size_t n = 0; n < sizeof(whole); n++) {
        auto_free unsigned char *copy = n ? mem_dup(whole, n) : NULL;
        auto_err *e = criu_response_parse(a, copy, n, &r);
        assert_true((e == NULL) == (n == 2 || n == 4)); /* where a field of the outer message ends */
    }
    static const unsigned char bad[][12] = {
        {0x0f, 1},                                                             /* a kind that is none */
        {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, /* a number without an end */
        {0x08, 1, 0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f},                         /* longer than all */
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(criu_response_parse(a, bad[i], sizeof(bad[i]), &r), ERR_INVALID, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_request), cmocka_unit_test(test_response),
        cmocka_unit_test(test_cut_and_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
