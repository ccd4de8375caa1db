/* lib/yaml: what Kubernetes reads out of a scalar, documents, anchors, limits, errors; what kubectl prints.
 */
#include "lib/mem.h"
#include "lib/yaml.h"
#include "tests/unit/test.h"
#include <stdlib.h>

static struct err *parse(struct arena *a, const char *text, const struct json **ret)
{
    return yaml_parse(a, text, strlen(text), NULL, ret);
}

static void assert_reads(const char *yaml, const char *json)
{
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(1 << 20);
    const struct json *j = NULL;
    assert_ok(parse(a, yaml, &j));
    json_write(&b, j, 0);
    assert_string_equal(buf_str(&b), json);
}

static void scalars(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"true", "true"},
        {"True", "true"},
        {"yes", "true"},
        {"Y", "true"},
        {"on", "true"},
        {"no", "false"},
        {"n", "false"},
        {"OFF", "false"},
        {"tRue", "\"tRue\""},
        {"\"yes\"", "\"yes\""},
        {"'1'", "\"1\""},
        {"x", "\"x\""},
        {"0", "0"},
        {"-12", "-12"},
        {"+12", "12"},
        {"0777", "511"},
        {"0o777", "511"},
        {"08", "8"},
        {"0x1F", "31"},
        {"-0x10", "-16"},
        {"0b101", "5"},
        {"1_000", "1000"},
        {"_1", "\"_1\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709552000"},
        {"1.5", "1.5"},
        {"1.0", "1"},
        {"1.", "1"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"1e3", "1000"},
        {"1e21", "1e+21"},
        {"1.25e-7", "1.25e-07"},
        {"0.000001", "0.000001"},
        {"0.012", "0.012"},
        {"-123.25", "-123.25"},
        {"120.0", "120"},
        {"0.0", "0"},
        {"-0.0", "-0"},
        {"1e999", "\"1e999\""},
        {"1.2.3", "\"1.2.3\""},
        {"1:30", "\"1:30\""},
        {"100m", "\"100m\""},
        {"64Mi", "\"64Mi\""},
        {"0x", "\"0x\""},
        {"-", NULL},
        {"+", "\"+\""},
        {".", "\".\""},
        {"1 2", "\"1 2\""},
        {"2026-11-23", "\"2026-11-23\""},
        {"2026-11-23T08:44:00Z", "\"2026-11-23T08:44:00Z\""},
        {"!!str 1", "\"1\""},
        {"!!int 1", "1"},
        {"!!float 1", "1"},
        {"! 1", "\"1\""},
        {"!custom 1", "\"1\""},
        {"\"a\\nb\\x41\\u00e9\"", "\"a\\nbA\xc3\xa9\""},
        {"'it''s'", "\"it's\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_free char *yaml = mem_printf("v: %s\n", cases[i].yaml);
        auto_free char *json = mem_printf("[{\"v\":%s}]", cases[i].json);
        if (cases[i].json)
            assert_reads(yaml, json);
    }
    static const char *const nulls[] = {"~", "null", "Null", "NULL", ""};
    for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
        auto_free char *yaml = mem_printf("v: %s\n", nulls[i]);
        assert_reads(yaml, "[{\"v\":null}]");
    }
}

static void structures(void **state)
{
    (void)state;
    assert_reads("", "[]");
    assert_reads("# only a comment\n", "[]");
    assert_reads("---\n---\n...\n---\nnull\n", "[]");
    assert_reads("a: 1\n---\n# nothing\n---\nb: 2\n...\n", "[{\"a\":1},{\"b\":2}]");
    assert_reads("- a\n- - b\n  - {c: [d, e]}\n-\n", "[[\"a\",[\"b\",{\"c\":[\"d\",\"e\"]}],null]]");
    assert_reads("a: |\n  x\n   y\n\nb: |-\n  x\nc: >\n  x\n  y\n\n  z\nd: |+\n  x\n\n",
        "[{\"a\":\"x\\n y\\n\",\"b\":\"x\",\"c\":\"x y\\nz\\n\",\"d\":\"x\\n\\n\"}]");
    assert_reads(
        "1: a\ntrue: b\n1.50: c\n\"\": d\n", "[{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"\":\"d\"}]");
    assert_reads("%YAML 1.1\n---\na: b\n", "[{\"a\":\"b\"}]");
    assert_reads("a: 1\r\nb: 2\r\n", "[{\"a\":1,\"b\":2}]");
    assert_reads("\xef\xbb\xbf"
                 "a: 1\n",
        "[{\"a\":1}]");
}

