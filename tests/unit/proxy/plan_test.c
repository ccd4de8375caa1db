/* From a Service and its slices to elements, and from one plan to the next. */
#include "proxy/plan.h"
#include "proxy/table.h"
#include "tests/unit/test.h"
#include <arpa/inet.h>
#include <stdlib.h>

struct world {
    struct arena *a;
    struct service service;
    struct endpoint_slice slice;
};

static void load(struct world *w, const char *service, const char *slice)
{
    w->a = arena_new();
    auto_err *e = fields_parse(&service_fields, w->a, service, strlen(service), &w->service);
    assert_null(e);
    auto_err *f = fields_parse(&endpoint_slice_fields, w->a, slice, strlen(slice), &w->slice);
    assert_null(f);
}

static void make(const char *service, const char *slice, struct plan *ret)
{
    struct world w;
    load(&w, service, slice);
    const struct endpoint_slice *slices[] = {&w.slice};
    plan_service(&w.service, slices, 1, "n1", ret);
    arena_free(w.a);
}

static size_t count(const struct plan *p, enum plan_set set)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->v[i].set == set;
    return n;
}

#define SERVICE(more, ports) "{\"spec\":{\"clusterIP\":\"10.96.1.1\"" more ",\"ports\":[" ports "]}}"
#define TCP80 "{\"port\":80,\"nodePort\":30080}"
#define UDP53 "{\"port\":53,\"protocol\":\"UDP\"}"
#define SLICE(protocol, endpoints)                                                                           \
    "{\"addressType\":\"IPv4\",\"ports\":[{\"port\":8080,\"protocol\":\"" protocol                           \
    "\"}],\"endpoints\":[" endpoints "]}"
#define AT(ip, node, ready)                                                                                  \
    "{\"addresses\":[\"" ip "\"],\"nodeName\":\"" node "\",\"conditions\":{\"ready\":" ready "}}"

static void a_way_in_for_each_port(void **state)
{
    (void)state;
    struct plan p;
    make(SERVICE("", TCP80),
        SLICE("TCP",
            AT("10.1.0.3", "n2", "true") "," AT("10.1.0.2", "n1", "true") "," AT("10.1.0.9", "n1", "false")),
        &p);
    assert_int_equal(count(&p, PLAN_SERVICES), 2); /* cluster IP and node port */
    assert_int_equal(count(&p, PLAN_ENDPOINTS), 4);
    assert_int_equal(count(&p, PLAN_HAIRPIN), 1);
    assert_int_equal(count(&p, PLAN_REMOTE), 1);
    assert_int_equal(count(&p, PLAN_CLUSTER_IPS), 1);
    assert_int_equal(count(&p, PLAN_REJECTS), 0);
    plan_done(&p);
}

static void without_endpoints_it_is_rejected(void **state)
{
    (void)state;
    struct plan p;
    make(SERVICE("", TCP80), SLICE("TCP", AT("10.1.0.9", "n1", "false")), &p);
    assert_int_equal(count(&p, PLAN_SERVICES), 0);
    assert_int_equal(count(&p, PLAN_REJECTS), 1); /* the node port; a cluster IP is by itself */
    plan_done(&p);
    make(SERVICE(",\"internalTrafficPolicy\":\"Local\",\"externalTrafficPolicy\":\"Local\"", TCP80),
        SLICE("TCP", AT("10.1.0.3", "n2", "true")), &p);
    assert_int_equal(count(&p, PLAN_SERVICES), 0);
    assert_int_equal(count(&p, PLAN_DROPS), 2);
    plan_done(&p);
}

static void nothing_for_headless_and_external(void **state)
{
    (void)state;
    struct plan p;
    make("{\"spec\":{\"clusterIP\":\"None\",\"ports\":[" TCP80 "]}}",
        SLICE("TCP", AT("10.1.0.3", "n1", "true")), &p);
    assert_int_equal(p.n, 0);
    make("{\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"x.org\"}}", SLICE("TCP", ""), &p);
    assert_int_equal(p.n, 0);
    plan_service(NULL, NULL, 0, "n1", &p);
    assert_int_equal(p.n, 0);
}

static void terminating_ones_serve_when_none_is_ready(void **state)
{
    (void)state;
    struct plan p;
    make(SERVICE("", TCP80),
        SLICE("TCP", "{\"addresses\":[\"10.1.0.3\"],\"conditions\":{\"ready\":false,\"serving\":true,"
                     "\"terminating\":true}}"),
        &p);
    assert_int_equal(count(&p, PLAN_ENDPOINTS), 2);
    plan_done(&p);
}

