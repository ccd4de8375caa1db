/* Children: results, deadlines, and what a detached runtime leaves behind. */
#include "lib/mem.h"
#include "runtime/shim/child.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static struct poll poll;
static struct children children;
static struct poll_source signals;

static void on_signal(struct poll_source *src, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    while (read(src->fd, &info, sizeof(info)) > 0)
        children_reap(&children);
}

static int setup(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    children = (struct children){.poll = &poll, .oom_score_adj = INT_MIN};
    getrlimit(RLIMIT_NOFILE, &children.nofile);
    err_free(poll_init(&poll));
    signals = (struct poll_source){signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), on_signal, false};
    err_free(poll_add(&poll, &signals, EPOLLIN));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    poll_close(&poll, &signals);
    poll_done(&poll);
    return children.list != NULL || children.jobs != 0;
}

struct result {
    bool done, timed_out;
    int status;
    pid_t adopt; /* from within done */
    struct result *next;
};

static void on_done(void *arg, int status, bool timed_out)
{
    struct result *r = arg;
    r->done = true;
    r->status = status;
    r->timed_out = timed_out;
    struct child *ch;
    if (r->adopt)
        assert_null(child_adopt(&children, r->adopt, on_done, r->next, &ch));
}

static void wait_for(struct result *r)
{
    while (!r->done)
        assert_null(poll_turn(&poll));
}

static struct child_spec shell(const char *argv[4], const char *script)
{
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    return (struct child_spec){.argv = argv, .in = -1, .out = -1, .err = -1, .deadline_ms = 30000};
}

static void exit_status_and_descriptors(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    const char *argv[4];
    struct child_spec spec = shell(argv, "read x; echo $x >&3; echo four >&4; exit 5");
    int in[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(write(in[1], "text\n", 5), 5);
    spec.in = in[0];
    spec.fds[0] = spec.fds[1] = p[1];
    spec.n_fds = 2;
    struct result r = {0};
    struct child *ch;
    assert_null(child_spawn(&children, &spec, on_done, &r, &ch));
    close(in[0]);
    close(in[1]);
    close(p[1]);
    wait_for(&r);
    assert_true(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 5);
    char got[256] = "";
    size_t n = 0;
    for (ssize_t k; (k = read(p[0], got + n, sizeof(got) - 1 - n)) > 0;)
        n += (size_t)k;
    assert_string_equal(got, "text\nfour\n");
    close(p[0]);
}

static void what_cannot_be_run(void **state)
{
    (void)state;
    const char *argv[] = {"/nowhere/at/all", NULL};
    struct child_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1, .deadline_ms = 1000};
    struct child *ch;
    struct err *e = child_spawn(&children, &spec, on_done, NULL, &ch);
    test_error(e, ERR_NOT_FOUND, "run /nowhere/at/all: no such file or directory", __FILE__, __LINE__);
}

static void a_deadline_kills_the_whole_group(void **state)
{
    (void)state;
    const char *argv[4];
    struct child_spec spec = shell(argv, "sleep 1000 & sleep 1000");
    spec.deadline_ms = 50;
    struct result r = {0};
    struct child *ch;
    assert_null(child_spawn(&children, &spec, on_done, &r, &ch));
    wait_for(&r);
    assert_true(r.timed_out && WIFSIGNALED(r.status));
    while (waitpid(-1, NULL, 0) > 0) /* the other one came to us, dead */
        ;
    assert_int_equal(errno, ECHILD);
}

static int work(void *arg)
{
    return *(int *)arg;
}

static void forked_work(void **state)
{
    (void)state;
    int code = 9;
    struct result r = {0};
    struct child *ch;
    assert_null(child_fork(&children, work, &code, 10000, on_done, &r, &ch));
    wait_for(&r);
    assert_int_equal(WEXITSTATUS(r.status), 9);
}

/* A runtime that leaves a process behind, which ends before, or after, its runtime does. */
static void adopt(const char *script, int want)
{
    char path[] = "/tmp/wherry-pid.XXXXXX";
    int fd = mkstemp(path);
    const char *argv[4];
    struct child_spec spec = shell(argv, script);
    spec.fds[0] = fd;
    spec.n_fds = 1;
    struct result inner = {0}, r = {.next = &inner};
    struct child *ch;
    assert_null(child_spawn(&children, &spec, on_done, &r, &ch));
    char text[16] = "";
    while (!r.done) {
        if (!r.adopt && pread(fd, text, sizeof(text) - 1, 0) > 0)
            r.adopt = atoi(text);
        assert_null(poll_turn(&poll));
    }
    if (!r.adopt) {
        assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
        assert_null(child_adopt(&children, atoi(text), on_done, &inner, &ch));
    }
    wait_for(&inner);
    assert_int_equal(WEXITSTATUS(inner.status), want);
    close(fd);
    unlink(path);
}

static void adopted_later(void **state)
{
    (void)state;
    adopt("(sleep 0.2; exit 3) & echo $! >&3", 3);
}

static struct result early;
static pid_t early_pid;
static void on_runtime(void *arg, int status, bool timed_out)
{
    struct result *r = arg;
    on_done(r, status, timed_out);
    struct child *ch;
    assert_null(child_adopt(&children, early_pid, on_done, &early, &ch));
}

static void ended_before_its_runtime(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    const char *argv[4];
    /* the process is orphaned at once by its parent, and gone before the "runtime" ends */
    struct child_spec spec = shell(argv, "(sh -c 'echo $$ >&3; exit 4' &) ; sleep 0.2; exit 0");
    spec.fds[0] = p[1];
    spec.n_fds = 1;
    struct result r = {0};
    struct child *ch;
    assert_null(child_spawn(&children, &spec, on_runtime, &r, &ch));
    close(p[1]);
    char text[16] = "";
    assert_true(read(p[0], text, sizeof(text) - 1) > 0);
    close(p[0]);
    early_pid = atoi(text);
    wait_for(&r);
    wait_for(&early);
    assert_int_equal(WEXITSTATUS(early.status), 4);
}

static void not_ours(void **state)
{
    (void)state;
    struct child *ch;
    struct err *e = child_adopt(&children, 1, on_done, NULL, &ch);
    test_error(e, ERR_NOT_FOUND, "process 1 is not a child of the shim", __FILE__, __LINE__);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exit_status_and_descriptors),
        TEST(what_cannot_be_run),
        TEST(a_deadline_kills_the_whole_group),
        TEST(forked_work),
        TEST(adopted_later),
        TEST(ended_before_its_runtime),
        TEST(not_ours),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
