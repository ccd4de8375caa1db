/* Duplexes on socket pairs and pipes: partial reads, ceilings, half-closes, failures, frees in callbacks;
 * splice. */
#include "lib/duplex.h"
#include "tests/unit/lib/net_fixture.h"
#include <errno.h>

struct loop_state {
    uv_loop_t loop;
    int fds;
    struct timer *deadline;
};

static int set_up(void **state)
{
    struct loop_state *s = mem_new(struct loop_state);
    signal(SIGPIPE, SIG_IGN);
    uv_default_loop();
    s->fds = net_count_fds();
    uv_loop_init(&s->loop);
    s->deadline = timer_new(&s->loop, net_too_late, NULL);
    timer_start(s->deadline, 30000);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct loop_state *s = *state;
    timer_free(s->deadline);
    for (int i = 0; i < 1000 && uv_loop_alive(&s->loop); i++)
        uv_run(&s->loop, UV_RUN_NOWAIT);
    uv_walk(&s->loop, net_print_handle, NULL);
    int r = uv_loop_close(&s->loop), left = net_count_fds() - s->fds;
    if (left)
        fprintf(stderr, "%d descriptors are left\n", left);
    free(s);
    return r || left ? -1 : 0;
}

#define UNTIL(s, condition)                                                                                  \
    while (!(condition))                                                                                     \
    uv_run(&(s)->loop, UV_RUN_ONCE)

struct end {
    struct duplex *d;
    char got[1 << 16];
    size_t n, take, total; /* take: at most so many bytes of each offer; 0: all */
    int offers;
    bool closed, drained, free_in_read;
    char error[64];
};

static size_t on_read(void *arg, const char *data, size_t len)
{
    struct end *e = arg;
    size_t n = e->take && e->take < len ? e->take : len;
    e->offers++;
    if (e->n + n < sizeof e->got)
        memcpy(e->got + e->n, data, n);
    e->n += n;
    if (e->free_in_read)
        duplex_free(take_ptr(e->d));
    return n;
}

static void on_closed(void *arg, const char *error)
{
    struct end *e = arg;
    assert_false(e->closed);
    e->closed = true;
    snprintf(e->error, sizeof e->error, "%s", error ? error : "");
}

static void on_drained(void *arg)
{
    ((struct end *)arg)->drained = true;
}

static const struct duplex_events EVENTS = {on_read, on_closed, on_drained};