static void affinity_learns(void **state)
{
    (void)state;
    struct plan p;
    struct plan_verdict v;
    char name[PLAN_CHAIN_MAX];
    make(SERVICE(",\"sessionAffinity\":\"ClientIP\"", TCP80), SLICE("TCP", AT("10.1.0.3", "n1", "true")), &p);
    assert_true(plan_has_affinity(&p));
    for (size_t i = 0; i < p.n; i++) {
        if (p.v[i].set != PLAN_LEARN)
            continue;
        memcpy(&v, p.v[i].data, sizeof(v));
        plan_chain_name(&v, name);
        assert_string_equal(name, "learn_10800s");
    }
    plan_done(&p);
}

static void chain_names_come_back(void **state)
{
    (void)state;
    static const struct plan_verdict all[] = {{3, 0, 0}, {3, 0, 1}, {1, 1, 0}, {2, 1, 1}, {0, 60, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        char name[PLAN_CHAIN_MAX];
        struct plan_verdict v;
        plan_chain_name(&all[i], name);
        assert_true(plan_chain_parse(name, &v));
        assert_memory_equal(&v, &all[i], sizeof(v));
    }
    struct plan_verdict v;
    assert_false(plan_chain_parse("services", &v));
    assert_false(plan_chain_parse("pick_3x", &v));
}

struct flows {
    size_t n;
    struct plan_flow v[8];
};

static void note(void *arg, const struct plan_flow *f)
{
    struct flows *x = arg;
    x->v[x->n++] = *f;
}

static void udp_flows_that_are_stale(void **state)
{
    (void)state;
    struct plan none, one, two;
    struct flows f = {0};
    make(SERVICE("", UDP53), SLICE("UDP", ""), &none);
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.3", "n1", "true")), &one);
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.4", "n1", "true") "," AT("10.1.0.3", "n1", "true")),
        &two);
    plan_stale_flows(&none, &one, note, &f); /* its first endpoint: whoever asked before asks anew */
    assert_int_equal(f.n, 1);
    assert_int_equal(f.v[0].endpoint_ip, 0);
    assert_int_equal(f.v[0].port, htons(53));
    f.n = 0;
    plan_stale_flows(&one, &two, note, &f);
    assert_int_equal(f.n, 0);
    plan_stale_flows(&two, &one, note, &f);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.v[0].endpoint_ip, inet_addr("10.1.0.4"));
    assert_int_equal(f.v[0].ip, inet_addr("10.96.1.1"));
    plan_done(&none);
    plan_done(&one);
    plan_done(&two);
}

struct tally {
    size_t add, del;
};

static void tally(void *arg, bool add, const struct plan_elem *e)
{
    struct tally *t = arg;
    (void)e;
    add ? t->add++ : t->del++;
}

static void assert_changes(struct table *t, size_t add, size_t del)
{
    struct tally n = {0};
    table_changes(t, tally, &n);
    assert_int_equal(n.add, add);
    assert_int_equal(n.del, del);
    table_applied(t);
}

static void only_differences_are_written(void **state)
{
    (void)state;
    struct plan one, two;
    struct table *t = table_new();
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.3", "n1", "true")), &one);
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.3", "n1", "true") "," AT("10.1.0.4", "n1", "true")),
        &two);
    table_want(t, NULL, &one);
    assert_changes(t, one.n, 0);
    assert_changes(t, 0, 0);
    table_want(t, &one, &two); /* a new count, one more endpoint, its place */
    assert_changes(t, 3, 1);
    table_want(t, &two, &two);
    assert_changes(t, 0, 0);
    table_want(t, &two, NULL);
    assert_changes(t, 0, two.n);
    table_free(t);
    plan_done(&one);
    plan_done(&two);
}

static void what_the_kernel_has_is_taken_over(void **state)
{
    (void)state;
    struct plan one, two;
    struct table *t = table_new();
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.3", "n1", "true")), &one);
    make(SERVICE("", UDP53), SLICE("UDP", AT("10.1.0.4", "n1", "true")), &two);
    table_want(t, NULL, &two);
    table_lost(t);
    for (size_t i = 0; i < one.n; i++)
        table_found(t, &one.v[i]);
    assert_changes(t, 2, 2); /* endpoint and its place; the way in is the same */
    table_lost(t);
    assert_changes(t, two.n, 0);
    table_free(t);
    plan_done(&one);
    plan_done(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_way_in_for_each_port),
        cmocka_unit_test(without_endpoints_it_is_rejected),
        cmocka_unit_test(nothing_for_headless_and_external),
        cmocka_unit_test(terminating_ones_serve_when_none_is_ready),
        cmocka_unit_test(affinity_learns),
        cmocka_unit_test(chain_names_come_back),
        cmocka_unit_test(udp_flows_that_are_stale),
        cmocka_unit_test(only_differences_are_written),
        cmocka_unit_test(what_the_kernel_has_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
