/* A container's streams with pipes for a container: log, attach, stdin, clients that vanish or stall. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/shim/streams.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct poll poll;
static struct streams s;
static struct streams_ends ends;

static void turn_until(bool (*done)(void))
{
    for (int i = 0; i < 10000 && !done(); i++)
        test_ok(poll_turn(&poll), __FILE__, __LINE__);
    assert_true(done());
}

static void start(bool with_stdin)
{
    signal(SIGPIPE, SIG_IGN);
    assert_null(poll_init(&poll));
    streams_init(&s, &poll);
    ends = (struct streams_ends){-1, -1, -1};
    assert_null(streams_pipes(&s, with_stdin, &ends));
    assert_null(streams_begin(&s));
}

static void stop(void)
{
    streams_close(&s);
    int fds[] = {ends.in, ends.out, ends.err};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    assert_null(poll.timers);
    poll_done(&poll);
}

struct client {
    int in, out, err; /* its own ends */
};

static struct client attach(bool in, bool err)
{
    int i[2] = {-1, -1}, o[2], e[2] = {-1, -1};
    assert_int_equal(pipe(o), 0);
    assert_true(!in || pipe(i) == 0);
    assert_true(!err || pipe(e) == 0);
    assert_null(streams_attach(&s, i[0], o[1], e[1]));
    return (struct client){i[1], o[0], e[0]};
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void hear(int fd, const char *want)
{
    char got[256] = "";
    ssize_t n = read(fd, got, sizeof(got) - 1);
    assert_true(n >= 0);
    assert_string_equal(got, want);
}

static bool both_ended(void)
{
    return s.out[0].src.fd < 0 && s.out[1].src.fd < 0;
}

static void output_goes_to_every_client(void **state)
{
    (void)state;
    start(false);
    struct client a = attach(false, true), b = attach(false, false);
    say(ends.out, "hello");
    say(ends.err, "oops");
    close(take_fd(ends.out));
    close(take_fd(ends.err));
    turn_until(both_ended);
    hear(a.out, "hello");
    hear(b.out, "hello");
    hear(a.err, "oops");
    streams_close(&s);
    hear(a.out, "");
    hear(a.err, "");
    hear(b.out, "");
    stop();
}

static bool nobody_attached(void)
{
    return s.n_clients == 0;
}

static void a_client_that_leaves_is_forgotten(void **state)
{
    (void)state;
    start(true);
    struct client a = attach(true, true);
    close(a.out);
    close(a.err);
    close(a.in);
    turn_until(nobody_attached);
    assert_true(s.in.fd >= 0); /* not stdinOnce: the container's stays open */
    stop();
}

static bool one_attached(void)
{
    return s.n_clients == 1;
}

static void a_client_that_does_not_read_is_dropped(void **state)
{
    (void)state;
    start(false);
    s.patience_ms = 50;
    struct client slow = attach(false, false);
    static char text[32 * 1024];
    memset(text, 'x', sizeof(text));
    while (s.n_holding == 0) {
        assert_int_equal(write(ends.out, text, sizeof(text)), sizeof(text));
        assert_null(poll_turn(&poll));
    }
    turn_until(nobody_attached);
    assert_int_equal(s.n_holding, 0);
    close(slow.out);
    struct client next = attach(false, false); /* the container goes on */
    say(ends.out, "more");
    char got[8] = "";
    fcntl(next.out, F_SETFL, O_NONBLOCK);
    while (read(next.out, got, 4) != 4)
        assert_null(poll_turn(&poll));
    assert_string_equal(got, "more");
    close(next.out);
    stop();
}

static void a_client_that_reads_slowly_misses_nothing(void **state)
{
    (void)state;
    start(false);
    s.patience_ms = 30000;
    struct client slow = attach(false, false);
    assert_int_equal(fcntl(slow.out, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends.out, F_SETFL, O_NONBLOCK), 0);
    static char text[32 * 1024], got[8 * 1024];
    memset(text, 'x', sizeof(text));
    bool held = false;
    size_t sent = 0, received = 0;
    enum { TOTAL = 2 * 1024 * 1024 };
    while (received < TOTAL) {
        ssize_t n = sent < TOTAL ? write(ends.out, text, sizeof(text)) : 0;
        sent += n > 0 ? (size_t)n : 0;
        held |= s.n_holding > 0;
        if ((n = read(slow.out, got, sizeof(got))) > 0)
            received += (size_t)n;
        /* never where nothing is on its way: the turn would not end */
        if (received < TOTAL && (n < 0 || (s.n_holding == 0 && sent < TOTAL)))
            assert_null(poll_turn(&poll));
    }
    assert_true(held && one_attached());
    close(slow.out);
    stop();
}

static void what_was_written_is_flushed_after_the_end(void **state)
{
    (void)state;
    start(false);
    struct client a = attach(false, false);
    static char text[100 * 1024]; /* more than its pipe takes */
    memset(text, 'y', sizeof(text));
    for (size_t at = 0; at < sizeof(text);) {
        ssize_t n = write(ends.out, text + at, sizeof(text) - at > 50000 ? 50000 : sizeof(text) - at);
        assert_true(n > 0);
        at += (size_t)n;
        assert_null(poll_turn(&poll));
    }
    streams_close(&s);
    size_t got = 0;
    char part[8192];
    ssize_t n;
    while ((n = read(a.out, part, sizeof(part))) > 0) {
        got += (size_t)n;
        if (poll.timers)
            assert_null(poll_turn(&poll));
    }
    assert_int_equal(got, sizeof(text));
    stop();
}

static bool stdin_closed(void)
{
    return s.in.fd < 0;
}

static void stdin_once(void **state)
{
    (void)state;
    start(true);
    s.stdin_once = true;
    struct client a = attach(true, false);
    say(a.in, "typed");
    close(a.in);
    turn_until(stdin_closed);
    hear(ends.in, "typed");
    hear(ends.in, "");
    close(a.out);
    stop();
}

/* The container does not read: clients wait, nothing spins, nothing is lost. */
static void stdin_is_held_back(void **state)
{
    (void)state;
    start(true);
    s.stdin_once = true;
    struct client a = attach(true, false);
    enum { TOTAL = 300 * 1024 };
    assert_int_equal(fcntl(a.in, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends.in, F_SETFL, O_NONBLOCK), 0);
    size_t sent = 0, got = 0;
    char part[8192];
    memset(part, 'z', sizeof(part));
    while (got < TOTAL) {
        size_t want = TOTAL - sent < sizeof(part) ? TOTAL - sent : sizeof(part);
        ssize_t n = want ? write(a.in, part, want) : 0;
        sent += n > 0 ? (size_t)n : 0;
        if (sent == TOTAL && a.in >= 0) {
            close(a.in);
            a.in = -1;
        }
        if (n < 0 || sent == TOTAL) { /* everything is full: now the container reads */
            while ((n = read(ends.in, part, sizeof(part))) > 0)
                got += (size_t)n;
        }
        if (got < TOTAL && (n <= 0 || !s.pending_len)) /* held back: no turn would come before it is full */
            assert_null(poll_turn(&poll));
    }
    turn_until(stdin_closed);
    hear(ends.in, "");
    close(a.out);
    stop();
}

static void attach_is_checked(void **state)
{
    (void)state;
    start(false);
    int null = open("/dev/null", O_RDWR);
    struct err *e = streams_attach(&s, -1, null, -1);
    test_error(e, ERR_INVALID, "attach: stdout: not a pipe, socket or terminal", __FILE__, __LINE__);
    assert_true(fcntl(null, F_GETFD) >= 0); /* still ours */
    close(null);
    struct client many[STREAMS_CLIENTS_MAX];
    for (int i = 0; i < STREAMS_CLIENTS_MAX; i++)
        many[i] = attach(false, false);
    int p[2];
    assert_int_equal(pipe(p), 0);
    e = streams_attach(&s, -1, p[1], -1);
    test_error(e, ERR_LIMIT, NULL, __FILE__, __LINE__);
    close(p[0]);
    close(p[1]);
    for (int i = 0; i < STREAMS_CLIENTS_MAX; i++)
        close(many[i].out);
    turn_until(nobody_attached);
    /* a container without stdin: the client's is closed */
    struct client a = attach(true, false);
    assert_int_equal(write(a.in, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(a.in);
    close(a.out);
    turn_until(nobody_attached);
    stop();
}

static void terminal(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_null(poll_init(&poll));
    streams_init(&s, &poll);
    ends = (struct streams_ends){-1, -1, -1};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && unlockpt(master) == 0);
    assert_null(streams_terminal(&s, master, true));
    assert_null(streams_begin(&s));
    ends.out = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    assert_null(streams_resize(&s, 132, 43));
    struct winsize size;
    assert_int_equal(ioctl(ends.out, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_col, 132);
    assert_int_equal(size.ws_row, 43);
    struct client a = attach(true, false);
    say(a.in, "hi\n");
    while (s.pending_len || poll.batch[0].data.ptr == NULL)
        assert_null(poll_turn(&poll));
    hear(ends.out, "hi\n");
    /* nobody holds it for a while: it does not hang up */
    close(take_fd(ends.out));
    ends.out = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    assert_true(ends.out >= 0 && s.out[0].src.fd >= 0);
    say(ends.out, "bye\n");
    close(take_fd(ends.out));
    streams_drain(&s);
    assert_true(s.out[0].src.fd < 0);
    char got[64] = "";
    assert_true(read(a.out, got, sizeof(got) - 1) > 0);
    assert_non_null(strstr(got, "bye\r\n"));
    close(a.in);
    close(a.out);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_goes_to_every_client),
        cmocka_unit_test(a_client_that_leaves_is_forgotten),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(a_client_that_reads_slowly_misses_nothing),
        cmocka_unit_test(what_was_written_is_flushed_after_the_end),
        cmocka_unit_test(stdin_once),
        cmocka_unit_test(stdin_is_held_back),
        cmocka_unit_test(attach_is_checked),
        cmocka_unit_test(terminal),
    };
    alarm(60); /* a test that waits for what does not come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
