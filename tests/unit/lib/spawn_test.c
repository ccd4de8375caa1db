/* lib/spawn: results, deadlines, descriptors, daemons; waiting and in a loop. */
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define SH(script) ((const char *const[]){"/bin/sh", "-c", script, NULL})

static struct spawn_opts shell(const char *const *argv)
{
    return (struct spawn_opts){.argv = argv, .out_max = 1000, .err_max = 1000, .deadline_ms = 20000};
}

static void gives_status_and_output(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("cat; echo err >&2; exit 3"));
    struct spawn_result r;
    o.in = "input";
    o.in_len = 5;
    assert_ok(spawn_run(&o, &r));
    assert_true(WIFEXITED(r.status));
    assert_int_equal(WEXITSTATUS(r.status), 3);
    assert_false(r.timed_out);
    assert_string_equal(buf_str(&r.out), "input");
    assert_string_equal(buf_str(&r.err), "err\n");
    assert_error(spawn_result_err(&r, "plugin"), ERR_SYSTEM, "plugin: exit status 3: err");
    spawn_result_done(&r);
}

static void success_is_no_error(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("cat"));
    struct spawn_result r;
    o.out_max = o.err_max = 0;
    assert_ok(spawn_run(&o, &r));
    assert_ok(spawn_result_err(&r, "x"));
    spawn_result_done(&r);
}

static void output_beyond_the_ceiling_is_dropped(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("head -c 1000000 /dev/zero | tr '\\0' x; echo done >&2"));
    struct spawn_result r;
    assert_ok(spawn_run(&o, &r));
    assert_int_equal(r.out.len, 1000);
    assert_string_equal(buf_str(&r.err), "done\n");
    assert_ok(spawn_result_err(&r, "x"));
    spawn_result_done(&r);
}

static void tells_what_could_not_be_started(void **state)
{
    (void)state;
    const char *const none[] = {"/no/such/program", NULL};
    struct spawn_opts o = shell(none);
    struct spawn_result r;
    assert_error(spawn_run(&o, &r), ERR_NOT_FOUND, "run /no/such/program: no such file or directory");
    const char *const folder[] = {"/tmp", NULL};
    o.argv = folder;
    assert_error(spawn_run(&o, &r), ERR_DENIED, "run /tmp: permission denied");
    o.argv = SH("true");
    o.cwd = "/no/such/folder";
    assert_error(spawn_run(&o, &r), ERR_NOT_FOUND, NULL);
    o.cwd = NULL;
    o.deadline_ms = 0;
    assert_error(spawn_run(&o, &r), ERR_BUG, "run /bin/sh: no deadline");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

static void deadline_kills_the_whole_group(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("echo a; sleep 1000 & sleep 1000; echo b"));
    struct spawn_result r;
    o.deadline_ms = 100;
    assert_ok(spawn_run(&o, &r));
    assert_true(r.timed_out);
    assert_string_equal(buf_str(&r.out), "a\n");
    assert_error(spawn_result_err(&r, "hook"), ERR_TIMEOUT, "hook: killed at its deadline");
    spawn_result_done(&r);
}

static void grandchild_with_the_pipe_does_not_hold_us(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("echo before; sleep 1000 & echo $!"));
    struct spawn_result r;
    int64_t start = clock_mono_ms();
    assert_ok(spawn_run(&o, &r));
    assert_true(clock_mono_ms() - start < 15000);
    assert_false(r.timed_out);
    assert_memory_equal(buf_str(&r.out), "before\n", 7);
    pid_t sleeper = atoi(buf_str(&r.out) + 7);
    assert_int_equal(kill(sleeper, SIGKILL), 0);
    spawn_result_done(&r);
}

static void signals_are_named(void **state)
{
    (void)state;
    struct spawn_opts o = shell(SH("kill -SEGV $$"));
    struct spawn_result r;
    assert_ok(spawn_run(&o, &r));
    assert_error(spawn_result_err(&r, "x"), ERR_SYSTEM, "x: killed by SIGSEGV");
    spawn_result_done(&r);
}

