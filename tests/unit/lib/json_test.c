/* lib/json: reading, limits, errors with their place, trees, writing. */
#include "lib/json.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>

static struct err *parse(struct arena *a, const char *text, const struct json **ret)
{
    return json_parse(a, text, strlen(text), NULL, ret);
}

static const struct json *good(struct arena *a, const char *text)
{
    const struct json *j = NULL;
    assert_ok(parse(a, text, &j));
    return j;
}

static void assert_text(const struct json *j, const char *text)
{
    auto_buf b = BUF_INIT(1 << 20);
    json_write(&b, j, 0);
    assert_string_equal(buf_str(&b), text);
}

static void survives_a_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12345678901234567890123456789",
        "1.10",
        "1e5",
        "-1.5E-10",
        "\"\"",
        "\"a\\\"b\\\\c\\n\\t\\u0001\"",
        "[]",
        "{}",
        "[1,[2,[3]],{}]",
        "{\"b\":1,\"a\":{\"c\":[true,null]},\"\":2}",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        auto_arena *a = arena_new();
        assert_text(good(a, texts[i]), texts[i]);
    }
}

static void understands_escapes(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    assert_string_equal(
        json_str(good(a, "\"\\u00e9\\u20ac\\ud83d\\ude00\\/\"")), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/");
    const struct json *nul = good(a, "\"a\\u0000b\"");
    assert_int_equal(nul->n, 3);
    assert_memory_equal(nul->text, "a\0b", 4);
    assert_null(json_str(nul));
    assert_text(nul, "\"a\\u0000b\"");
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 1: unexpected end of the JSON text"},
        {"   ", "line 1, column 3: unexpected end of the JSON text"},
        {"{", "line 1, column 1: unexpected end of the JSON text"},
        {"{\n  \"a\": 1,\n  \"b\"", "line 3, column 5: unexpected end of the JSON text"},
        {"{\"a\":1}{}", NULL},
        {"[1,]", NULL},
        {"{\"a\" 1}", NULL},
        {"{a:1}", NULL},
        {"01", NULL},
        {"1.", NULL},
        {"+1", NULL},
        {"nul", NULL},
        {"'a'", NULL},
        {"\"\n\"", NULL},
        {"\"\\x\"", NULL},
        {"\"\\u12g4\"", NULL},
        {"\"\xff\"", NULL},
        {"\"\xc0\xaf\"", NULL},
        {"[1 /* c */]", NULL},
        {"\xef\xbb\xbf{}", NULL},
        {"{\"a\\u0000\":1}", "line 1, column 10: a name with a NUL byte"},
        {"{\"a\":1,\n \"b\":2,\n \"a\":3}", "line 3, column 4: duplicate name \"a\""},
        {"[{\"x\":{\"y\":1,\"y\":2}}]", "line 1, column 16: duplicate name \"y\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        const struct json *j;
        assert_error(parse(a, cases[i].text, &j), ERR_INVALID, cases[i].message);
    }
}

static void finds_a_duplicate_among_many(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(1 << 20);
    buf_adds(&b, "{");
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "\"name%d\":%d,\n", i, i);
    size_t len = b.len;
    buf_adds(&b, "\"last\":1}");
    auto_arena *a = arena_new();
    assert_int_equal(good(a, buf_str(&b))->n, 1001);
    b.len = len;
    buf_adds(&b, "\"name500\":1}");
    const struct json *j;
    assert_error(parse(a, buf_str(&b), &j), ERR_INVALID, "line 1001, column 9: duplicate name \"name500\"");
    struct json_limits lim = json_limits_default;
    lim.duplicates = true;
    assert_ok(json_parse(a, buf_str(&b), b.len, &lim, &j));
    assert_int_equal(j->n, 1001);
}

static void keeps_its_limits(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *j;
    const struct json_limits lim = {.bytes = 20, .depth = 3, .nodes = 5};
    assert_ok(json_parse(a, "[[[1]]]", 7, &lim, &j));
    assert_error(json_parse(a, "[[[[1]]]]", 9, &lim, &j), ERR_LIMIT, "line 1, column 4: nested too deeply");
    assert_error(json_parse(a, "{\"a\":[{\"b\":[]}]}", 16, &lim, &j), ERR_LIMIT, NULL);
    assert_ok(json_parse(a, "[1,2,3,4]", 9, &lim, &j));
    assert_error(json_parse(a, "[1,2,3,4,5]", 11, &lim, &j), ERR_LIMIT, NULL);
    assert_error(json_parse(a, "[                    ]", 22, &lim, &j), ERR_LIMIT,
        "a JSON text of 22 bytes: more than 20");
    char deep[200];
    memset(deep, '[', sizeof(deep));
    assert_error(
        json_parse(a, deep, sizeof(deep), NULL, &j), ERR_LIMIT, "line 1, column 65: nested too deeply");
}

static void getters(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *j =
        good(a, "{\"s\":\"x\",\"n\":5,\"b\":true,\"o\":{\"p\":{\"q\":\"deep\"}},\"z\":null}");
    assert_string_equal(json_str(json_get(j, "s")), "x");
    assert_null(json_get(j, "t"));
    assert_null(json_get(NULL, "t"));
    assert_null(json_get(json_get(j, "n"), "t"));
    assert_string_equal(json_str(json_at(j, "o", "p", "q", NULL)), "deep");
    assert_null(json_at(j, "o", "x", "q", NULL));
    assert_null(json_str(json_get(j, "n")));
    assert_true(json_bool(json_get(j, "b"), false));
    assert_true(json_bool(json_get(j, "nope"), true));
    assert_false(json_bool(json_get(j, "s"), false));
    assert_int_equal(json_get(j, "z")->type, JSON_NULL);
    size_t members = 0, items = 0;
    json_each_member (m, j)
        members++;
    json_each_item (it, j)
        items++;
    json_each_item (it2, (const struct json *)NULL)
        items++;
    assert_int_equal(members, 5);
    assert_int_equal(items, 0);
}