static void json_is_yaml(void **state)
{
    (void)state;
    assert_reads("{\"a\":[1,2.50,\"x\\/\\ud83d\\ude00\"],\n\t\"b\":null}",
        "[{\"a\":[1,2.50,\"x/\xf0\x9f\x98\x80\"],\"b\":null}]");
    assert_reads("  [1, \"a\"]", "[[1,\"a\"]]");
    assert_reads("{a: 1, b: yes}", "[{\"a\":1,\"b\":true}]");
    char name[2000];
    memset(name, 'k', sizeof(name));
    auto_free char *text = mem_printf("{\"%.*s\":1}", (int)sizeof(name), name);
    auto_free char *json = mem_printf("[%s]", text);
    assert_reads(text, json);
}

static void anchors_and_merges(void **state)
{
    (void)state;
    assert_reads("a: &x {p: 1, q: [2]}\nb: *x\n", "[{\"a\":{\"p\":1,\"q\":[2]},\"b\":{\"p\":1,\"q\":[2]}}]");
    assert_reads("a: &x 5\nb: &x 6\nc: *x\n", "[{\"a\":5,\"b\":6,\"c\":6}]");
    assert_reads("&k key: *k\n", "[{\"key\":\"key\"}]");
    assert_reads("- &x {p: 1, q: 2}\n- {q: 3, <<: *x}\n- {<<: *x, r: 4}\n",
        "[[{\"p\":1,\"q\":2},{\"q\":3,\"p\":1},{\"r\":4,\"p\":1,\"q\":2}]]");
    assert_reads("- &x {p: 1}\n- &y {p: 2, q: 2}\n- {<<: [*x, *y]}\n",
        "[[{\"p\":1},{\"p\":2,\"q\":2},{\"p\":1,\"q\":2}]]");
    assert_reads("{'<<': 1}", "[{\"<<\":1}]");
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        enum err_kind kind;
        const char *message;
    } cases[] = {
        {"a: 1\nb: [1,\n", ERR_INVALID, "line 3, column 1: did not find expected node content"},
        {"a: b: c\n", ERR_INVALID, "line 1, column 5: mapping values are not allowed in this context"},
        {"a: 1\n b: 2\n", ERR_INVALID, "line 2, column 3: mapping values are not allowed in this context"},
        {"a:\n\tb: 1\n", ERR_INVALID, "line 2, column 1: found character that cannot start any token"},
        {"a: \"x\n", ERR_INVALID, "line 2, column 1: found unexpected end of stream"},
        {"a: 1\nb: 2\na: 3\n", ERR_INVALID, "line 3, column 1: duplicate name \"a\""},
        {"a: {x: 1, x: 2}\n", ERR_INVALID, "line 1, column 11: duplicate name \"x\""},
        {"1: a\n\"1\": b\n", ERR_INVALID, "line 2, column 1: duplicate name \"1\""},
        {"a: *x\n", ERR_INVALID, "line 1, column 4: unknown anchor \"x\""},
        {"a: &x 1\n---\nb: *x\n", ERR_INVALID, "line 3, column 4: unknown anchor \"x\""},
        {"a: &x [*x]\n", ERR_INVALID, "line 1, column 8: anchor \"x\" contains itself"},
        {"a: .inf\n", ERR_INVALID, "line 1, column 4: infinity and NaN are no values here"},
        {"a: !!int x\n", ERR_INVALID, "line 1, column 4: \"x\" is no !!int"},
        {"a: !!bool 1\n", ERR_INVALID, "line 1, column 4: \"1\" is no !!bool"},
        {"a: !!binary aGk=\n", ERR_UNSUPPORTED, "line 1, column 4: !!binary is not read here"},
        {"? [a]\n: 1\n", ERR_INVALID, "line 1, column 3: a name that is no string"},
        {"~: 1\n", ERR_INVALID, "line 1, column 1: a name that is no string"},
        {"<<: 3\n", ERR_INVALID, "line 1, column 1: \"<<\" takes a mapping or a sequence of mappings"},
        {"<<: [{a: 1}, 3]\n", ERR_INVALID,
            "line 1, column 1: \"<<\" takes a mapping or a sequence of mappings"},
        {"a: \xff\n", ERR_INVALID, "byte 3: invalid leading UTF-8 octet"},
        {"a: \x01\n", ERR_INVALID, "byte 3: control characters are not allowed"},
        {"\"a\\0b\": 1\n", ERR_INVALID, "line 1, column 1: a name with a NUL byte"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        const struct json *j;
        assert_error(parse(a, cases[i].yaml, &j), cases[i].kind, cases[i].message);
    }
}

