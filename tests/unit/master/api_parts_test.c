/* Small parts of the API: Accept, authorisation, Pod address ranges, the row of a Pod, Status. */
#include "lib/mem.h"
#include "master/accept.h"
#include "master/auth.h"
#include "master/status.h"
#include "master/system_plan.h"
#include "master/table_pod.h"
#include "tests/unit/test.h"
#include <stdlib.h>

static void test_accept(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum accept_result result;
        enum accept_format format;
        enum accept_as as;
    } cases[] = {
        {NULL, ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"*/*", ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"application/json, */*", ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"application/vnd.kubernetes.protobuf,application/json", ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"application/vnd.kubernetes.protobuf", ACCEPT_NONE, ACCEPT_JSON, AS_OBJECT},
        {"text/html;q=0.9, application/json;q=0.1", ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"application/yaml;q=0.5, application/json;q=0.1", ACCEPT_OK, ACCEPT_YAML, AS_OBJECT},
        {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", ACCEPT_OK, ACCEPT_JSON, AS_TABLE},
        {"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", ACCEPT_OK, ACCEPT_JSON, AS_OBJECT},
        {"application/json;as=Zork;v=v1;g=meta.k8s.io", ACCEPT_NO_CONVERSION, ACCEPT_JSON, AS_OBJECT},
        {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", ACCEPT_OK, ACCEPT_JSON,
            AS_PARTIAL_LIST},
        {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", ACCEPT_OK, ACCEPT_JSON,
            AS_DISCOVERY},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct accept got;
        enum accept_result r = accept_parse(a, cases[i].header, &got);
        if (r != cases[i].result ||
            (r == ACCEPT_OK && (got.format != cases[i].format || got.as != cases[i].as)))
            fail_msg("%s", cases[i].header);
    }
    assert_string_equal(accept_media_type(a, "Application/JSON; charset=utf-8"), "application/json");
    assert_string_equal(accept_media_type(a, NULL), "");
    arena_free(a);
}

