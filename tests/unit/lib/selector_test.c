/* lib/api/selector */
#include "lib/api/selector.h"
#include "tests/unit/test.h"

static struct str_pair pairs[] = {{"app", "web"}, {"tier", "front"}, {"n", "5"}, {"a.b/c", ""}};
static const struct str_map labels = {4, pairs};

static void test_labels(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        {"", true},
        {"app=web", true},
        {"app==web", true},
        {"app = web , tier=front", true},
        {"app!=web", false},
        {"nosuch!=web", true},
        {"app in (web, db)", true},
        {"app in (db)", false},
        {"app notin (db)", true},
        {"nosuch notin (db)", true},
        {"app", true},
        {"!app", false},
        {"!nosuch,app", true},
        {"nosuch", false},
        {"n>4", true},
        {"n<5", false},
        {"app>4", false},
        {"a.b/c=", true},
        {"app=", false},
        {"app in ()", false},
        {"a.b/c in ()", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena *a = arena_new();
        struct selector s;
        assert_ok(selector_parse_labels(a, cases[i].text, &s));
        if (selector_matches(&s, &labels) != cases[i].matches)
            fail_msg("%s", cases[i].text);
        arena_free(a);
    }
}

static void test_bad_labels(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a===b", "=b", "a b", "a in b", "a in (b", "!", "a,,b", "a b=c", "a>x", "-a=b", "a=b c", "a=(b)"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct arena *a = arena_new();
        struct selector s;
        struct err *e = selector_parse_labels(a, bad[i], &s);
        if (!e)
            fail_msg("%s", bad[i]);
        err_free(e);
        arena_free(a);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct selector s;
    assert_ok(selector_parse_fields(a, "spec.nodeName=n1,status.phase!=Failed,x==a\\,b\\=c\\\\", &s));
    assert_int_equal(s.n, 3);
    assert_string_equal(s.terms[0].key, "spec.nodeName");
    assert_int_equal(s.terms[1].op, SELECTOR_NOT_IN);
    assert_string_equal(s.terms[2].values.v[0], "a,b=c\\");
    assert_ok(selector_parse_fields(a, "involvedObject.namespace=,", &s));
    assert_string_equal(s.terms[0].values.v[0], "");
    assert_error(selector_parse_fields(a, "nonsense", &s), ERR_INVALID, NULL);
    assert_error(selector_parse_fields(a, "a=b=c", &s), ERR_INVALID, NULL);
    assert_error(selector_parse_fields(a, "a=b\\c", &s), ERR_INVALID, NULL);
    arena_free(a);
}

static void test_map(void **state)
{
    (void)state;
    struct str_pair want[] = {{"app", "web"}};
    assert_true(selector_map_matches(&(struct str_map){1, want}, &labels));
    assert_false(selector_map_matches(&(struct str_map){0, NULL}, &labels));
    want[0].value = "db";
    assert_false(selector_map_matches(&(struct str_map){1, want}, &labels));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_bad_labels),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
