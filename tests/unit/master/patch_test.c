/* master/patch_*: merge, strategic merge and JSON patches. */
#include "master/changing.h"
#include "tests/unit/master/cluster_fixture.h"

static void equal(const struct json *got, const struct json *wanted, const char *what)
{
    struct buf b = BUF_INIT(1 << 16);
    if (got && json_equal(got, wanted))
        return;
    if (got)
        json_write(&b, got, 0);
    print_error("%s: got %s\n", what, buf_str(&b));
    buf_done(&b);
    fail();
}

static void test_merge(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *patch, *result;
    } cases[] = {
        /* of RFC 7386 */
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena *a = arena_new();
        equal(patch_merge(a, fixture_parse(a, cases[i].doc), fixture_parse(a, cases[i].patch)),
            fixture_parse(a, cases[i].result), cases[i].patch);
        arena_free(a);
    }
}

/* Docs and patches are PodSpecs. */
static void test_strategic(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *patch, *result;
    } cases[] = {
        /* lists with a key are merged by it; what is new comes first */
        {"{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"y\"}]}",
            "{\"containers\":[{\"name\":\"b\",\"image\":\"z\"},{\"name\":\"c\",\"image\":\"w\"}]}",
            "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"z\"},{\"name\":"
            "\"c\","
            "\"image\":\"w\"}]}"},
        {"{\"containers\":[{\"name\":\"a\"}]}", "{\"containers\":[{\"name\":\"c\"}]}",
            "{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\"}]}"},
        /* an order list decides */
        {"{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
            "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
            "{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}"},
        /* $patch: delete, replace */
        {"{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
            "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
            "{\"containers\":[{\"name\":\"b\"}]}"},
        {"{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
            "{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"c\"}]}",
            "{\"containers\":[{\"name\":\"c\"}]}"},
        {"{\"securityContext\":{\"runAsUser\":1,\"fsGroup\":2}}",
            "{\"securityContext\":{\"$patch\":\"replace\",\"runAsUser\":3}}",
            "{\"securityContext\":{\"runAsUser\":3}}"},
        /* atomic lists are replaced, null removes */
        {"{\"tolerations\":[{\"key\":\"a\"}]}", "{\"tolerations\":[{\"key\":\"b\"}]}",
            "{\"tolerations\":[{\"key\":\"b\"}]}"},
        {"{\"nodeName\":\"n\",\"hostname\":\"h\"}", "{\"hostname\":null}", "{\"nodeName\":\"n\"}"},
        /* $retainKeys: a volume has one source */
        {"{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
            "{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"hostPath\"],\"hostPath\":{\"path\":\"/"
            "\"}}]}",
            "{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}}]}"},
        /* maps */
        {"{\"nodeSelector\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"nodeSelector\":{\"a\":null,\"c\":\"3\"}}",
            "{\"nodeSelector\":{\"b\":\"2\",\"c\":\"3\"}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        const struct json *got = patch_strategic(a, schema_find("core.v1.PodSpec"),
            fixture_parse(a, cases[i].doc), fixture_parse(a, cases[i].patch), &error);
        equal(got, fixture_parse(a, cases[i].result), cases[i].patch);
        arena_free(a);
    }
}

static void test_strategic_scalars(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = NULL;
    const struct schema *s = schema_find("meta.v1.ObjectMeta");
    const struct json *doc = fixture_parse(a, "{\"finalizers\":[\"a\",\"b\"]}");
    equal(patch_strategic(
              a, s, doc, fixture_parse(a, "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}"), &error),
        fixture_parse(a, "{\"finalizers\":[\"b\"]}"), "delete from");
    equal(patch_strategic(a, s, doc, fixture_parse(a, "{\"finalizers\":[\"b\"]}"), &error),
        fixture_parse(a, "{\"finalizers\":[\"a\",\"b\"]}"), "union");
    assert_null(patch_strategic(a, schema_find("core.v1.PodSpec"), fixture_parse(a, "{\"containers\":[]}"),
        fixture_parse(a, "{\"containers\":[{\"image\":\"x\"}]}"), &error));
    assert_non_null(error);
    arena_free(a);
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *patch;
        unsigned code;
        const char *data; /* NULL: not looked at */
    } cases[] = {
        {"[{\"op\":\"add\",\"path\":\"/data/b\",\"value\":\"2\"}]", 200, "{\"a\":\"1\",\"b\":\"2\"}"},
        {"[{\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"1\"},{\"op\":\"remove\",\"path\":\"/data/a\"}]",
            200, NULL},
        {"[{\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"9\"}]", 422, NULL},
        {"[{\"op\":\"remove\",\"path\":\"/data/zork\"}]", 422, NULL},
        {"[{\"op\":\"replace\",\"path\":\"/data/zork\",\"value\":\"1\"}]", 422, NULL},
        {"[{\"op\":\"move\",\"from\":\"/data/a\",\"path\":\"/data/c\"}]", 200, "{\"c\":\"1\"}"},
        {"[{\"op\":\"copy\",\"from\":\"/data/a\",\"path\":\"/data/c\"}]", 200, "{\"a\":\"1\",\"c\":\"1\"}"},
        {"[{\"op\":\"add\",\"path\":\"/data/x~1y\",\"value\":\"2\"}]", 422, NULL}, /* no good key for data */
        {"[{\"op\":\"zork\",\"path\":\"/data/a\"}]", 422, NULL},
        {"[{\"op\":\"add\",\"path\":\"data\",\"value\":1}]", 422, NULL},
        {"{}", 400, NULL},
        {"[1]", 422, NULL},
    };
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"m\"},\"data\":{\"a\":\"1\"}}", false);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena *a = arena_new();
        fixture_change(f, CHANGE_PATCH_JSON, KIND_CONFIG_MAP, SUB_NONE, "m", cases[i].patch, true);
        if (f->code != cases[i].code)
            fail_msg("%s: %u %s", cases[i].patch, f->code, f->message);
        if (cases[i].data)
            equal(
                json_get(fixture_parse(a, f->json), "data"), fixture_parse(a, cases[i].data), cases[i].patch);
        arena_free(a);
    }
}

/* Every copy doubles the document: 30 lines would make a billion values. */
static void test_json_bomb(void **state)
{
    struct fixture *f = *state;
    struct buf b = BUF_INIT(1 << 16);
    buf_adds(&b, "[");
    for (int i = 0; i < 40; i++)
        buf_addf(&b, "%s{\"op\":\"copy\",\"from\":\"\",\"path\":\"/x%d\"}", i ? "," : "", i);
    buf_adds(&b, "]");
    fixture_change(
        f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, "{\"metadata\":{\"name\":\"m\"}}", false);
    fixture_change(f, CHANGE_PATCH_JSON, KIND_CONFIG_MAP, SUB_NONE, "m", buf_str(&b), true);
    assert_int_equal(f->code, 422);
    assert_string_equal(f->causes, "");
    assert_string_equal(f->message, "the server rejected our request due to an error in our request");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_strategic),
        cmocka_unit_test(test_strategic_scalars),
        cmocka_unit_test_setup_teardown(test_json, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_json_bomb, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
