/* master/ctl_endpoints_plan: addresses and ports that a Service leads to. */
#include "lib/mem.h"
#include "master/ctl_endpoints_plan.h"
#include "tests/unit/test.h"

static const struct json *json(struct arena *a, const char *text)
{
    const struct json *j = NULL;
    assert_ok(json_parse(a, text, strlen(text), NULL, &j));
    return j;
}

static struct pod *pod(
    struct arena *a, const char *name, const char *ip, const char *meta, const char *ready, int port)
{
    char text[1024];
    struct pod *p = arena_new_obj(a, struct pod);
    snprintf(text, sizeof(text),
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\",\"uid\":\"u-%s\"%s},"
        "\"spec\":{\"nodeName\":\"n1\",\"hostname\":\"h\",\"subdomain\":\"web\",\"containers\":[{\"name\":"
        "\"c\",\"ports\":[{\"name\":\"http\",\"containerPort\":%d}]}]},"
        "\"status\":{\"podIP\":\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\"}]}}",
        name, name, meta, port, ip, ready);
    assert_ok(fields_parse(&pod_fields, a, text, strlen(text), p));
    return p;
}

#define SERVICE(more)                                                                                        \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"s\"},\"spec\":{" more               \
    "\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\",\"targetPort\":\"http\"}]}}"

static size_t count(const struct json *endpoints, size_t subset, const char *list)
{
    const struct json *subsets = json_get(endpoints, "subsets");
    const struct json *l = subsets && subset < subsets->n ? json_get(&subsets->items[subset], list) : NULL;
    return l ? l->n : 0;
}

static void readiness_divides(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod *pods[] = {pod(a, "a", "10.0.0.1", "", "True", 8080),
        pod(a, "b", "10.0.0.2", "", "False", 8080),
        pod(a, "c", "10.0.0.3", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "True", 8080)};
    struct endpoints_plan plan;
    endpoints_plan(a, json(a, SERVICE("")), pods, 3, &plan);
    assert_int_equal(count(plan.endpoints, 0, "addresses"), 1);
    assert_int_equal(count(plan.endpoints, 0, "notReadyAddresses"), 1);
    assert_int_equal(plan.n_slices, 1);
    const struct json *e = json_get(plan.slices[0], "endpoints");
    assert_int_equal(e->n, 3);
    assert_false(json_bool(json_at(&e->items[2], "conditions", "ready", NULL), true));
    assert_true(json_bool(json_at(&e->items[2], "conditions", "serving", NULL), false));
    assert_true(json_bool(json_at(&e->items[2], "conditions", "terminating", NULL), false));
    assert_string_equal(json_str(json_get(&e->items[0], "hostname")), "h");
}

static void publish_not_ready_addresses(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod *pods[] = {pod(a, "b", "10.0.0.2", "", "False", 8080)};
    struct endpoints_plan plan;
    endpoints_plan(a, json(a, SERVICE("\"publishNotReadyAddresses\":true,")), pods, 1, &plan);
    assert_int_equal(count(plan.endpoints, 0, "addresses"), 1);
    const struct json *e = json_get(plan.slices[0], "endpoints");
    assert_true(json_bool(json_at(&e->items[0], "conditions", "ready", NULL), false));
}

static void named_ports_make_groups(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod *pods[] = {
        pod(a, "a", "10.0.0.1", "", "True", 8080), pod(a, "b", "10.0.0.2", "", "True", 9090)};
    struct endpoints_plan plan;
    endpoints_plan(a, json(a, SERVICE("")), pods, 2, &plan);
    assert_int_equal(plan.n_slices, 2);
    int64_t first = 0, second = 0;
    json_int(json_get(&json_get(plan.slices[0], "ports")->items[0], "port"), &first);
    json_int(json_get(&json_get(plan.slices[1], "ports")->items[0], "port"), &second);
    assert_int_equal(first, 8080);
    assert_int_equal(second, 9090);
    assert_int_equal(count(plan.endpoints, 1, "addresses"), 1);
}

static void many_pods_take_several_slices(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod *pods[ENDPOINTS_PER_SLICE + 1];
    for (int i = 0; i <= ENDPOINTS_PER_SLICE; i++) {
        char name[16], ip[32];
        snprintf(name, sizeof(name), "p%d", i);
        snprintf(ip, sizeof(ip), "10.0.%d.%d", i / 250, i % 250 + 1);
        pods[i] = pod(a, name, ip, "", "True", 8080);
    }
    struct endpoints_plan plan;
    endpoints_plan(a, json(a, SERVICE("")), pods, ENDPOINTS_PER_SLICE + 1, &plan);
    assert_int_equal(plan.n_slices, 2);
    assert_string_equal(json_str(json_at(plan.slices[1], "metadata", "name", NULL)), "web-1");
    assert_int_equal(json_get(plan.slices[1], "endpoints")->n, 1);
}

static void no_pods_leave_empty_endpoints(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct endpoints_plan plan;
    endpoints_plan(a, json(a, SERVICE("")), NULL, 0, &plan);
    assert_null(json_get(plan.endpoints, "subsets"));
    assert_int_equal(plan.n_slices, 0);
}

static void what_is_written_by_hand_is_mirrored(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct endpoints_plan plan;
    endpoints_mirror(a, json(a, SERVICE("")),
        json(a, "{\"subsets\":[{\"addresses\":[{\"ip\":\"192.0.2.1\"}],\"notReadyAddresses\":[{\"ip\":\"192."
                "0.2.2\"}],\"ports\":[{\"port\":5432}]}]}"),
        &plan);
    assert_int_equal(plan.n_slices, 1);
    const struct json *e = json_get(plan.slices[0], "endpoints");
    assert_int_equal(e->n, 2);
    assert_true(json_bool(json_at(&e->items[0], "conditions", "ready", NULL), false));
    assert_false(json_bool(json_at(&e->items[1], "conditions", "ready", NULL), true));
    assert_string_equal(
        json_str(json_get(json_at(plan.slices[0], "metadata", "labels", NULL), ENDPOINTS_MANAGER_LABEL)),
        ENDPOINTS_MIRROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_divides),
        cmocka_unit_test(publish_not_ready_addresses),
        cmocka_unit_test(named_ports_make_groups),
        cmocka_unit_test(many_pods_take_several_slices),
        cmocka_unit_test(no_pods_leave_empty_endpoints),
        cmocka_unit_test(what_is_written_by_hand_is_mirrored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
