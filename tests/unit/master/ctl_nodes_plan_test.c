/* master/ctl_nodes_plan: taints by condition, silence, and when a Pod has to leave. */
#include "lib/clock.h"
#include "lib/mem.h"
#include "master/ctl_nodes_plan.h"
#include "tests/unit/test.h"

#define NOW "2026-11-23T08:44:00Z"

static const struct json *json(struct arena *a, const char *text)
{
    const struct json *j = NULL;
    assert_ok(json_parse(a, text, strlen(text), NULL, &j));
    return j;
}

static const char *text_of(struct arena *a, const struct json *j)
{
    auto_buf b = BUF_INIT(4096);
    if (!j)
        return "as it is";
    json_write(&b, j, 0);
    return arena_strdup(a, buf_str(&b));
}

static void taints_follow_conditions(void **state)
{
    (void)state;
    static const struct {
        const char *node, *taints;
    } cases[] = {
        {"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", "as it is"},
        {"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}",
            "[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"},"
            "{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoExecute\",\"timeAdded\":\"" NOW "\"}]"},
        {"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]},\"spec\":{\"taints\":[{"
         "\"key\":\"mine\",\"effect\":\"NoSchedule\"},"
         "{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]}}",
            "[{\"key\":\"mine\",\"effect\":\"NoSchedule\"},{\"key\":\"node.kubernetes.io/"
            "unreachable\",\"effect\":\"NoSchedule\"},"
            "{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":\"NoExecute\",\"timeAdded\":\"" NOW
            "\"}]"},
        {"{\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
         "\"True\"}]}}",
            "[{\"key\":\"node.kubernetes.io/unschedulable\",\"effect\":\"NoSchedule\"}]"},
        {"{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\",\"effect\":\"NoSchedule\"}]},"
         "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
            "[]"},
        /* a taint that stands keeps its time */
        {"{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/"
         "not-ready\",\"effect\":\"NoExecute\",\"timeAdded\":\"2001-01-01T00:00:00Z\"},"
         "{\"key\":\"node.kubernetes.io/"
         "not-ready\",\"effect\":\"NoSchedule\"}]},\"status\":{\"conditions\":[{\"type\":\"Ready\","
         "\"status\":\"False\"}]}}",
            "as it is"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        assert_string_equal(text_of(a, nodes_taints(a, json(a, cases[i].node), NOW)), cases[i].taints);
    }
}

static void silence_makes_conditions_unknown_once(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct json *node = json(a, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
                                      "{\"type\":\"Mine\",\"status\":\"True\"}]}}");
    const struct json *lost = nodes_lost_conditions(a, node, NOW);
    assert_non_null(lost);
    assert_string_equal(json_str(json_get(&lost->items[0], "status")), "Unknown");
    assert_string_equal(json_str(json_get(&lost->items[0], "reason")), "NodeStatusUnknown");
    assert_string_equal(json_str(json_get(&lost->items[1], "status")), "True");
    node = json_with_at(a, node, lost, "status", "conditions", NULL);
    assert_null(nodes_lost_conditions(a, node, NOW));
}

static void pods_leave_when_their_toleration_ends(void **state)
{
    (void)state;
    static const struct {
        const char *tolerations;
        int64_t seconds; /* after the taint; -1: stays; -2: at once */
    } cases[] = {
        {"", -2},
        {"{\"operator\":\"Exists\"}", -1},
        {"{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}", 300},
        {"{\"key\":\"k\",\"operator\":\"Exists\",\"tolerationSeconds\":300},{\"operator\":\"Exists\","
         "\"tolerationSeconds\":5}",
            5},
        {"{\"key\":\"k\",\"operator\":\"Exists\",\"tolerationSeconds\":-7}", 0},
        {"{\"key\":\"other\",\"operator\":\"Exists\"}", -2},
    };
    int64_t added;
    assert_true(clock_parse(NOW, &added));
    const struct taint taints[] = {
        {.key = "soft", .effect = "NoSchedule"}, {.key = "k", .effect = "NoExecute", .time_added = NOW}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        char text[512];
        struct pod_spec spec;
        snprintf(text, sizeof(text), "{\"containers\":[],\"tolerations\":[%s]}", cases[i].tolerations);
        assert_ok(fields_parse(&pod_spec_fields, a, text, strlen(text), &spec));
        int64_t at = nodes_evict_at(&spec, taints, 2);
        int64_t expected = cases[i].seconds == -1   ? NODES_STAY
                           : cases[i].seconds == -2 ? 0
                                                    : added + cases[i].seconds * 1000000000;
        assert_true(at == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taints_follow_conditions),
        cmocka_unit_test(silence_makes_conditions_unknown_once),
        cmocka_unit_test(pods_leave_when_their_toleration_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
