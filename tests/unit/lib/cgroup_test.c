/* lib/cgroup on the hierarchies of this host, below /wherry-test-unit-PID. Without root only the paths are
 * tested. */
#include "lib/cgroup.h"
#include "lib/cgroup_host.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    struct cgroup_host *host;
    char top[64], pod[96], container[128];
};

static int setup(void **state)
{
    struct place *p = mem_new(struct place);
    *state = p;
    if (geteuid())
        return 0;
    assert_ok(cgroup_host_new(&p->host));
    snprintf(p->top, sizeof(p->top), "/wherry-test-unit-%d", (int)getpid());
    snprintf(p->pod, sizeof(p->pod), "%s/kubepods/podX", p->top);
    snprintf(p->container, sizeof(p->container), "%s/c1", p->pod);
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    int failed = 0;
    if (p->host) {
        err_free(cgroup_kill(p->host, p->top, 5000));
        auto_err *e = cgroup_remove(p->host, p->top, 5000);
        failed = e ? -1 : 0;
    }
    cgroup_host_free(p->host);
    free(p);
    return failed;
}

static void need_root(const struct place *p)
{
    if (!p->host) {
        print_message("needs root\n");
        skip();
    }
}

/* A process that waits to be killed, and `children` more of it. */
static pid_t start_sleeper(int children)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    for (int i = 0; i < children; i++)
        if (!fork())
            break;
    for (;;)
        pause();
}

static void assert_members(const struct place *p, const char *path, size_t want)
{
    auto_free pid_t *pids = NULL;
    size_t n = 0;
    assert_ok(cgroup_pids(p->host, path, &pids, &n));
    assert_int_equal(n, want);
}

static void relative_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/", "//", "..", "/a/..", "/a/../b", "/./a", "/a//b", "/a/", "a/."};
    static const char *const good[] = {"/a", "a", "//a", "/a/b", "/a/..b", "/.a"};
    const char *ret;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(cgroup_relative(bad[i], &ret), ERR_INVALID, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_ok(cgroup_relative(good[i], &ret));
        assert_int_not_equal(ret[0], '/');
    }
}

static void creates_in_every_hierarchy(void **state)
{
    struct place *p = *state;
    need_root(p);
    assert_ok(cgroup_create(p->host, p->container));
    assert_ok(cgroup_create(p->host, p->container)); /* existing is success */
    const char *relative;
    assert_ok(cgroup_relative(p->container, &relative));
    for (size_t i = 0; i < p->host->n; i++)
        assert_true(file_exists(p->host->list[i].fd, relative));
    assert_ok(cgroup_remove(p->host, p->top, 1000));
    for (size_t i = 0; i < p->host->n; i++)
        assert_false(file_exists(p->host->list[i].fd, relative));
    assert_ok(cgroup_remove(p->host, p->top, 0)); /* absent is success */
}

static void cpusets_admit_processes(void **state)
{
    struct place *p = *state;
    need_root(p);
    if (cgroup_host_mode(p->host) == CGROUP_V2 || !cgroup_host_has(p->host, "cpuset"))
        return; /* only v1 cpusets are born empty */
    const char *const paths[] = {p->top, p->pod, p->container};
    assert_ok(cgroup_create(p->host, p->container));
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        auto_free char *cpus = NULL, *mems = NULL;
        assert_ok(cgroup_read(p->host, "cpuset", paths[i], "cpuset.cpus", &cpus));
        assert_ok(cgroup_read(p->host, "cpuset", paths[i], "cpuset.mems", &mems));
        assert_string_not_equal(cpus, "");
        assert_string_not_equal(mems, "");
    }
}

static void moves_kills_removes(void **state)
{
    struct place *p = *state;
    need_root(p);
    assert_ok(cgroup_create(p->host, p->container));
    assert_members(p, p->pod, 0);
    pid_t pid = start_sleeper(0);
    assert_ok(cgroup_attach(p->host, p->container, pid));
    assert_ok(cgroup_attach(p->host, p->container, pid));
    assert_members(p, p->pod, 1);
    const char *relative;
    assert_ok(cgroup_relative(p->container, &relative));
    for (size_t i = 0; i < p->host->n; i++) {
        auto_free pid_t *pids = NULL;
        size_t n = 0;
        assert_ok(cgroup_list_pids(&p->host->list[i], relative, &pids, &n));
        assert_int_equal(n, 1);
        assert_int_equal(pids[0], pid);
    }
    assert_error(cgroup_remove(p->host, p->top, 20), ERR_TIMEOUT, NULL);
    assert_ok(cgroup_kill(p->host, p->pod, 10000));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_ok(cgroup_kill(p->host, p->pod, 100)); /* nobody is left */
    assert_ok(cgroup_kill(p->host, "/wherry-test-unit-none/x", 100));
    assert_ok(cgroup_remove(p->host, p->top, 5000));
    assert_error(cgroup_pids(p->host, p->top, &(pid_t *){NULL}, &(size_t){0}), ERR_NOT_FOUND, NULL);
}