static int open_end(struct loop_state *s, struct end *e)
{
    int fds[2];
    *e = (struct end){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    e->d = duplex_from_fd(&s->loop, fds[0], fds[0]);
    duplex_start(e->d, &EVENTS, e);
    return fds[1];
}

static void test_rest_is_offered_again(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    int fd = open_end(s, &e);
    e.take = 3;
    assert_int_equal(write(fd, "0123456789", 10), 10);
    UNTIL(s, e.n == 3);
    for (int i = 0; i < 5; i++)
        uv_run(&s->loop, UV_RUN_NOWAIT);
    assert_int_equal(e.offers, 1); /* not before duplex_resume() */
    close(fd);
    while (e.n < 10) {
        duplex_resume(e.d);
        assert_false(e.closed); /* not before its last byte was taken */
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    assert_memory_equal(e.got, "0123456789", 10);
    assert_int_equal(e.offers, 4);
    duplex_resume(e.d);
    UNTIL(s, e.closed);
    assert_string_equal(e.error, "");
    duplex_free(e.d);
}

static void test_queue_and_its_ceiling(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    static char block[100000], sink[1 << 16];
    int fd = open_end(s, &e);
    size_t sent = 0, got = 0;
    while (duplex_write(e.d, block, sizeof block))
        sent += sizeof block;
    assert_true(duplex_queued(e.d) <= 1 << 20);
    assert_true(duplex_queued(e.d) > (1 << 20) - sizeof block);
    assert_false(e.drained);
    duplex_shutdown(e.d); /* after the queue */
    assert_false(duplex_write(e.d, "x", 1));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (ssize_t n; (n = read(fd, sink, sizeof sink)) != 0;) {
        got += n > 0 ? (size_t)n : 0;
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(got, sent);
    assert_true(e.drained);
    assert_false(e.closed); /* the other direction is still open */
    assert_int_equal(write(fd, "bye", 3), 3);
    UNTIL(s, e.n == 3);
    close(fd);
    UNTIL(s, e.closed);
    duplex_free(e.d);
}

static void test_last_words_survive_a_failed_write(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    int fd = open_end(s, &e);
    assert_int_equal(write(fd, "why", 3), 3);
    close(fd);
    duplex_write(e.d, "x", 1); /* EPIPE */
    UNTIL(s, e.closed);
    assert_memory_equal(e.got, "why", 3);
    assert_false(duplex_write(e.d, "x", 1));
    duplex_free(e.d);
}

static void test_pipes(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    int in[2], out[2];
    char c;
    e = (struct end){0};
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    e.d = duplex_from_fd(&s->loop, in[0], out[1]);
    duplex_start(e.d, &EVENTS, &e);
    close(out[0]); /* like `head -1`: reads no more, writes on */
    duplex_write(e.d, "x", 1);
    assert_false(duplex_write(e.d, "x", 1));
    assert_int_equal(write(in[1], "still", 5), 5);
    UNTIL(s, e.n == 5);
    assert_false(e.closed);
    close(in[1]);
    UNTIL(s, e.closed);
    duplex_free(e.d);
    assert_int_equal(read(out[0], &c, 1), -1);
}

static void test_write_only(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    int out[2];
    e = (struct end){0};
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    e.d = duplex_from_fd(&s->loop, -1, out[1]);
    duplex_start(e.d, &EVENTS, &e);
    assert_true(duplex_write(e.d, "x", 1));
    close(out[0]);
    duplex_write(e.d, "x", 1);
    UNTIL(s, e.closed);
    assert_string_equal(e.error, strerror(EPIPE));
    duplex_free(e.d);
}

static void test_regular_file(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    char path[] = "/tmp/wherry-test-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    unlink(path);
    assert_int_equal(write(fd, "text", 4), 4);
    lseek(fd, 0, SEEK_SET);
    e = (struct end){0};
    e.d = duplex_from_fd(&s->loop, fd, -1);
    duplex_start(e.d, &EVENTS, &e);
    UNTIL(s, e.closed);
    assert_memory_equal(e.got, "text", 4);
    duplex_free(e.d);
}

static void test_freed_in_its_callback(void **state)
{
    struct loop_state *s = *state;
    static struct end e;
    int fd = open_end(s, &e);
    e.free_in_read = true;
    e.take = 1;
    assert_int_equal(write(fd, "abc", 3), 3);
    UNTIL(s, !e.d);
    char c;
    assert_int_equal(read(fd, &c, 1), 0);
    close(fd);
}

/* --- splice --- */

static void on_done(void *arg)
{
    *(bool *)arg = true;
}

/* a-side client <-> (d1 = d2) <-> b-side client */
static void splice_pair(struct loop_state *s, int *a, int *b, bool *done)
{
    int x[2], y[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, x), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, y), 0);
    *a = x[0];
    *b = y[0];
    duplex_splice(duplex_from_fd(&s->loop, x[1], x[1]), duplex_from_fd(&s->loop, y[1], y[1]), on_done, done);
}

static void test_splice(void **state)
{
    struct loop_state *s = *state;
    static char block[1 << 16];
    int a, b;
    bool done = false, eof = false;
    size_t sent = 0, got = 0;
    splice_pair(s, &a, &b, &done);
    for (int i = 0; i < 200; i++) { /* nobody reads: it has to stop by itself */
        ssize_t n = write(a, block, sizeof block);
        sent += n > 0 ? (size_t)n : 0;
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    assert_true(sent < 2 << 20);
    shutdown(a, SHUT_WR);
    while (!eof) {
        ssize_t n = read(b, block, sizeof block);
        got += n > 0 ? (size_t)n : 0;
        eof = n == 0;
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(got, sent);
    assert_false(done);
    assert_int_equal(write(b, "answer", 6), 6);
    close(b);
    UNTIL(s, done);
    assert_int_equal(read(a, block, sizeof block), 6);
    assert_int_equal(read(a, block, sizeof block), 0);
    close(a);
}

static void test_splice_with_one_side_gone(void **state)
{
    struct loop_state *s = *state;
    static char block[1 << 16];
    int a, b;
    bool done = false;
    splice_pair(s, &a, &b, &done);
    close(b);
    for (int i = 0; i < 10; i++) {
        (void)!write(a, block, sizeof block);
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    close(a);
    UNTIL(s, done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rest_is_offered_again),
        TEST(test_queue_and_its_ceiling),
        TEST(test_last_words_survive_a_failed_write),
        TEST(test_pipes),
        TEST(test_write_only),
        TEST(test_regular_file),
        TEST(test_freed_in_its_callback),
        TEST(test_splice),
        TEST(test_splice_with_one_side_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