static void child_sees_only_what_is_passed(void **state)
{
    (void)state;
    int inherited = open("/dev/zero", O_RDONLY); /* without O_CLOEXEC, deliberately */
    int a[2], b[2];
    assert_int_equal(pipe(a) | pipe(b), 0);
    struct spawn_opts o =
        shell(SH("ls -1 /proc/self/fd | tr '\\n' ' '; echo to3 >&3; echo to4 >&4; pwd; echo $X"));
    const char *const env[] = {"X=y", "PATH=/bin:/usr/bin", NULL};
    struct spawn_result r;
    o.fds = (int[]){b[1], a[1]};
    o.n_fds = 2;
    o.envp = env;
    o.cwd = "/usr";
    assert_ok(spawn_run(&o, &r));
    assert_string_equal(buf_str(&r.out), "0 1 2 3 4 5 /usr\ny\n"); /* 5 is ls's own */
    char text[10] = "";
    assert_int_equal(read(b[0], text, sizeof(text)), 4);
    assert_memory_equal(text, "to3\n", 4);
    assert_int_equal(read(a[0], text, sizeof(text)), 4);
    assert_memory_equal(text, "to4\n", 4);
    spawn_result_done(&r);
    close(inherited);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void descriptors_may_cross(void **state)
{
    (void)state;
    int lo = open("/dev/null", O_RDONLY | O_CLOEXEC), hi = dup2(lo, 4);
    assert_int_equal(dup2(lo, 3), 3);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(zero, 3), 3);
    struct spawn_opts o = shell(SH("readlink /proc/self/fd/3 /proc/self/fd/4"));
    struct spawn_result r;
    o.fds = (int[]){4, 3};
    o.n_fds = 2;
    assert_ok(spawn_run(&o, &r));
    assert_string_equal(buf_str(&r.out), "/dev/null\n/dev/zero\n");
    spawn_result_done(&r);
    close(hi);
    close(3);
    close(zero);
    if (lo != 3 && lo != 4)
        close(lo);
}

static void on_usr1(int sig)
{
    (void)sig;
}

static void child_has_default_signals(void **state)
{
    (void)state;
    signal(SIGUSR1, on_usr1);
    signal(SIGPIPE, SIG_IGN);
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &old);
    const char *const argv[] = {"/bin/sed", "-n", "/^Sig[BIC][lg][kngt]/p", "/proc/self/status", NULL};
    struct spawn_opts o = shell(argv);
    struct spawn_result r;
    assert_ok(spawn_run(&o, &r));
    unsigned long long blocked, ignored, caught;
    assert_int_equal(
        sscanf(buf_str(&r.out), "SigBlk: %llx SigIgn: %llx SigCgt: %llx", &blocked, &ignored, &caught), 3);
    const unsigned long long libc_own = 3ULL << 31; /* signals 32 and 33: nobody can set them */
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored & ~libc_own, 0);
    assert_int_equal(caught, 0);
    spawn_result_done(&r);
    sigset_t now;
    sigprocmask(SIG_SETMASK, &old, &now);
    assert_true(sigismember(&now, SIGTERM));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

static void daemon_is_init_s(void **state)
{
    (void)state;
    int ready[2], errors[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(errors, O_CLOEXEC), 0);
    pid_t pid = 0;
    assert_ok(spawn_daemon(SH("for n in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$n ] || echo -n $n >&2; "
                              "done; echo $$ $(cut -d' ' -f4-6 /proc/$$/stat) >&3"),
        NULL, errors[1], ready[1], &pid));
    close(ready[1]);
    close(errors[1]);
    char text[100] = "", fds[100] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(ready[0], text + n, sizeof(text) - 1 - n)) > 0;)
        n += (size_t)got;
    for (ssize_t got; (got = read(errors[0], fds + strlen(fds), sizeof(fds) - 1 - strlen(fds))) > 0;)
        ;
    int self, parent, group, session;
    assert_int_equal(sscanf(text, "%d %d %d %d", &self, &parent, &group, &session), 4);
    assert_int_equal(self, pid);
    assert_int_not_equal(parent, getpid());
    assert_int_equal(group, pid);
    assert_int_equal(session, pid);
    assert_string_equal(fds, "0123");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close(ready[0]);
    close(errors[0]);
    assert_error(spawn_daemon((const char *const[]){"/no/such", NULL}, NULL, -1, -1, &pid), ERR_NOT_FOUND,
        "run /no/such: no such file or directory");
}

