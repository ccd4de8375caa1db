/* kubelet/admit: may this Pod run here? */
#include "kubelet/admit.h"
#include "tests/unit/test.h"

struct example {
    const char *spec, *reason, *message; /* reason NULL: yes */
};

static const char other[] =
    "{\"containers\":[{\"name\":\"o\",\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Mi\"}},"
    "\"ports\":[{\"containerPort\":80,\"hostPort\":8080}]}]}";

#define C(members) "{\"containers\":[{\"name\":\"c\"" members "}]"
static const struct example examples[] = {
    {C("") "}", NULL, NULL},
    {C(",\"resources\":{\"requests\":{\"cpu\":\"1500m\"}}") "}", NULL, NULL},
    {C(",\"resources\":{\"requests\":{\"cpu\":\"1501m\"}}") "}", "OutOfcpu",
        "Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: 2000"},
    {C(",\"resources\":{\"limits\":{\"memory\":\"1Gi\"}}") "}", "OutOfmemory",
        "Node didn't have enough resource: memory, requested: 1073741824, used: 1048576, capacity: "
        "104857600"},
    {C(",\"ports\":[{\"containerPort\":1,\"hostPort\":8080}]") "}", "NodePorts",
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"},
    {C(",\"ports\":[{\"containerPort\":1,\"hostPort\":8080,\"protocol\":\"UDP\"}]") "}", NULL, NULL},
    {C(",\"ports\":[{\"containerPort\":1,\"hostPort\":8081}]") "}", NULL, NULL},
    {C("") ",\"nodeSelector\":{\"disk\":\"ssd\"}}", NULL, NULL},
    {C("") ",\"nodeSelector\":{\"disk\":\"hdd\"}}", "NodeAffinity",
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"},
    {C("") ",\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
           "\"nodeSelectorTerms\":["
           "{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"NotIn\",\"values\":[\"ssd\"]}]},"
           "{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Gt\",\"values\":[\"3\"]}]}]}}}}",
        NULL, NULL},
    {C("") ",\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\",\"value\":\"1\"}]}}",
        "SysctlForbidden", "forbidden sysctl: \"kernel.msgmax\" not allowlisted"},
    {C("") ",\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_syncookies\",\"value\":\"1\"}]}}",
        NULL, NULL},
    {C("") ",\"securityContext\":{\"appArmorProfile\":{\"type\":\"RuntimeDefault\"}}}", "AppArmor",
        "Cannot enforce AppArmor: AppArmor is not enabled on the host"},
    {C("") ",\"os\":{\"name\":\"windows\"}}", "PodOSNotSupported",
        "Failed to admit pod as the OS field doesn't match node OS"},
    {C(",\"livenessProbe\":{\"grpc\":{\"port\":1}}") "}", "Unsupported",
        "spec.containers[0].livenessProbe.grpc: not supported by this node"},
};

static void cases(void **state)
{
    (void)state;
    struct str_pair labels[] = {{"disk", "ssd"}, {"n", "4"}};
    struct object_meta node_meta = {.name = "n1", .labels = {2, labels}};
    const struct node node = {.metadata = &node_meta};
    for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
        auto_arena *a = arena_new();
        struct pod_spec spec, taken;
        struct object_meta meta = {.name = "p"};
        const char *reason, *message;
        assert_ok(fields_parse(&pod_spec_fields, a, examples[i].spec, strlen(examples[i].spec), &spec));
        assert_ok(fields_parse(&pod_spec_fields, a, other, strlen(other), &taken));
        const struct pod pod = {.metadata = &meta, .spec = &spec};
        const struct pod_spec *others[] = {&taken};
        struct admit_in in = {.pod = &pod,
            .others = others,
            .n_others = 1,
            .node = &node,
            .milli_cpu = 2000,
            .memory = 100 << 20,
            .max_pods = 2};
        bool ok = admit(a, &in, &reason, &message);
        if (ok != !examples[i].reason)
            print_error("%s\n", examples[i].spec);
        assert_int_equal(ok, !examples[i].reason);
        if (ok)
            continue;
        assert_string_equal(reason, examples[i].reason);
        assert_string_equal(message, examples[i].message);
    }
}

static void too_many(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const struct pod_spec spec = {0};
    const struct pod_spec *others[] = {&spec, &spec};
    const struct pod pod = {.spec = (struct pod_spec *)&spec};
    struct admit_in in = {.pod = &pod, .others = others, .n_others = 2, .max_pods = 2};
    const char *reason, *message;
    assert_false(admit(a, &in, &reason, &message));
    assert_string_equal(reason, "OutOfpods");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