static void integers_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-5", true, -5},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        int64_t v = 0;
        assert_int_equal(json_int(good(a, cases[i].text), &v), cases[i].good);
        assert_int_equal(v, cases[i].value);
    }
}

static void equality(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *j = good(a, "{\"a\":1,\"b\":[1,{\"c\":\"x\"}]}");
    assert_true(json_equal(j, good(a, "{\"b\":[1,{\"c\":\"x\"}],\"a\":1}")));
    assert_false(json_equal(j, good(a, "{\"b\":[1,{\"c\":\"y\"}],\"a\":1}")));
    assert_false(json_equal(j, good(a, "{\"a\":1}")));
    assert_false(json_equal(good(a, "{\"a\":1,\"b\":2}"), good(a, "{\"a\":1,\"c\":2}")));
    assert_false(json_equal(good(a, "[1,2]"), good(a, "[2,1]")));
    assert_false(json_equal(good(a, "1"), good(a, "\"1\"")));
    assert_true(json_equal(NULL, NULL));
    assert_false(json_equal(j, NULL));
}

static void new_trees_share_and_leave_the_old(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *j = good(a, "{\"a\":1,\"b\":{\"c\":2}}");
    assert_text(json_with(a, j, "a", json_new_str(a, "x")), "{\"a\":\"x\",\"b\":{\"c\":2}}");
    assert_text(json_with(a, j, "z", json_new_int(a, -7)), "{\"a\":1,\"b\":{\"c\":2},\"z\":-7}");
    assert_text(json_with(a, j, "a", NULL), "{\"b\":{\"c\":2}}");
    assert_text(json_with(a, j, "nope", NULL), "{\"a\":1,\"b\":{\"c\":2}}");
    assert_text(json_with(a, NULL, "n", json_new_bool(a, true)), "{\"n\":true}");
    assert_text(json_with_at(a, j, json_new_int(a, 3), "b", "c", NULL), "{\"a\":1,\"b\":{\"c\":3}}");
    assert_text(
        json_with_at(a, j, json_new_int(a, 3), "x", "y", NULL), "{\"a\":1,\"b\":{\"c\":2},\"x\":{\"y\":3}}");
    assert_text(json_with_at(a, j, NULL, "b", "c", NULL), "{\"a\":1,\"b\":{}}");
    assert_text(json_append(a, NULL, &json_null), "[null]");
    assert_text(json_append(a, good(a, "[1]"), j), "[1,{\"a\":1,\"b\":{\"c\":2}}]");
    assert_text(j, "{\"a\":1,\"b\":{\"c\":2}}");
}

static void copies_outlive_their_source(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct arena *other = arena_new();
    const struct json *copy = json_copy(a, good(other, "{\"a\":[1,\"x\",{\"b\":null}],\"c\":{}}"));
    arena_free(other);
    assert_text(copy, "{\"a\":[1,\"x\",{\"b\":null}],\"c\":{}}");
    assert_null(json_copy(a, NULL));
}

static void writer_puts_commas(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(1000);
    struct json_out o = {&b};
    json_out_object(&o, NULL);
    json_out_str(&o, "s", "x");
    json_out_array(&o, "a");
    json_out_int(&o, NULL, 1);
    json_out_object(&o, NULL);
    json_out_end_object(&o);
    json_out_str(&o, NULL, NULL);
    json_out_end_array(&o);
    json_out_bool(&o, "b", false);
    json_out_raw(&o, "r", "[1]", 3);
    json_out_null(&o, "n");
    json_out_end_object(&o);
    assert_string_equal(buf_str(&b), "{\"s\":\"x\",\"a\":[1,{},null],\"b\":false,\"r\":[1],\"n\":null}");
}

static void writer_makes_valid_text_of_any_bytes(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100000);
    for (unsigned c1 = 0; c1 < 256; c1++)
        for (unsigned c2 = 0; c2 < 256; c2 += 5) {
            char bytes[5] = {(char)c1, (char)c2, 'x', (char)c1};
            auto_arena *a = arena_new();
            struct json_out o = {&b};
            const struct json *back;
            buf_clear(&b);
            json_out_strn(&o, NULL, bytes, 4);
            assert_ok(json_parse(a, b.data, b.len, NULL, &back));
        }
    buf_clear(&b);
    struct json_out o = {&b};
    json_out_str(&o, NULL, "\xed\xa0\x80\xf5\x7f\xc3");
    assert_string_equal(
        buf_str(&b), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u007f\xef\xbf\xbd\"");
}

static void pretty(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(1000);
    json_write(&b, good(a, "{\"a\":[1,{}],\"b\":{\"c\":[]}}"), 2);
    assert_string_equal(
        buf_str(&b), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_a_round_trip),
        cmocka_unit_test(understands_escapes),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(finds_a_duplicate_among_many),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(getters),
        cmocka_unit_test(integers_only),
        cmocka_unit_test(equality),
        cmocka_unit_test(new_trees_share_and_leave_the_old),
        cmocka_unit_test(copies_outlive_their_source),
        cmocka_unit_test(writer_puts_commas),
        cmocka_unit_test(writer_makes_valid_text_of_any_bytes),
        cmocka_unit_test(pretty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
