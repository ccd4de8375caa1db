/* kubelet/status: phase, conditions and container states of a Pod, as Kubernetes words them. */
#include "kubelet/status.h"
#include "tests/unit/test.h"
#include <stdlib.h>

struct fixture {
    struct kubelet kubelet;
    struct worker worker;
    struct desired desired;
    struct pod pod;
    struct object_meta meta;
    struct pod_spec spec;
    struct instance instances[4], *list[4];
    struct arena *arena;
};

static void fixture_init(struct fixture *f, const char *spec)
{
    *f = (struct fixture){.arena = arena_new()};
    assert_ok(fields_parse(&pod_spec_fields, f->arena, spec, strlen(spec), &f->spec));
    f->meta = (struct object_meta){.name = "p", .namespace_ = "ns", .uid = "u", .generation = {true, 3}};
    f->pod = (struct pod){.metadata = &f->meta, .spec = &f->spec};
    f->desired.pod = &f->pod;
    f->kubelet.o.node_ip = "192.0.2.1";
    f->worker = (struct worker){.kubelet = &f->kubelet, .desired = &f->desired, .sandbox = SANDBOX_READY};
    size_t n = 0;
    for (size_t i = 0; i < f->spec.init_containers.n; i++, n++)
        f->instances[n] = (struct instance){.kind = INSTANCE_INIT, .spec = &f->spec.init_containers.v[i]};
    for (size_t i = 0; i < f->spec.containers.n; i++, n++)
        f->instances[n] = (struct instance){.kind = INSTANCE_MAIN, .spec = &f->spec.containers.v[i]};
    for (size_t i = 0; i < n; i++) {
        f->instances[i].worker = &f->worker;
        f->instances[i].name = (char *)f->instances[i].spec->name;
        f->list[i] = &f->instances[i];
    }
    f->worker.instances = f->list;
    f->worker.n_instances = n;
}

static void runs(struct instance *i, bool ready)
{
    i->state = INSTANCE_RUNNING;
    i->attempted = i->started = true;
    i->ready = ready;
    strcpy(i->cid, "c1d");
}

static void ended(struct instance *i, int code)
{
    i->state = INSTANCE_EXITED;
    i->attempted = true;
    strcpy(i->cid, "c1d");
    i->end = (struct instance_end){
        .set = true, .exit_code = code, .reason = code ? "Error" : "Completed", .cid = "c1d"};
}

static void check_condition(
    const struct pod_status *s, const char *type, const char *status, const char *reason, const char *message)
{
    for (size_t i = 0; i < s->conditions.n; i++) {
        const struct pod_condition *c = &s->conditions.v[i];
        if (strcmp(c->type, type) != 0)
            continue;
        assert_string_equal(c->status, status);
        assert_true(!c->reason == !reason && (!reason || !strcmp(c->reason, reason)));
        assert_true(!c->message == !message && (!message || !strcmp(c->message, message)));
        assert_int_equal(c->observed_generation.v, 3);
        return;
    }
    fail_msg("no condition %s", type);
}

static const char two[] = "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{"
                          "\"name\":\"b\",\"image\":\"i\"}]}";
static const char init[] = "{\"restartPolicy\":\"Always\",\"initContainers\":[{\"name\":\"i1\",\"image\":"
                           "\"i\"},{\"name\":\"i2\",\"image\":\"i\"}],"
                           "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}";

static void on_its_way(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, two);
    f.worker.sandbox = SANDBOX_MAKING;
    const struct pod_status *s = status_make(&f.worker, f.arena, 1);
    assert_string_equal(s->phase, "Pending");
    assert_string_equal(s->qos_class, "BestEffort");
    assert_string_equal(s->container_statuses.v[0].state->waiting->reason, "ContainerCreating");
    check_condition(s, "PodReadyToStartContainers", "False", NULL, NULL);
    check_condition(s, "Initialized", "True", NULL, NULL);
    check_condition(s, "Ready", "False", "ContainersNotReady", "containers with unready status: [a b]");
    arena_free(f.arena);
}

static void initialising(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, init);
    ended(&f.instances[0], 0);
    runs(&f.instances[1], false);
    const struct pod_status *s = status_make(&f.worker, f.arena, 1);
    assert_string_equal(s->phase, "Pending");
    assert_true(s->init_container_statuses.v[0].ready.v);
    assert_false(s->init_container_statuses.v[1].ready.v);
    assert_true(s->init_container_statuses.v[1].started.v);
    assert_string_equal(s->container_statuses.v[0].state->waiting->reason, "PodInitializing");
    check_condition(
        s, "Initialized", "False", "ContainersNotInitialized", "containers with incomplete status: [i2]");
    arena_free(f.arena);
}