/* --- in a loop --- */

struct outcome {
    int calls, status;
    bool timed_out;
    char out[100];
    struct spawn *spawn;
};

static void on_done(void *arg, const struct spawn_result *r)
{
    struct outcome *o = arg;
    o->calls++;
    o->status = r->status;
    o->timed_out = r->timed_out;
    snprintf(o->out, sizeof(o->out), "%s", buf_str(&r->out));
    spawn_cancel(o->spawn); /* from done(): nothing */
}

static void end_loop(uv_loop_t *loop)
{
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void loop_runs_several(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct outcome done[3] = {0};
    const char *const scripts[] = {"echo one", "sleep 1000 & echo $!; exit 4", "echo x; sleep 1000"};
    assert_int_equal(uv_loop_init(&loop), 0);
    for (int i = 0; i < 3; i++) {
        const char *const argv[] = {"/bin/sh", "-c", scripts[i], NULL};
        struct spawn_opts o = shell(argv);
        o.deadline_ms = i == 2 ? 100 : 20000;
        assert_ok(spawn_start(&loop, &o, on_done, &done[i], &done[i].spawn));
        assert_int_equal(done[i].calls, 0);
    }
    end_loop(&loop);
    for (int i = 0; i < 3; i++)
        assert_int_equal(done[i].calls, 1);
    assert_string_equal(done[0].out, "one\n");
    assert_int_equal(WEXITSTATUS(done[1].status), 4);
    assert_int_equal(kill(atoi(done[1].out), SIGKILL), 0);
    assert_true(done[2].timed_out);
    assert_int_equal(WTERMSIG(done[2].status), SIGKILL);
    assert_string_equal(done[2].out, "x\n");
}

static void loop_cancel_tells_nobody(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct outcome done = {0};
    struct spawn_opts o = shell(SH("sleep 1000"));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_ok(spawn_start(&loop, &o, on_done, &done, &done.spawn));
    spawn_cancel(done.spawn);
    spawn_cancel(NULL);
    end_loop(&loop);
    assert_int_equal(done.calls, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void loop_reads_much(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct outcome done = {0};
    struct spawn_opts o = shell(SH("head -c 3000000 /dev/zero | tr '\\0' y"));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_ok(spawn_start(&loop, &o, on_done, &done, &done.spawn));
    end_loop(&loop);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, 0);
    assert_int_equal(strlen(done.out), sizeof(done.out) - 1);
}

int main(void)
{
    /* grandchildren must not become ours, whatever runs this test */
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_status_and_output),
        cmocka_unit_test(success_is_no_error),
        cmocka_unit_test(output_beyond_the_ceiling_is_dropped),
        cmocka_unit_test(tells_what_could_not_be_started),
        cmocka_unit_test(deadline_kills_the_whole_group),
        cmocka_unit_test(grandchild_with_the_pipe_does_not_hold_us),
        cmocka_unit_test(signals_are_named),
        cmocka_unit_test(child_sees_only_what_is_passed),
        cmocka_unit_test(descriptors_may_cross),
        cmocka_unit_test(child_has_default_signals),
        cmocka_unit_test(daemon_is_init_s),
        cmocka_unit_test(loop_runs_several),
        cmocka_unit_test(loop_cancel_tells_nobody),
        cmocka_unit_test(loop_reads_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
