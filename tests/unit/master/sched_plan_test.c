/* master/sched_plan: which node a Pod goes to, and what is said when there is none. */
#include "lib/mem.h"
#include "master/sched_plan.h"
#include "tests/unit/test.h"

struct world {
    struct arena *a;
    struct sched_node *nodes[4];
    size_t n;
};

static int begin(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    w->a = arena_new();
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    arena_free(w->a);
    test_free(w);
    return 0;
}

/* more: further JSON members of spec, "" or "\"taints\":[..]" */
static struct sched_node *node(struct world *w, const char *name, const char *labels, const char *spec)
{
    char text[2048];
    struct sched_node *n = arena_new_obj(w->a, struct sched_node);
    n->node = arena_new_obj(w->a, struct node);
    n->pods = arena_array(w->a, 64, sizeof(*n->pods));
    n->room = 64;
    snprintf(text, sizeof(text),
        "{\"metadata\":{\"name\":\"%s\",\"labels\":{%s}},\"spec\":{%s},"
        "\"status\":{\"allocatable\":{\"cpu\":\"2\",\"memory\":\"1Gi\",\"pods\":\"10\",\"example.com/"
        "gpu\":\"1\"}}}",
        name, labels, spec);
    assert_ok(fields_parse(&node_fields, w->a, text, strlen(text), n->node));
    n->name = n->node->metadata->name;
    w->nodes[w->n++] = n;
    return n;
}

static struct pod *pod(struct world *w, const char *name, const char *requests, const char *spec)
{
    char text[2048];
    struct pod *p = arena_new_obj(w->a, struct pod);
    snprintf(text, sizeof(text),
        "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u-%s\",\"ownerReferences\":[{\"uid\":\"rc\",\"controller\":"
        "true}]},"
        "\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{%s}}%s}]%s}}",
        name, name, requests, strncmp(spec, "PORTS", 5) == 0 ? spec + 5 : "",
        strncmp(spec, "PORTS", 5) == 0 ? "" : spec);
    assert_ok(fields_parse(&pod_fields, w->a, text, strlen(text), p));
    return p;
}

static void put(struct world *w, struct sched_node *n, struct pod *p)
{
    (void)w;
    struct sched_pod *needs = sched_pod_new(p);
    n->pods[n->n_pods++] = needs;
    n->cpu += needs->cpu;
    n->memory += needs->memory;
}

static void drop_all(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        while (w->nodes[i]->n_pods)
            sched_pod_free(w->nodes[i]->pods[--w->nodes[i]->n_pods]);
}

static const char *choose(struct world *w, struct pod *p, const char **message)
{
    struct sched_pod *needs = sched_pod_new(p);
    *message = NULL;
    const struct sched_node *n = sched_choose(w->a, w->nodes, w->n, p, needs, message);
    sched_pod_free(needs);
    return n ? n->name : NULL;
}

/* One node that does not take the Pod says why. */
static void each_filter_has_its_words(void **state)
{
    static const struct {
        const char *labels, *node_spec, *requests, *pod_spec, *why;
    } cases[] = {
        {"", "\"unschedulable\":true", "", "", "node(s) were unschedulable"},
        {"", "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]", "", "",
            "node(s) had untolerated taint {k: v}"},
        {"", "\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"}]", "", "",
            "node(s) had untolerated taint {k: }"},
        {"\"a\":\"1\"", "", "", ",\"nodeSelector\":{\"a\":\"2\"}",
            "node(s) didn't match Pod's node affinity/selector"},
        {"\"a\":\"1\"", "", "",
            ",\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
            "\"nodeSelectorTerms\":"
            "[{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}]}}}",
            "node(s) didn't match Pod's node affinity/selector"},
        {"", "", "\"cpu\":\"2001m\"", "", "Insufficient cpu"},
        {"", "", "\"memory\":\"1025Mi\"", "", "Insufficient memory"},
        {"", "", "\"example.com/gpu\":\"2\"", "", "Insufficient example.com/gpu"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world *w = *state;
        const char *message;
        char expected[256];
        w->n = 0;
        node(w, "n1", cases[i].labels, cases[i].node_spec);
        snprintf(expected, sizeof(expected), "0/1 nodes are available: 1 %s.", cases[i].why);
        assert_null(choose(w, pod(w, "p", cases[i].requests, cases[i].pod_spec), &message));
        assert_string_equal(message, expected);
    }
}