static void test_auth(void **state)
{
    (void)state;
    const char *masters = "system:masters", *nodes = "system:nodes";
    const struct str_list as_master = {1, &masters}, as_node = {1, &nodes}, nobody = {0, NULL};
    const struct {
        const char *user;
        const struct str_list *groups;
        unsigned verb;
        enum kind_id kind;
        const char *sub, *ns, *name;
        bool allowed;
    } cases[] = {
        {"admin", &as_master, VERB_DELETE, KIND_NODE, NULL, "", "n", true},
        {"jane", &nobody, VERB_GET, KIND_POD, NULL, "default", "p", false},
        {"system:node:n", &nobody, VERB_LIST, KIND_POD, NULL, NULL, NULL,
            false}, /* the name alone is nothing */
        {"system:node:n", &as_node, VERB_LIST, KIND_POD, NULL, NULL, NULL, true},
        {"system:node:n", &as_node, VERB_PATCH, KIND_POD, "status", "default", "p", true},
        {"system:node:n", &as_node, VERB_PATCH, KIND_POD, NULL, "default", "p", false},
        {"system:node:n", &as_node, VERB_PATCH, KIND_NODE, "status", "", "n", true},
        {"system:node:n", &as_node, VERB_PATCH, KIND_NODE, "status", "", "other", false},
        {"system:node:n", &as_node, VERB_UPDATE, KIND_LEASE, NULL, "kube-node-lease", "n", true},
        {"system:node:n", &as_node, VERB_UPDATE, KIND_LEASE, NULL, "default", "n", false},
        {"system:node:n", &as_node, VERB_CREATE, KIND_SERVICE, NULL, "default", NULL, false},
        {"system:kube-proxy", &nobody, VERB_WATCH, KIND_ENDPOINT_SLICE, NULL, NULL, NULL, true},
        {"system:kube-proxy", &nobody, VERB_GET, KIND_SECRET, NULL, "default", "s", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct resource *r = resource_of(cases[i].kind);
        const struct subresource *sub = cases[i].sub ? resource_sub(r, cases[i].sub) : NULL;
        bool got =
            auth_allows(cases[i].user, cases[i].groups, cases[i].verb, r, sub, cases[i].ns, cases[i].name);
        if (got != cases[i].allowed)
            fail_msg("case %zu: %s", i, cases[i].user);
    }
}

static void test_pod_ranges(void **state)
{
    (void)state;
    struct cidr_pool p;
    char cidr[32];
    assert_ok(cidr_pool_init(&p, "10.244.0.0/22"));
    assert_true(cidr_pool_choose(&p, cidr));
    assert_string_equal(cidr, "10.244.0.0/24");
    cidr_pool_take(&p, "10.244.0.0/24");
    cidr_pool_take(&p, "10.244.2.0/23");
    cidr_pool_take(&p, "192.168.0.0/24");
    cidr_pool_take(&p, "nonsense");
    assert_true(cidr_pool_choose(&p, cidr));
    assert_string_equal(cidr, "10.244.1.0/24");
    cidr_pool_take(&p, cidr);
    assert_false(cidr_pool_choose(&p, cidr));
    cidr_pool_clear(&p);
    assert_true(cidr_pool_choose(&p, cidr));
    cidr_pool_done(&p);
    assert_error(cidr_pool_init(&p, "10.244.0.0/30"), ERR_INVALID,
        "--cluster-cidr: \"10.244.0.0/30\" is no IPv4 range of /8 to /24");
    assert_error(cidr_pool_init(&p, "ten/8"), ERR_INVALID, NULL);
}

static void test_pod_row(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *cells; /* name, ready, status, restarts */
    } cases[] = {
        {"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":"
         "\"Pending\"}}",
            "[\"p\",\"0/1\",\"Pending\",\"0\","},
        {"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":"
         "\"Running\","
         "\"containerStatuses\":[{\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{}}}]}}",
            "[\"p\",\"1/1\",\"Running\",\"2\","},
        {"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":"
         "\"Running\","
         "\"containerStatuses\":[{\"restartCount\":3,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}"
         "}}]}}",
            "[\"p\",\"0/1\",\"CrashLoopBackOff\",\"3\","},
        {"{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
         "\"containers\":[{}]},"
         "\"status\":{\"phase\":\"Running\"}}",
            "[\"p\",\"0/1\",\"Terminating\",\"0\","},
        {"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{}],\"initContainers\":[{\"name\":\"i\"},{"
         "\"name\":\"j\"}]}"
         ",\"status\":{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
         "\"terminated\":{"
         "\"exitCode\":0}}},{\"name\":\"j\",\"state\":{\"running\":{}}}]}}",
            "[\"p\",\"0/1\",\"Init:1/2\",\"0\","},
        {"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{}]},\"status\":{\"phase\":\"Failed\","
         "\"containerStatuses\":"
         "[{\"state\":{\"terminated\":{\"exitCode\":3}}}]}}",
            "[\"p\",\"0/1\",\"ExitCode:3\",\"0\","},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena *a = arena_new();
        struct buf b = BUF_INIT(4096);
        struct json_out o = {.buf = &b};
        const struct json *pod;
        assert_ok(json_parse(a, cases[i].pod, strlen(cases[i].pod), NULL, &pod));
        json_out_array(&o, NULL);
        table_pod_cells(&o, a, pod);
        json_out_end_array(&o);
        if (strncmp(buf_str(&b), cases[i].cells, strlen(cases[i].cells)) != 0)
            fail_msg("case %zu: %s", i, buf_str(&b));
        buf_done(&b);
        arena_free(a);
    }
}

static void test_status(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b = BUF_INIT(4096);
    status_write(&b, status_not_found(a, "discovery.k8s.io", "endpointslices", "x"));
    assert_string_equal(buf_str(&b),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
        "\"endpointslices.discovery.k8s.io \\\"x\\\" not "
        "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"x\","
        "\"group\":\"discovery.k8s.io\",\"kind\":\"endpointslices\"},\"code\":404}");
    buf_done(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_pod_ranges),
        cmocka_unit_test(test_pod_row),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