static void one_runs_one_ended(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, two);
    runs(&f.instances[0], true);
    ended(&f.instances[1], 0);
    const struct pod_status *s = status_make(&f.worker, f.arena, 1);
    assert_string_equal(s->phase, "Running");
    assert_string_equal(s->container_statuses.v[0].container_id, "wherry://c1d");
    check_condition(
        s, "ContainersReady", "False", "ContainersNotReady", "containers with unready status: [b]");
    arena_free(f.arena);
}

static void terminal_phases(void **state)
{
    (void)state;
    for (int code = 0; code < 2; code++) {
        struct fixture f;
        fixture_init(&f, two);
        ended(&f.instances[0], 0);
        ended(&f.instances[1], code);
        f.worker.ended = true;
        f.worker.sandbox = SANDBOX_NONE;
        const struct pod_status *s = status_make(&f.worker, f.arena, 1);
        assert_string_equal(s->phase, code ? "Failed" : "Succeeded");
        check_condition(s, "Ready", "False", code ? "PodFailed" : "PodCompleted", NULL);
        check_condition(s, "Initialized", "True", code ? NULL : "PodCompleted", NULL);
        arena_free(f.arena);
    }
}

static void a_crash_loop(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}");
    ended(&f.instances[0], 1);
    f.instances[0].waiting = "CrashLoopBackOff";
    f.instances[0].restarts = 2;
    const struct pod_status *s = status_make(&f.worker, f.arena, 1);
    const struct container_status *c = &s->container_statuses.v[0];
    assert_string_equal(s->phase, "Running");
    assert_string_equal(c->state->waiting->reason, "CrashLoopBackOff");
    assert_int_equal(c->last_state->terminated->exit_code.v, 1);
    assert_int_equal(c->restart_count.v, 2);
    arena_free(f.arena);
}

/* Deleted while an init container ran: Failed, though nothing says that its containers ended. */
static void deleted_while_initialising(void **state)
{
    (void)state;
    for (int code = 0; code < 2; code++) {
        struct fixture f;
        fixture_init(&f, "{\"restartPolicy\":\"Never\",\"initContainers\":[{\"name\":\"i\",\"image\":\"i\"}],"
                         "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}");
        ended(&f.instances[0], code);
        f.worker.ended = f.worker.stopping = f.worker.leaving = true;
        const struct pod_status *s = status_make(&f.worker, f.arena, 1);
        assert_string_equal(s->phase, "Failed");
        check_condition(s, "Ready", "False", code ? "PodFailed" : "ContainersNotReady",
            code ? NULL : "containers with unready status: [a]");
        assert_string_equal(status_waiting_reason(&f.instances[1]), "PodInitializing");
        arena_free(f.arena);
    }
}

static void refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, two);
    f.worker.rejected = true;
    f.worker.stop_reason = "OutOfcpu";
    f.worker.stop_message = "Pod was rejected: why";
    const struct pod_status *s = status_make(&f.worker, f.arena, 1);
    assert_string_equal(s->phase, "Failed");
    assert_string_equal(s->reason, "OutOfcpu");
    assert_int_equal(s->conditions.n + s->container_statuses.n, 0);
    arena_free(f.arena);
}

/* Times of transitions hold while nothing changes, and what is written can be gone on from. */
static void restored(void **state)
{
    (void)state;
    struct fixture f, g;
    fixture_init(&f, two);
    runs(&f.instances[0], true);
    ended(&f.instances[1], 5);
    f.instances[1].restarts = 4;
    f.worker.status = status_make(&f.worker, f.arena, 1000000000);
    const struct pod_status *later = status_make(&f.worker, f.arena, 99000000000);
    assert_string_equal(later->conditions.v[0].last_transition_time, "1970-01-01T00:00:01Z");
    fixture_init(&g, two);
    status_restore(&g.worker, f.worker.status);
    assert_int_equal(g.instances[0].state, INSTANCE_RUNNING);
    assert_true(g.instances[0].ready);
    assert_int_equal(g.instances[1].state, INSTANCE_EXITED);
    assert_int_equal(g.instances[1].end.exit_code, 5);
    assert_int_equal(g.instances[1].restarts, 4);
    assert_string_equal(g.instances[1].cid, "c1d");
    for (size_t i = 0; i < 2; i++) {
        instance_end_done(&g.instances[i].end);
        free(g.instances[i].image_name);
        free(g.instances[i].image_asked);
        free(g.instances[i].image_digest);
    }
    arena_free(f.arena);
    arena_free(g.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_its_way),
        cmocka_unit_test(initialising),
        cmocka_unit_test(one_runs_one_ended),
        cmocka_unit_test(terminal_phases),
        cmocka_unit_test(a_crash_loop),
        cmocka_unit_test(deleted_while_initialising),
        cmocka_unit_test(refused),
        cmocka_unit_test(restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
