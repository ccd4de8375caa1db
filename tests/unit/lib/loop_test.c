/* Timers, watches and deferred calls: order, coalescing, and freeing from within their own callbacks. */
#include "tests/unit/lib/net_fixture.h"

static uv_loop_t loop;

struct counted {
    int calls;
    struct timer *timer;
    struct deferred *deferred;
    struct watch *watch;
    int fd, events;
};

static int set_up(void **state)
{
    uv_loop_init(&loop);
    *state = mem_new(struct counted);
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void count(void *arg)
{
    ((struct counted *)arg)->calls++;
}

static void again(void *arg)
{
    struct counted *c = arg;
    if (++c->calls < 3)
        timer_start(c->timer, 1);
    else
        timer_free(take_ptr(c->timer));
}

static void test_timer_arms_and_frees_itself(void **state)
{
    struct counted *c = *state;
    c->timer = timer_new(&loop, again, c);
    assert_false(timer_is_armed(c->timer));
    timer_start(c->timer, 1);
    assert_true(timer_is_armed(c->timer));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(c->calls, 3);
}

static void test_timer_is_moved_and_stopped(void **state)
{
    struct counted *c = *state;
    struct timer *t = timer_new(&loop, count, c);
    timer_start(t, 1);
    timer_start(t, 100000);
    uint64_t before = uv_hrtime();
    while (uv_hrtime() - before < 5000000)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(c->calls, 0);
    timer_stop(t);
    uv_run(&loop, UV_RUN_DEFAULT); /* nothing to wait for */
    timer_free(t);
    timer_free(NULL);
}

static void test_deferred_coalesces(void **state)
{
    struct counted *c = *state;
    struct deferred *d = deferred_new(&loop, count, c);
    for (int i = 0; i < 5; i++)
        deferred_call(d);
    assert_int_equal(c->calls, 0); /* not from within the call */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(c->calls, 1);
    deferred_call(d);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(c->calls, 2);
    deferred_call(d);
    deferred_free(d); /* takes the call back */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(c->calls, 2);
}

static void defer_forever(void *arg)
{
    struct counted *c = arg;
    c->calls++;
    deferred_call(c->deferred);
}

static void end_it(void *arg)
{
    struct counted *c = arg;
    deferred_free(take_ptr(c->deferred));
    timer_free(take_ptr(c->timer));
}

static void test_deferred_lets_others_run(void **state)
{
    struct counted *c = *state;
    c->deferred = deferred_new(&loop, defer_forever, c);
    c->timer = timer_new(&loop, end_it, c);
    timer_start(c->timer, 2);
    deferred_call(c->deferred);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(c->calls > 1);
}

static void on_event(void *arg, int events)
{
    struct counted *c = arg;
    c->calls++;
    c->events = events;
    watch_free(take_ptr(c->watch));
    close(c->fd); /* at once: the next descriptor may have its number */
}

static void watch_this(struct counted *c, int fd, int events)
{
    c->fd = fd;
    c->watch = watch_new(&loop, fd, on_event, c);
    watch_set(c->watch, events);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void test_watch(void **state)
{
    struct counted *c = *state;
    int fds[2];
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], "x", 1), 1);
        watch_this(c, fds[0], UV_READABLE);
        assert_int_equal(c->calls, i);
        assert_int_equal(c->events, UV_READABLE);
        close(fds[1]);
    }
}

static void test_watch_of_what_epoll_refuses(void **state)
{
    watch_this(*state, open("/dev/null", O_RDWR | O_CLOEXEC), UV_READABLE);
    assert_int_equal(((struct counted *)*state)->events, UV_READABLE);
}

static void test_watch_of_a_broken_pipe(void **state)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    watch_this(*state, fds[1], UV_WRITABLE);
    assert_int_equal(((struct counted *)*state)->events, UV_WRITABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_timer_arms_and_frees_itself),
        TEST(test_timer_is_moved_and_stopped),
        TEST(test_deferred_coalesces),
        TEST(test_deferred_lets_others_run),
        TEST(test_watch),
        TEST(test_watch_of_what_epoll_refuses),
        TEST(test_watch_of_a_broken_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
