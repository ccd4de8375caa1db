/* master/ctl_replication_plan: the number is kept both ways, and who goes first. */
#include "lib/mem.h"
#include "master/ctl_replication_plan.h"
#include "tests/unit/test.h"

static struct str_pair web_pair = {"app", "web"};
static const struct str_map web = {1, &web_pair};
static struct str_pair db_pair = {"app", "db"};
static const struct str_map db = {1, &db_pair};

static struct replication_want want(int64_t replicas)
{
    return (struct replication_want){.uid = "rc1", .selector = &web, .replicas = replicas};
}

static struct replication_pod good(const char *name)
{
    return (struct replication_pod){.name = name,
        .controller_uid = "rc1",
        .node = "n1",
        .labels = &web,
        .phase = REPLICATION_RUNNING,
        .ready = true,
        .created_s = 1000,
        .ready_since_s = 1010,
        .fully_labeled = true};
}

static void missing_pods_are_made_up_to_the_burst(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("a")};
    struct replication_plan plan;
    struct replication_want w = want(3);
    replication_decide(a, &w, pods, 1, 2000, &plan);
    assert_int_equal(plan.create, 2);
    assert_int_equal(plan.n_delete, 0);
    assert_int_equal(plan.replicas, 1);
    w.replicas = 100000;
    replication_decide(a, &w, pods, 1, 2000, &plan);
    assert_int_equal(plan.create, REPLICATION_BURST);
}

static void ended_deleting_and_foreign_pods_do_not_count(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("ended"), good("deleting"), good("foreign"), good("good")};
    pods[0].phase = REPLICATION_ENDED;
    pods[1].deleting = true;
    pods[2].controller_uid = "rc2";
    struct replication_plan plan;
    struct replication_want w = want(2);
    replication_decide(a, &w, pods, 4, 2000, &plan);
    assert_int_equal(plan.create, 1);
    assert_int_equal(plan.n_adopt, 0);
    assert_int_equal(plan.replicas, 1);
}

static void orphans_are_adopted_and_strangers_released(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("orphan"), good("relabelled")};
    pods[0].controller_uid = NULL;
    pods[1].labels = &db;
    struct replication_plan plan;
    struct replication_want w = want(1);
    replication_decide(a, &w, pods, 2, 2000, &plan);
    assert_int_equal(plan.n_adopt, 1);
    assert_int_equal(plan.adopt[0], 0);
    assert_int_equal(plan.n_release, 1);
    assert_int_equal(plan.release[0], 1);
    assert_int_equal(plan.create, 0);
}

/* Each pair: the first goes, the second stays. */
static void surplus_goes_in_the_order_of_worth(void **state)
{
    (void)state;
    struct replication_pod pairs[][2] = {
        {good("unassigned"), good("assigned")},
        {good("pending"), good("running")},
        {good("unknown"), good("running")},
        {good("unready"), good("ready")},
        {good("cheap"), good("dear")},
        {good("just-ready"), good("long-ready")},
        {good("restarted"), good("steady")},
        {good("young"), good("old")},
    };
    pairs[0][0].node = "";
    pairs[1][0].phase = REPLICATION_PENDING;
    pairs[2][0].phase = REPLICATION_UNKNOWN;
    pairs[3][0].ready = false;
    pairs[4][0].deletion_cost = -5;
    pairs[5][0].ready_since_s = 1900;
    pairs[6][0].restarts = 4;
    pairs[7][0].created_s = 1005;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            auto_arena *a = arena_new();
            struct replication_pod pods[] = {pairs[i][swapped], pairs[i][!swapped]};
            struct replication_plan plan;
            struct replication_want w = want(1);
            replication_decide(a, &w, pods, 2, 2000, &plan);
            assert_int_equal(plan.n_delete, 1);
            assert_string_equal(pods[plan.delete[0]].name, pairs[i][0].name);
        }
}

static void the_crowded_node_gives(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("alone"), good("crowd1"), good("crowd2")};
    pods[0].node = "n2";
    struct replication_plan plan;
    struct replication_want w = want(2);
    replication_decide(a, &w, pods, 3, 2000, &plan);
    assert_int_equal(plan.n_delete, 1);
    assert_string_not_equal(pods[plan.delete[0]].name, "alone");
}

static void available_after_min_ready_seconds(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("a"), good("b"), good("c")};
    pods[1].ready_since_s = 1995;
    pods[2].ready = false;
    struct replication_plan plan;
    struct replication_want w = want(3);
    w.min_ready_seconds = 10;
    replication_decide(a, &w, pods, 3, 2000, &plan);
    assert_int_equal(plan.ready, 2);
    assert_int_equal(plan.available, 1);
    assert_int_equal(plan.recheck_s, 5);
}

static void a_deleted_controller_does_nothing(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct replication_pod pods[] = {good("a")};
    struct replication_plan plan;
    struct replication_want w = want(5);
    w.deleting = true;
    replication_decide(a, &w, pods, 1, 2000, &plan);
    assert_int_equal(plan.create, 0);
    assert_int_equal(plan.n_delete, 0);
    assert_int_equal(plan.replicas, 1);
}

static void an_empty_selector_selects_nothing(void **state)
{
    (void)state;
    const struct str_map none = {0, NULL};
    assert_false(replication_selects(&none, &web));
    assert_true(replication_selects(&web, &web));
    assert_false(replication_selects(&web, &db));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_pods_are_made_up_to_the_burst),
        cmocka_unit_test(ended_deleting_and_foreign_pods_do_not_count),
        cmocka_unit_test(orphans_are_adopted_and_strangers_released),
        cmocka_unit_test(surplus_goes_in_the_order_of_worth),
        cmocka_unit_test(the_crowded_node_gives),
        cmocka_unit_test(available_after_min_ready_seconds),
        cmocka_unit_test(a_deleted_controller_does_nothing),
        cmocka_unit_test(an_empty_selector_selects_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
