/* lib/api/quantity, lib/api/pod: amounts, and what a Pod asks for in all. */
#include "lib/api/pod.h"
#include "lib/api/quantity.h"
#include "tests/unit/test.h"

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t milli;
        const char *canonical;
    } good[] = {
        {"0", 0, "0"},
        {"1", 1000, "1"},
        {"100m", 100, "100m"},
        {"1500m", 1500, "1500m"},
        {"1.5", 1500, "1500m"},
        {".5", 500, "500m"},
        {"0.1u", 1, "1m"}, /* finer than a thousandth: up */
        {"1000", 1000000, "1k"},
        {"2k", 2000000, "2k"},
        {"1M", 1000000000, "1M"},
        {"1e3", 1000000, "1e3"},
        {"12E", 0, NULL},
        {"1Ki", 1024000, "1Ki"},
        {"1.5Gi", 1610612736000, "1536Mi"},
        {"1023Ki", 1047552000, "1023Ki"},
        {"-5", -5000, "-5"},
        {"+3", 3000, "3"},
        {"100M", 100000000000, "100M"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct quantity q;
        char text[QUANTITY_TEXT];
        struct err *e = quantity_parse(good[i].text, &q);
        if (!good[i].canonical) { /* beyond what we count */
            assert_error(e, ERR_INVALID, NULL);
            continue;
        }
        assert_ok(e);
        assert_int_equal(q.milli, good[i].milli);
        quantity_text(&q, text);
        assert_string_equal(text, good[i].canonical);
    }
    static const char *const bad[] = {"", "m", "1 ", " 1", "1.2.3", "1kk", "0x1", "1mi", "1e", "--1", "1Gb",
        "99999999999999999999999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(quantity_is_valid(bad[i]));
    assert_int_equal(quantity_units("1500m", -1), 2);
    assert_int_equal(quantity_units("rubbish", -1), -1);
    assert_int_equal(quantity_millis(NULL, 7), 7);
}

#define R(name, cpu_request, cpu_limit, memory)                                                              \
    "{\"name\":\"" name "\",\"resources\":{\"requests\":{\"cpu\":\"" cpu_request "\",\"memory\":\"" memory   \
    "\"},\"limits\":{\"cpu\":\"" cpu_limit "\",\"memory\":\"" memory "\"}}}"

static void requests_of_a_pod(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t cpu, memory, cpu_limit;
        enum pod_qos qos;
    } cases[] = {
        {"{\"containers\":[{\"name\":\"a\"}]}", 0, 0, 0, POD_BEST_EFFORT},
        {"{\"containers\":[" R("a", "1", "1", "1Mi") "]}", 1000, 1 << 20, 1000, POD_GUARANTEED},
        {"{\"containers\":[" R("a", "500m", "1", "1Mi") "," R("b", "1", "1", "1Mi") "]}", 1500, 2 << 20, 2000,
            POD_BURSTABLE},
        {"{\"containers\":[" R("a", "1", "1", "1Mi") ",{\"name\":\"b\"}]}", 1000, 1 << 20, 0, POD_BURSTABLE},
        /* an init container that is larger than what runs later counts instead of it */
        {"{\"initContainers\":[" R("i", "3", "3", "1Mi") "],\"containers\":[" R("a", "1", "1", "2Mi") "]}",
            3000, 2 << 20, 3000, POD_GUARANTEED},
        /* a limit stands for the request that is missing */
        {"{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"200m\"}}}]}", 200, 0, 200,
            POD_BURSTABLE},
        {"{\"containers\":[{\"name\":\"a\"}],\"overhead\":{\"cpu\":\"50m\"}}", 50, 0, 0, POD_BEST_EFFORT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        struct pod_spec s;
        assert_ok(fields_parse(&pod_spec_fields, a, cases[i].spec, strlen(cases[i].spec), &s));
        assert_int_equal(pod_request(&s, "cpu"), cases[i].cpu);
        assert_int_equal(pod_request(&s, "memory"), cases[i].memory);
        assert_int_equal(pod_limit(&s, "cpu"), cases[i].cpu_limit);
        assert_int_equal(pod_qos(&s), cases[i].qos);
    }
}

static void sidecars_run_beside(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod_spec s;
    const char *text = "{\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{"
                       "\"requests\":{\"cpu\":\"1\"}}},"
                       "{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"1500m\"}}}],"
                       "\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}";
    assert_ok(fields_parse(&pod_spec_fields, a, text, strlen(text), &s));
    assert_int_equal(pod_request(&s, "cpu"), 2500); /* the init container beside the sidecar */
}

static void errors_name_the_field(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct pod p;
    const char *text = "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":70000}]}]}}";
    struct err *e = fields_parse(&pod_fields, a, text, strlen(text), &p);
    assert_non_null(e);
    assert_non_null(strstr(err_message(e), "spec.containers[0].ports[0].containerPort"));
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(requests_of_a_pod),
        cmocka_unit_test(sidecars_run_beside),
        cmocka_unit_test(errors_name_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