static void what_fits_exactly_is_taken(void **state)
{
    struct world *w = *state;
    const char *message;
    struct sched_node *n = node(w, "n1", "", "");
    put(w, n, pod(w, "there", "\"cpu\":\"1500m\",\"memory\":\"512Mi\"", ""));
    assert_string_equal(
        choose(w, pod(w, "fits", "\"cpu\":\"500m\",\"memory\":\"512Mi\"", ""), &message), "n1");
    assert_null(choose(w, pod(w, "more", "\"cpu\":\"501m\"", ""), &message));
    drop_all(w);
}

static void host_ports_clash_by_protocol_and_address(void **state)
{
    static const struct {
        const char *ports;
        bool fits;
    } cases[] = {
        {"\"hostPort\":80", false},
        {"\"hostPort\":80,\"protocol\":\"UDP\"", true},
        {"\"hostPort\":80,\"hostIP\":\"10.0.0.1\"", false}, /* the other is on every address */
        {"\"hostPort\":81", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world *w = *state;
        const char *message;
        char ports[256];
        w->n = 0;
        struct sched_node *n = node(w, "n1", "", "");
        put(w, n, pod(w, "there", "", "PORTS,\"ports\":[{\"containerPort\":80,\"hostPort\":80}]"));
        snprintf(ports, sizeof(ports), "PORTS,\"ports\":[{\"containerPort\":80,%s}]", cases[i].ports);
        const char *chosen = choose(w, pod(w, "p", "", ports), &message);
        assert_int_equal(chosen != NULL, cases[i].fits);
        drop_all(w);
    }
}

static void tolerations(void **state)
{
    static const struct {
        const char *toleration;
        bool tolerates;
    } cases[] = {
        {"{\"operator\":\"Exists\"}", true},
        {"{\"key\":\"k\",\"operator\":\"Exists\"}", true},
        {"{\"key\":\"k\",\"value\":\"v\"}", true},
        {"{\"key\":\"k\",\"operator\":\"Equal\",\"value\":\"w\"}", false},
        {"{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}", false},
        {"{\"key\":\"other\",\"operator\":\"Exists\"}", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world *w = *state;
        const char *message;
        char spec[256];
        w->n = 0;
        node(w, "n1", "", "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]");
        snprintf(spec, sizeof(spec), ",\"tolerations\":[%s]", cases[i].toleration);
        assert_int_equal(choose(w, pod(w, "p", "", spec), &message) != NULL, cases[i].tolerates);
    }
}

static void pods_of_one_controller_spread(void **state)
{
    struct world *w = *state;
    const char *message;
    struct sched_node *a = node(w, "a", "", ""), *b = node(w, "b", "", "");
    put(w, a, pod(w, "one", "\"cpu\":\"10m\"", ""));
    assert_string_equal(choose(w, pod(w, "two", "\"cpu\":\"10m\"", ""), &message), "b");
    put(w, b, pod(w, "two", "\"cpu\":\"10m\"", ""));
    put(w, b, pod(w, "big", "\"cpu\":\"1\"", ""));
    assert_string_equal(choose(w, pod(w, "three", "\"cpu\":\"10m\"", ""), &message), "a");
    drop_all(w);
}

static void soft_taints_and_preferences_lead(void **state)
{
    struct world *w = *state;
    const char *message;
    node(w, "soft", "", "\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]");
    node(w, "plain", "", "");
    node(w, "liked", "\"disk\":\"ssd\"", "");
    assert_string_equal(choose(w,
                            pod(w, "p", "",
                                ",\"affinity\":{\"nodeAffinity\":{"
                                "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,"
                                "\"preference\":{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"In\","
                                "\"values\":[\"ssd\"]}]}}]}}"),
                            &message),
        "liked");
    w->n = 2;
    assert_string_equal(choose(w, pod(w, "q", "", ""), &message), "plain");
}

static void reasons_are_counted_and_sorted(void **state)
{
    struct world *w = *state;
    const char *message;
    assert_null(choose(w, pod(w, "p", "", ""), &message));
    assert_string_equal(message, "no nodes available to schedule pods");
    node(w, "a", "", "\"unschedulable\":true");
    node(w, "b", "", "");
    node(w, "c", "", "");
    assert_null(choose(w, pod(w, "p", "\"cpu\":\"9\"", ""), &message));
    assert_string_equal(
        message, "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_filter_has_its_words, begin, end),
        cmocka_unit_test_setup_teardown(what_fits_exactly_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(host_ports_clash_by_protocol_and_address, begin, end),
        cmocka_unit_test_setup_teardown(tolerations, begin, end),
        cmocka_unit_test_setup_teardown(pods_of_one_controller_spread, begin, end),
        cmocka_unit_test_setup_teardown(soft_taints_and_preferences_lead, begin, end),
        cmocka_unit_test_setup_teardown(reasons_are_counted_and_sorted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
