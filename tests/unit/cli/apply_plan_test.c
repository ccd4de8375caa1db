/* cli/apply_plan: what apply sends, and when an object is ready. */
#include "cli/apply_plan.h"
#include "lib/mem.h"
#include "tests/unit/test.h"

static const struct json *json(struct arena *a, const char *text)
{
    const struct json *j = NULL;
    assert_ok(json_parse(a, text, strlen(text), NULL, &j));
    return j;
}

/* The patch without the annotation that every patch carries. */
static const char *patch_text(struct arena *a, const char *last, const char *now)
{
    auto_buf b = BUF_INIT(8192);
    const struct json *live = last ? apply_annotated(a, json(a, last)) : json(a, "{\"metadata\":{}}");
    const struct json *patch = apply_patch(a, live, json(a, now));
    json_write(&b, json_with(a, patch, "metadata", NULL), 0);
    return arena_strdup(a, buf_str(&b));
}

static void what_is_left_out_is_deleted(void **state)
{
    (void)state;
    static const struct {
        const char *last, *now, *patch;
    } cases[] = {
        {NULL, "{\"metadata\":{},\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1}}"},
        {"{\"metadata\":{},\"spec\":{\"a\":1,\"b\":2}}", "{\"metadata\":{},\"spec\":{\"a\":1}}",
            "{\"spec\":{\"a\":1,\"b\":null}}"},
        {"{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":\"i\"},{\"name\":\"y\"}]}}",
            "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"x\"}]}}",
            "{\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":null},{\"$patch\":\"delete\",\"name\":"
            "\"y\"}]}}"},
        {"{\"metadata\":{},\"spec\":{\"command\":[\"a\",\"b\"]}}",
            "{\"metadata\":{},\"spec\":{\"command\":[\"a\"]}}", "{\"spec\":{\"command\":[\"a\"]}}"},
        {"{\"metadata\":{},\"spec\":{\"ports\":[{\"port\":80},{\"port\":81}]}}",
            "{\"metadata\":{},\"spec\":{\"ports\":[{\"port\":81}]}}",
            "{\"spec\":{\"ports\":[{\"port\":81},{\"$patch\":\"delete\",\"port\":80}]}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        assert_string_equal(patch_text(a, cases[i].last, cases[i].now), cases[i].patch);
    }
}

static void a_broken_annotation_deletes_nothing(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *live =
        json(a, "{\"metadata\":{\"annotations\":{\"" APPLY_ANNOTATION "\":\"{broken\"}}}");
    const struct json *patch =
        apply_patch(a, live, json(a, "{\"metadata\":{\"name\":\"x\"},\"data\":{\"k\":\"v\"}}"));
    assert_string_equal(json_str(json_at(patch, "data", "k", NULL)), "v");
}

static void the_annotation_holds_the_manifest(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *o =
        apply_annotated(a, json(a, "{\"spec\":{\"b\":[{\"z\":1,\"y\":2}],\"a\":\"1 > 0 && \u2028\"},"
                                   "\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}"));
    assert_string_equal(json_str(json_get(json_at(o, "metadata", "annotations", NULL), APPLY_ANNOTATION)),
        "{\"kind\":\"Pod\",\"metadata\":{\"annotations\":{},\"name\":\"x\"},\"spec\":{\"a\":\"1 \\u003e 0 "
        "\\u0026\\u0026 \\u2028\",\"b\":[{"
        "\"y\":2,\"z\":1}]}}\n");
}

static void readiness(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        bool ready;
    } cases[] = {
        {"{\"kind\":\"Pod\",\"status\":{\"phase\":\"Succeeded\"}}", true},
        {"{\"kind\":\"Pod\",\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
         "\"False\"}]}}",
            false},
        {"{\"kind\":\"Pod\",\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", true},
        {"{\"kind\":\"ReplicationController\",\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":1},"
         "\"status\":{\"observedGeneration\":1,\"replicas\":1,\"readyReplicas\":1}}",
            false},
        {"{\"kind\":\"ReplicationController\",\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":1},"
         "\"status\":{\"observedGeneration\":2,\"replicas\":1,\"readyReplicas\":1}}",
            true},
        {"{\"kind\":\"ReplicationController\",\"spec\":{\"replicas\":0},\"status\":{\"replicas\":1}}", false},
        {"{\"kind\":\"Service\"}", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        assert_int_equal(apply_is_ready(json(a, cases[i].object)), cases[i].ready);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_is_deleted),
        cmocka_unit_test(a_broken_annotation_deletes_nothing),
        cmocka_unit_test(the_annotation_holds_the_manifest),
        cmocka_unit_test(readiness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
