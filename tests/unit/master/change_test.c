/* master/change*: creation, compare-and-swap, patches, deletion, and what is left after a crash. */
#include "tests/unit/master/cluster_fixture.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP "{\"metadata\":{\"name\":\"m\"},\"data\":{\"a\":\"1\"}}"
#define POD                                                                                                  \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":" \
    "\"x:1\"},{\"name\":\"d\",\"image\":\"x:1\"}]}}"

static const char *value_at(struct fixture *f, struct arena *a, const char *x, const char *y)
{
    const struct json *j = json_at(fixture_parse(a, f->json), x, y, NULL);
    return j && j->type >= JSON_NUMBER && j->type <= JSON_STRING ? j->text : NULL;
}

static void test_create_and_conflict(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, false);
    assert_int_equal(f->code, 201);
    uint64_t rev = f->rev;
    assert_int_equal(registry_revision(f->cluster.registry), rev);
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, false);
    assert_int_equal(f->code, 409);
    assert_string_equal(f->message, "configmaps \"m\" already exists");
    char *stale =
        mem_printf("{\"metadata\":{\"name\":\"m\",\"resourceVersion\":\"%llu\"},\"data\":{\"a\":\"2\"}}",
            (unsigned long long)rev);
    fixture_change(f, CHANGE_UPDATE, KIND_CONFIG_MAP, SUB_NONE, "m", stale, false);
    assert_int_equal(f->code, 200);
    fixture_change(f, CHANGE_UPDATE, KIND_CONFIG_MAP, SUB_NONE, "m", stale, false);
    assert_int_equal(f->code, 409);
    free(stale);
}

static void test_no_difference_is_no_write(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, false);
    uint64_t rev = f->rev;
    fixture_change(f, CHANGE_UPDATE, KIND_CONFIG_MAP, SUB_NONE, "m", MAP, false);
    assert_int_equal(f->rev, rev);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_CONFIG_MAP, SUB_NONE, "m", "{\"data\":{\"b\":null}}", false);
    assert_int_equal(f->rev, rev);
    assert_int_equal(registry_revision(f->cluster.registry), rev);
}

static void test_dry_run_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, true);
    assert_int_equal(f->code, 201);
    assert_null(registry_get(f->cluster.registry, KIND_CONFIG_MAP, "default", "m"));
    fixture_change(f, CHANGE_UPDATE, KIND_CONFIG_MAP, SUB_NONE, "m", MAP, true);
    assert_int_equal(f->code, 404);
}

static void test_unknown_and_duplicate_fields(void **state)
{
    struct fixture *f = *state;
    static const char body[] = "{\"metadata\":{\"name\":\"m\",\"name\":\"n\",\"zork\":1},\"data\":{\"a\":"
                               "\"1\",\"a\":\"2\"},\"q\":1}";
    struct arena *a = arena_new();
    struct change c = {.verb = CHANGE_CREATE,
        .resource = resource_of(KIND_CONFIG_MAP),
        .ns = "default",
        .body = fixture_parse(a, body),
        .dry_run = true,
        .strictness = CHANGE_STRICT};
    change_submit(&f->cluster, &c, fixture_done, f);
    assert_int_equal(f->code, 400);
    assert_string_equal(f->message, "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict "
                                    "decoding error: duplicate field "
                                    "\"metadata.name\", unknown field \"metadata.zork\", duplicate field "
                                    "\"data.a\", unknown field \"q\"");
    c.strictness = CHANGE_WARN;
    change_submit(&f->cluster, &c, fixture_done, f);
    assert_int_equal(f->code, 201);
    assert_string_equal(f->warnings, "duplicate field \"metadata.name\"\nunknown field \"metadata.zork\"\n"
                                     "duplicate field \"data.a\"\nunknown field \"q\"\n");
    assert_string_equal(value_at(f, a, "data", "a"), "2");
    arena_free(a);
}

static void test_nul_bytes_are_refused(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_ENDPOINT_SLICE, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"e\"},\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"\\u0000\"]}"
        "]}",
        true);
    assert_int_equal(f->code, 400);
    assert_non_null(strstr(f->message, "endpoints[0].addresses[0]: a string with a NUL byte"));
}

static void test_graceful_pod_deletion(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_new();
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_NONE, NULL, POD, false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_DELETE, KIND_POD, SUB_NONE, "p", NULL, false);
    assert_false(f->gone);
    assert_string_equal(value_at(f, a, "metadata", "deletionGracePeriodSeconds"), "30");
    uint64_t rev = f->rev;
    fixture_change(f, CHANGE_DELETE, KIND_POD, SUB_NONE, "p", NULL, false);
    assert_int_equal(f->rev, rev); /* it is under way already */
    fixture_change(f, CHANGE_DELETE, KIND_POD, SUB_NONE, "p", "{\"gracePeriodSeconds\":5}", false);
    assert_string_equal(value_at(f, a, "metadata", "deletionGracePeriodSeconds"), "5");
    fixture_change(f, CHANGE_DELETE, KIND_POD, SUB_NONE, "p", "{\"gracePeriodSeconds\":0}", false);
    assert_true(f->gone);
    assert_null(registry_get(f->cluster.registry, KIND_POD, "default", "p"));
    arena_free(a);
}