/* The child enters by itself, as a container does, and makes more processes. */
static void enters_by_itself(void **state)
{
    struct place *p = *state;
    need_root(p);
    int pipes[2];
    char c;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_ok(cgroup_create(p->host, p->container));
    pid_t pid = fork();
    if (!pid) {
        struct err *e = cgroup_attach(p->host, p->container, 0);
        for (int i = 0; i < 20 && !e; i++)
            if (!fork())
                pause();
        if (!e && write(pipes[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    close(pipes[0]);
    assert_members(p, p->pod, 21);
    assert_ok(cgroup_kill(p->host, p->container, 10000));
    waitpid(pid, NULL, 0);
    assert_members(p, p->pod, 0);
}

static void frozen_processes_can_be_killed(void **state)
{
    struct place *p = *state;
    need_root(p);
    assert_ok(cgroup_create(p->host, p->container));
    pid_t pid = start_sleeper(0);
    assert_ok(cgroup_attach(p->host, p->container, pid));
    assert_ok(cgroup_freeze(p->host, p->pod, true));
    assert_ok(cgroup_freeze(p->host, p->pod, false));
    assert_ok(cgroup_freeze(p->host, p->pod, true));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    assert_ok(cgroup_kill(p->host, p->pod, 10000));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_ok(cgroup_freeze(p->host, p->pod, false));
}

/* As a v1-only host has to: somebody froze by the v1 freezer, and the process is in no cgroup2 of ours. */
static void v1_freezer_does_not_stop_a_kill(void **state)
{
    struct place *p = *state;
    need_root(p);
    const struct cgroup_hierarchy *g = cgroup_find(p->host, "freezer");
    if (!g || g->unified)
        return;
    const char *relative;
    assert_ok(cgroup_relative(p->container, &relative));
    auto_free char *procs = mem_printf("%s/cgroup.procs", relative),
                   *state_file = mem_printf("%s/freezer.state", relative);
    assert_ok(cgroup_create(p->host, p->container));
    pid_t pid = start_sleeper(0);
    auto_free char *text = mem_printf("%d", (int)pid);
    assert_ok(file_put(g->fd, procs, text));
    assert_ok(file_put(g->fd, state_file, "FROZEN"));
    assert_ok(cgroup_kill(p->host, p->pod, 10000));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void reads_and_writes(void **state)
{
    struct place *p = *state;
    need_root(p);
    assert_ok(cgroup_create(p->host, p->pod));
    if (cgroup_host_has(p->host, "pids")) {
        auto_free char *text = NULL;
        assert_ok(cgroup_write(p->host, "pids", p->pod, "pids.max", "17"));
        assert_ok(cgroup_read(p->host, "pids", p->pod, "pids.max", &text));
        assert_string_equal(text, "17");
        char *none;
        assert_error(cgroup_read(p->host, "pids", p->pod, "pids.none", &none), ERR_NOT_FOUND, NULL);
        assert_error(
            cgroup_write(p->host, "pids", "/wherry-test-unit-none", "pids.max", "1"), ERR_NOT_FOUND, NULL);
    }
    char *none;
    assert_error(cgroup_read(p->host, "nonesuch", p->pod, "x", &none), ERR_NOT_FOUND,
        "this host has no cgroup controller \"nonesuch\"");
    assert_error(cgroup_read(p->host, "pids", "/a/../..", "x", &none), ERR_INVALID, NULL);
    int fd = -1;
    if (cgroup_host_mode(p->host) != CGROUP_V1) {
        assert_ok(cgroup_open(p->host, "cgroup2", p->pod, &fd));
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        close(fd);
    }
}

static void counts_what_is_used(void **state)
{
    struct place *p = *state;
    need_root(p);
    struct cgroup_usage u;
    assert_error(cgroup_usage(p->host, p->pod, &u), ERR_NOT_FOUND, NULL);
    assert_ok(cgroup_create(p->host, p->container));
    pid_t pid = fork();
    if (!pid) {
        if (cgroup_attach(p->host, p->container, 0))
            _exit(1);
        volatile char *memory = malloc(8 << 20);
        for (size_t i = 0; memory && i < 8 << 20; i += 4096)
            memory[i] = 1;
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_ok(cgroup_usage(p->host, p->pod, &u));
    if (cgroup_host_has(p->host, "memory")) {
        assert_true(u.memory_bytes >= 8 << 20);
        assert_true(u.memory_working_set <= u.memory_bytes && u.memory_working_set > 0);
    }
    if (cgroup_host_has(p->host, "pids"))
        assert_int_equal(u.pids, 1);
    assert_true(u.cpu_ns > 0);
    assert_int_equal(u.oom_kills, 0);
    assert_ok(cgroup_kill(p->host, p->pod, 10000));
    waitpid(pid, NULL, 0);
}

static void removes_what_others_nested(void **state)
{
    struct place *p = *state;
    need_root(p);
    auto_free char *nested = mem_printf("%s/a/b/c", p->container),
                   *beside = mem_printf("%s/a/d", p->container);
    assert_ok(cgroup_create(p->host, nested));
    assert_ok(cgroup_create(p->host, beside));
    assert_ok(cgroup_remove(p->host, p->pod, 1000));
    assert_error(cgroup_pids(p->host, p->pod, &(pid_t *){NULL}, &(size_t){0}), ERR_NOT_FOUND, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_paths),
        TEST(creates_in_every_hierarchy),
        TEST(cpusets_admit_processes),
        TEST(moves_kills_removes),
        TEST(enters_by_itself),
        TEST(frozen_processes_can_be_killed),
        TEST(v1_freezer_does_not_stop_a_kill),
        TEST(reads_and_writes),
        TEST(counts_what_is_used),
        TEST(removes_what_others_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
