/* The table of a container's life: whole, closed, and every life ends. */
#include "runtime/shim/life.h"
#include "tests/unit/test.h"
#include <string.h>

static void no_cell_is_missing(void **state)
{
    (void)state;
    for (int s = 0; s < LIFE_STATES; s++)
        for (int e = 0; e < LIFE_EVENTS; e++) {
            struct life_step step = life_next((enum life_state)s, (enum life_event)e);
            assert_in_range(step.action, LIFE_IMPOSSIBLE, LIFE_FORGET);
            assert_in_range(step.next, 0, LIFE_STATES - 1);
        }
}

static void using_and_impossible_change_nothing(void **state)
{
    (void)state;
    for (int s = 0; s < LIFE_STATES; s++)
        for (int e = 0; e < LIFE_EVENTS; e++) {
            struct life_step step = life_next((enum life_state)s, (enum life_event)e);
            if (e == LIFE_USE || step.action == LIFE_IMPOSSIBLE)
                assert_int_equal(step.next, s);
        }
}

static void every_state_can_come_to_its_end(void **state)
{
    (void)state;
    int steps[LIFE_STATES]; /* to GONE; -1: none known */
    for (int s = 0; s < LIFE_STATES; s++)
        steps[s] = s == LIFE_GONE ? 0 : -1;
    for (int round = 0; round < LIFE_STATES; round++)
        for (int s = 0; s < LIFE_STATES; s++)
            for (int e = 0; e < LIFE_EVENTS; e++) {
                int next = (int)life_next((enum life_state)s, (enum life_event)e).next;
                if (steps[s] < 0 && steps[next] >= 0)
                    steps[s] = steps[next] + 1;
            }
    for (int s = 0; s < LIFE_STATES; s++)
        assert_true(steps[s] >= 0);
}

static void follow(enum life_state state, const enum life_event *events, size_t n, enum life_state want)
{
    for (size_t i = 0; i < n; i++) {
        struct life_step step = life_next(state, events[i]);
        assert_int_not_equal(step.action, LIFE_IMPOSSIBLE);
        state = step.next;
    }
    assert_int_equal(state, want);
}
#define FOLLOW(want, ...)                                                                                    \
    follow(LIFE_STARTING, (const enum life_event[]){__VA_ARGS__},                                            \
        sizeof((const enum life_event[]){__VA_ARGS__}) / sizeof(enum life_event), want)

static void lives(void **state)
{
    (void)state;
    FOLLOW(LIFE_EXITED, LIFE_JOB_OK, LIFE_USE, LIFE_ENDED);
    FOLLOW(LIFE_GONE, LIFE_JOB_OK, LIFE_ENDED, LIFE_DELETE, LIFE_JOB_OK, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_JOB_OK, LIFE_DELETE, LIFE_DELETE, LIFE_ENDED, LIFE_JOB_OK, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_JOB_FAILED, LIFE_JOB_OK, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_DELETE, LIFE_JOB_FAILED, LIFE_JOB_OK, LIFE_DELETE, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_DELETE, LIFE_JOB_OK, LIFE_ENDED, LIFE_JOB_OK, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_JOB_OK, LIFE_DELETE, LIFE_LATE, LIFE_ENDED, LIFE_JOB_OK, LIFE_JOB_OK);
    FOLLOW(LIFE_GONE, LIFE_JOB_OK, LIFE_ENDED, LIFE_DELETE, LIFE_JOB_FAILED, LIFE_DELETE, LIFE_JOB_OK,
        LIFE_JOB_OK);
}

static void names_and_refusals(void **state)
{
    (void)state;
    assert_string_equal(life_status(LIFE_STARTING), "starting");
    assert_string_equal(life_status(LIFE_RUNNING), "running");
    assert_string_equal(life_status(LIFE_EXITED), "exited");
    assert_string_equal(life_status(LIFE_CLEANING), "deleting");
    for (int s = 0; s < LIFE_STATES; s++) {
        assert_non_null(life_status((enum life_state)s));
        struct err *e = life_refusal((enum life_state)s);
        assert_int_equal(err_kind(e), ERR_CONFLICT);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cell_is_missing),
        cmocka_unit_test(using_and_impossible_change_nothing),
        cmocka_unit_test(every_state_can_come_to_its_end),
        cmocka_unit_test(lives),
        cmocka_unit_test(names_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