static void test_finalizers_hold(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"m\",\"finalizers\":[\"a.b/c\"]}}", false);
    fixture_change(f, CHANGE_DELETE, KIND_CONFIG_MAP, SUB_NONE, "m", NULL, false);
    assert_int_equal(f->code, 200);
    assert_false(f->gone);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_CONFIG_MAP, SUB_NONE, "m",
        "{\"metadata\":{\"finalizers\":[\"a.b/c\",\"a.b/d\"]}}", false);
    assert_int_equal(f->code, 422);
    fixture_change(
        f, CHANGE_PATCH_MERGE, KIND_CONFIG_MAP, SUB_NONE, "m", "{\"metadata\":{\"finalizers\":null}}", false);
    assert_int_equal(f->code, 200);
    assert_true(f->gone);
}

static void test_preconditions(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, false);
    fixture_change(
        f, CHANGE_DELETE, KIND_CONFIG_MAP, SUB_NONE, "m", "{\"preconditions\":{\"uid\":\"x\"}}", false);
    assert_int_equal(f->code, 409);
    fixture_change(
        f, CHANGE_DELETE, KIND_CONFIG_MAP, SUB_NONE, "m", "{\"propagationPolicy\":\"Sideways\"}", false);
    assert_int_equal(f->code, 422);
    fixture_change(f, CHANGE_DELETE, KIND_CONFIG_MAP, SUB_NONE, "m", NULL, false);
    assert_true(f->gone);
}

static void test_status_and_spec_are_apart(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_new();
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_NONE, NULL, POD, false);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_POD, SUB_STATUS, "p",
        "{\"spec\":{\"nodeName\":\"other\"},\"status\":{\"phase\":\"Running\"}}", false);
    assert_int_equal(f->code, 200);
    assert_string_equal(value_at(f, a, "spec", "nodeName"), "n");
    assert_string_equal(value_at(f, a, "status", "phase"), "Running");
    fixture_change(
        f, CHANGE_PATCH_MERGE, KIND_POD, SUB_NONE, "p", "{\"status\":{\"phase\":\"Failed\"}}", false);
    assert_string_equal(value_at(f, a, "status", "phase"), "Running");
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_POD, SUB_NONE, "p", "{\"spec\":{\"hostname\":\"z\"}}", false);
    assert_int_equal(f->code, 422);
    arena_free(a);
}

static void test_binding(void **state)
{
    struct fixture *f = *state;
    static const char pod[] =
        "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}";
    static const char to_n[] =
        "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}";
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_NONE, NULL, pod, false);
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_BINDING, "p", to_n, false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_BINDING, "p", to_n, false);
    assert_int_equal(f->code, 409);
    const struct object *o = registry_get(f->cluster.registry, KIND_POD, "default", "p");
    assert_string_equal(object_field(o, "spec.nodeName"), "n");
}

static void test_scale(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_new();
    fixture_change(f, CHANGE_CREATE, KIND_REPLICATION_CONTROLLER, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"r\"},\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
        "\"spec\":{"
        "\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}}}",
        false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_REPLICATION_CONTROLLER, SUB_SCALE, "r",
        "{\"spec\":{\"replicas\":4}}", false);
    assert_int_equal(f->code, 200);
    assert_string_equal(value_at(f, a, "spec", "replicas"), "4");
    assert_string_equal(value_at(f, a, "metadata", "generation"), "2");
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_REPLICATION_CONTROLLER, SUB_SCALE, "r",
        "{\"spec\":{\"replicas\":-1}}", false);
    assert_int_equal(f->code, 422);
    arena_free(a);
}

static void test_service_addresses(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_new();
    fixture_change(f, CHANGE_CREATE, KIND_SERVICE, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80}]}}", false);
    assert_int_equal(f->code, 201);
    const char *ip = value_at(f, a, "spec", "clusterIP");
    assert_non_null(ip);
    char *same = mem_printf(
        "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[{\"port\":80}]}}", ip);
    fixture_change(f, CHANGE_CREATE, KIND_SERVICE, SUB_NONE, NULL, same, false);
    assert_int_equal(f->code, 422);
    fixture_change(f, CHANGE_DELETE, KIND_SERVICE, SUB_NONE, "a", NULL, false);
    fixture_close(f); /* what is taken is derived from what is stored: also by the next process */
    fixture_open(f);
    fixture_change(f, CHANGE_CREATE, KIND_SERVICE, SUB_NONE, NULL, same, false);
    assert_int_equal(f->code, 201);
    fixture_close(f);
    fixture_open(f);
    assert_false(alloc_ip_free(f->cluster.alloc, ip));
    free(same);
    arena_free(a);
}