static void limits(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(1 << 20);
    const struct json *j;
    /* the "billion laughs": each level names the one before nine times */
    buf_adds(&b, "a0: &a0 [x]\n");
    for (int i = 1; i < 10; i++)
        buf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_error(parse(a, buf_str(&b), &j), ERR_LIMIT, NULL);
    buf_clear(&b);
    for (int i = 0; i < 70; i++)
        buf_addc(&b, '[');
    assert_error(parse(a, buf_str(&b), &j), ERR_LIMIT, "line 1, column 65: nested too deeply");
    buf_clear(&b);
    for (int i = 0; i <= 1000; i++)
        buf_addf(&b, "- &a%d x\n", i);
    assert_error(parse(a, buf_str(&b), &j), ERR_LIMIT, "line 1001, column 3: too many anchors");
    const struct json_limits lim = {.bytes = 10, .depth = 5, .nodes = 3};
    assert_error(yaml_parse(a, "- 1\n- 2\n- 3\n", 12, &lim, &j), ERR_LIMIT, NULL);
    assert_error(yaml_parse(a, "[1,2,3,4]", 9, &lim, &j), ERR_LIMIT, "line 1, column 6: too many values");
}

static void writes_as_kubectl_does(void **state)
{
    (void)state;
    static const struct {
        const char *json, *yaml;
    } cases[] = {
        {"{}", "{}\n"},
        {"[]", "[]\n"},
        {"{\"b\":1,\"a\":[],\"c\":{}}", "a: []\nb: 1\nc: {}\n"},
        {"{\"a10\":1,\"a2\":2,\"a\":3,\"A\":4,\"1\":5}", "\"1\": 5\nA: 4\na: 3\na2: 2\na10: 1\n"},
        {"{\"l\":[{\"x\":1,\"y\":[\"z\"]},[1,2]]}", "l:\n- x: 1\n  \"y\":\n  - z\n- - 1\n  - 2\n"},
        {"{\"s\":\"a\\nb\\n\",\"t\":\"a\\nb\"}", "s: |\n  a\n  b\nt: |-\n  a\n  b\n"},
        {"{\"a\":null,\"b\":true,\"c\":1.50,\"d\":\"x\"}", "a: null\nb: true\nc: 1.50\nd: x\n"},
        {"{\"a\":\"true\",\"b\":\"1\",\"c\":\"\",\"d\":\"null\",\"e\":\"y\",\"f\":\"0x1\"}",
            "a: \"true\"\nb: \"1\"\nc: \"\"\nd: \"null\"\ne: \"y\"\nf: \"0x1\"\n"},
        {"{\"t\":\"2026-11-23T08:44:00Z\",\"u\":\"12:30\",\"v\":\"10.0.0.1\"}",
            "t: \"2026-11-23T08:44:00Z\"\nu: \"12:30\"\nv: 10.0.0.1\n"},
        {"{\"a\":\"x: y\",\"b\":\"# c\",\"c\":\"- d\",\"d\":\" e\",\"e\":\"it's\",\"f\":\"{g\"}",
            "a: 'x: y'\nb: '# c'\nc: '- d'\nd: ' e'\ne: it's\nf: '{g'\n"},
        {"{\"a\":\"\xc3\xa9\",\"b\":\"\\u0001\"}", "a: \xc3\xa9\nb: \"\\x01\"\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        auto_buf b = BUF_INIT(10000);
        const struct json *j;
        assert_ok(json_parse(a, cases[i].json, strlen(cases[i].json), NULL, &j));
        yaml_write(&b, j);
        assert_string_equal(buf_str(&b), cases[i].yaml);
    }
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":\"\\u0000\\u0001\\u001b\\u007f\\u0085\\u2028\\ufeff\",\"b\":\"\\r\\n\",\"c\":\"\\t x\\n  "
        "y\\n\"}",
        "{\"k\":\" lead\\n trail \\n\\n\",\"\":\"\\n\",\"- x\":[[[]],[{}]],\"~\":\"~\"}",
        "[\"---\",\"...\",\"<<\",\"*a\",\"&a\",\"!t\",\"%d\",\"@x\",\"`y\",\"a #b\",\"a: "
        "b\",\"|\",\">\",\"?\",\"? x\"]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        auto_arena *a = arena_new();
        auto_buf b = BUF_INIT(10000);
        const struct json *j, *back;
        assert_ok(json_parse(a, texts[i], strlen(texts[i]), NULL, &j));
        yaml_write(&b, j);
        assert_ok(parse(a, buf_str(&b), &back));
        assert_int_equal(back->n, 1);
        assert_true(json_equal(&back->items[0], j));
    }
}

static void long_lines_are_not_folded(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(10000), words = BUF_INIT(5000);
    for (int i = 0; i < 500; i++)
        buf_adds(&words, i ? " word" : "word");
    yaml_write(&b, json_with(a, NULL, "x", json_new_str(a, buf_str(&words))));
    assert_int_equal(b.len, words.len + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(structures),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(anchors_and_merges),
        cmocka_unit_test(errors),
        cmocka_unit_test(limits),
        cmocka_unit_test(writes_as_kubectl_does),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(long_lines_are_not_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