static void test_namespace_end(void **state)
{
    struct fixture *f = *state;
    fixture_change(
        f, CHANGE_CREATE, KIND_NAMESPACE, SUB_NONE, NULL, "{\"metadata\":{\"name\":\"x\"}}", false);
    fixture_change(f, CHANGE_DELETE, KIND_NAMESPACE, SUB_NONE, "x", NULL, false);
    assert_false(f->gone);
    fixture_change(f, CHANGE_UPDATE, KIND_NAMESPACE, SUB_FINALIZE, "x",
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"finalizers\":[]}}", false);
    assert_true(f->gone);
    fixture_change(f, CHANGE_DELETE, KIND_NAMESPACE, SUB_NONE, "default", NULL, false);
    assert_int_equal(f->code, 403);
}

/* A child writes and reports every answer through a pipe until it is killed; nothing that was answered may be
 * lost, and the store must open. */
static void write_until_killed(const char *path, int fd)
{
    struct fixture f = {0};
    snprintf(f.path, sizeof(f.path), "%s", path);
    fixture_open(&f);
    for (int i = 0;; i++) {
        char *body = mem_printf("{\"metadata\":{\"name\":\"w%d\"},\"data\":{\"i\":\"%d\"}}", i, i);
        fixture_change(&f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, body, false);
        free(body);
        if (f.code != 201 || write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

static void test_kill_loses_nothing(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    for (int round = 0; round < 3; round++) {
        int fds[2], last = -1, i;
        snprintf(f->path, sizeof(f->path), "%s/killed%d.db", f->dir, round);
        fixture_open(f);
        fixture_change(
            f, CHANGE_CREATE, KIND_NAMESPACE, SUB_NONE, NULL, "{\"metadata\":{\"name\":\"default\"}}", false);
        fixture_close(f);
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (!child)
            write_until_killed(f->path, fds[1]);
        close(fds[1]);
        for (int n = 0; n < 40 + round * 17 && read(fds[0], &i, sizeof(i)) == sizeof(i); n++)
            last = i;
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(fds[0], &i, sizeof(i)) == sizeof(i))
            last = i;
        close(fds[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        fixture_open(f);
        assert_true(last >= 39);
        for (int k = 0; k <= last; k++) {
            char name[16];
            snprintf(name, sizeof(name), "w%d", k);
            assert_non_null(registry_get(f->cluster.registry, KIND_CONFIG_MAP, "default", name));
        }
        fixture_change(f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, MAP, false);
        assert_int_equal(f->code, 201);
        assert_true(f->rev > (uint64_t)last);
        if (round < 2)
            fixture_close(f);
    }
}

static void test_binding_names_its_pod(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_SERVICE_ACCOUNT, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"default\"}}", false);
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
        false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_BINDING, "p",
        "{\"metadata\":{\"name\":\"q\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}", false);
    assert_int_equal(f->code, 400);
    assert_string_equal(f->message, "name in URL does not match name in Binding object");
    fixture_change(f, CHANGE_CREATE, KIND_POD, SUB_BINDING, "p",
        "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}", false);
    assert_int_equal(f->code, 201);
}

static void test_controller_status_adds_up(void **state)
{
    struct fixture *f = *state;
    fixture_change(f, CHANGE_CREATE, KIND_REPLICATION_CONTROLLER, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"r\"},\"spec\":{\"selector\":{\"a\":\"b\"},\"template\":{\"metadata\":{"
        "\"labels\":{\"a\":"
        "\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
        false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_REPLICATION_CONTROLLER, SUB_STATUS, "r",
        "{\"status\":{\"replicas\":1,\"readyReplicas\":2,\"availableReplicas\":-1}}", false);
    assert_int_equal(f->code, 422);
    assert_string_equal(f->causes,
        "status.availableReplicas: Invalid value: -1: must be greater than or equal to 0\n"
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas\n");
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_REPLICATION_CONTROLLER, SUB_STATUS, "r",
        "{\"status\":{\"replicas\":2,\"readyReplicas\":1,\"availableReplicas\":2}}", false);
    assert_string_equal(
        f->causes, "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas\n");
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_REPLICATION_CONTROLLER, SUB_STATUS, "r",
        "{\"status\":{\"replicas\":2,\"readyReplicas\":2,\"availableReplicas\":2}}", false);
    assert_int_equal(f->code, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_conflict),
        TEST(test_no_difference_is_no_write),
        TEST(test_dry_run_leaves_nothing),
        TEST(test_unknown_and_duplicate_fields),
        TEST(test_nul_bytes_are_refused),
        TEST(test_graceful_pod_deletion),
        TEST(test_finalizers_hold),
        TEST(test_preconditions),
        TEST(test_status_and_spec_are_apart),
        TEST(test_binding),
        TEST(test_scale),
        TEST(test_service_addresses),
        TEST(test_namespace_end),
        TEST(test_binding_names_its_pod),
        TEST(test_controller_status_adds_up),
        TEST(test_kill_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
