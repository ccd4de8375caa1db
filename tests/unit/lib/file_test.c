/* lib/file: reading with a ceiling, whole writes, trees, roots, locks. Everything below one mkdtemp folder.
 */
#include "lib/file.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char path[64];
    int fd;
};

static int setup(void **state)
{
    struct place *p = mem_new(struct place);
    snprintf(p->path, sizeof(p->path), "/tmp/wherry-file.XXXXXX");
    if (!mkdtemp(p->path))
        return -1;
    p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    close(p->fd);
    err_free(file_remove_tree(AT_FDCWD, p->path));
    bool gone = access(p->path, F_OK) < 0;
    free(p);
    return gone ? 0 : -1;
}

static void put(struct place *p, const char *name, const char *text)
{
    assert_ok(file_write_atomic(p->fd, name, text, strlen(text), 0644, FILE_NO_FSYNC));
}

static void reads_up_to_its_ceiling(void **state)
{
    struct place *p = *state;
    put(p, "f", "hello");
    for (size_t max = 0; max < 8; max++) {
        auto_free char *text = NULL;
        size_t n = 0;
        struct err *e = file_read(p->fd, "f", max, &text, &n);
        if (max < 5) {
            char want[60];
            snprintf(want, sizeof(want), "read f: larger than %zu bytes", max);
            assert_error(e, ERR_LIMIT, want);
            continue;
        }
        assert_ok(e);
        assert_int_equal(n, 5);
        assert_string_equal(text, "hello");
    }
}

static void reads_procfs_whole(void **state)
{
    (void)state;
    auto_free char *text = NULL;
    size_t n;
    assert_ok(file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, &n));
    assert_true(n > 0);
    assert_int_equal(text[n - 1], '\n');
}

static void reads_no_special_files(void **state)
{
    struct place *p = *state;
    char *text;
    assert_int_equal(mkfifoat(p->fd, "fifo", 0600), 0);
    assert_error(file_read(p->fd, "fifo", 10, &text, NULL), ERR_INVALID, "read fifo: not a regular file");
    assert_error(
        file_read(AT_FDCWD, "/dev/zero", 10, &text, NULL), ERR_INVALID, "read /dev/zero: not a regular file");
    assert_error(file_read(p->fd, ".", 10, &text, NULL), ERR_INVALID, "read .: not a regular file");
    assert_error(
        file_read(p->fd, "none", 10, &text, NULL), ERR_NOT_FOUND, "open none: no such file or directory");
}

static void reads_a_stream_to_its_end(void **state)
{
    (void)state;
    int pipefd[2];
    auto_free char *text = NULL;
    char *none;
    size_t n;
    assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
    assert_int_equal(write(pipefd[1], "0123456789", 10), 10);
    close(pipefd[1]);
    assert_ok(file_read_stream(pipefd[0], 10, &text, &n));
    assert_string_equal(text, "0123456789");
    assert_int_equal(n, 10);
    close(pipefd[0]);
    assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
    assert_int_equal(write(pipefd[1], "0123456789", 10), 10);
    assert_error(file_read_stream(pipefd[0], 9, &none, &n), ERR_LIMIT, "larger than 9 bytes");
    close(pipefd[0]);
    close(pipefd[1]);
}

static void writes_whole(void **state)
{
    struct place *p = *state;
    put(p, "f", "one");
    assert_ok(file_write_atomic(p->fd, "f", "two", 3, 0600, FILE_FSYNC));
    auto_free char *text = NULL;
    assert_ok(file_read(p->fd, "f", 10, &text, NULL));
    assert_string_equal(text, "two");
    struct stat st;
    assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_error(file_write_atomic(p->fd, "none/f", "x", 1, 0600, FILE_FSYNC), ERR_NOT_FOUND, NULL);
    assert_int_equal(mkdirat(p->fd, "d", 0755), 0);
    assert_error(file_write_atomic(p->fd, "d", "x", 1, 0600, FILE_NO_FSYNC), ERR_SYSTEM, NULL);
    auto_free char *absolute = mem_printf("%s/d/g", p->path);
    assert_ok(file_write_atomic(AT_FDCWD, absolute, "", 0, 0600, FILE_NO_FSYNC));
    assert_true(file_exists(p->fd, "d/g"));
}

static void takes_over_what_a_killed_writer_left(void **state)
{
    struct place *p = *state;
    int fd = openat(p->fd, ".f.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
    assert_int_equal(write(fd, "half of someth", 14), 14);
    close(fd);
    put(p, "f", "x");
    assert_false(file_exists(p->fd, ".f.tmp"));
    auto_free char *text = NULL;
    assert_ok(file_read(p->fd, "f", 10, &text, NULL));
    assert_string_equal(text, "x");
}

/* Two writers, many times: each file that is ever seen is one of theirs, whole. */
static void writers_do_not_mix(void **state)
{
    struct place *p = *state;
    put(p, "f", "aaaaaaaaaaaaaaaa");
    pid_t pid = fork();
    for (int i = 0; i < 300; i++)
        put(p, "f", pid ? "aaaaaaaaaaaaaaaa" : "bbbb");
    if (!pid)
        _exit(0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    auto_free char *text = NULL;
    assert_ok(file_read(p->fd, "f", 100, &text, NULL));
    assert_true(!strcmp(text, "aaaaaaaaaaaaaaaa") || !strcmp(text, "bbbb"));
    assert_false(file_exists(p->fd, ".f.tmp"));
}

static void put_never_creates(void **state)
{
    struct place *p = *state;
    assert_error(file_put(p->fd, "none", "1"), ERR_NOT_FOUND, "open none: no such file or directory");
    put(p, "f", "...");
    assert_ok(file_put(p->fd, "f", "12"));
    auto_free char *text = NULL;
    assert_ok(file_read(p->fd, "f", 10, &text, NULL));
    assert_string_equal(text, "12.");
}

static void makes_folders(void **state)
{
    struct place *p = *state;
    auto_close fd = -1;
    assert_ok(file_mkdirs(p->fd, "a/b//c/", 0755, &fd));
    assert_true(fd >= 0);
    assert_true(file_exists(p->fd, "a/b/c"));
    assert_ok(file_mkdirs(p->fd, "a/b/c", 0755, NULL));
    auto_free char *absolute = mem_printf("%s/x/y", p->path);
    assert_ok(file_mkdirs(AT_FDCWD, absolute, 0700, NULL));
    assert_true(file_exists(p->fd, "x/y"));
    put(p, "file", "");
    assert_error(file_mkdirs(p->fd, "file/a", 0755, NULL), ERR_SYSTEM, "mkdir file/a: not a directory");
}

static void removes_trees(void **state)
{
    struct place *p = *state;
    assert_ok(file_mkdirs(p->fd, "t/a/b", 0755, NULL));
    put(p, "t/a/f", "x");
    put(p, "outside", "x");
    assert_int_equal(symlinkat("../outside", p->fd, "t/link"), 0);
    assert_int_equal(symlinkat("..", p->fd, "t/up"), 0);
    assert_int_equal(mkfifoat(p->fd, "t/fifo", 0600), 0);
    assert_ok(file_remove_tree(p->fd, "t/"));
    assert_false(file_exists(p->fd, "t"));
    assert_true(file_exists(p->fd, "outside"));
    assert_ok(file_remove_tree(p->fd, "t"));
    assert_ok(file_remove_tree(p->fd, "no/such/thing"));
    assert_ok(file_remove_tree(p->fd, "outside"));
    assert_false(file_exists(p->fd, "outside"));
    static const char *const bad[] = {"", ".", "..", "/", "a/..", "a/."};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(file_remove_tree(p->fd, bad[i]), ERR_INVALID, NULL);
}

static void removes_a_link_not_its_target(void **state)
{
    struct place *p = *state;
    assert_ok(file_mkdirs(p->fd, "real/inside", 0755, NULL));
    assert_int_equal(symlinkat("real", p->fd, "link"), 0);
    assert_ok(file_remove_tree(p->fd, "link"));
    assert_true(file_exists(p->fd, "real/inside"));
}

/* Two branches of 3000 levels: deeper than any path, with far more levels than descriptors allowed. */
static void removes_deep_trees_with_few_descriptors(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"d", "e"};
    for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
        int at = dup(p->fd);
        assert_ok(file_mkdirs(p->fd, "deep", 0755, NULL));
        for (int i = 0; i < 3000; i++) {
            const char *name = i ? names[k] : "deep";
            mkdirat(at, name, 0755);
            int next = openat(at, name, O_RDONLY | O_DIRECTORY);
            close(at);
            at = next;
            assert_true(at >= 0);
        }
        close(at);
    }
    assert_ok(file_remove_tree(p->fd, "deep"));
    assert_false(file_exists(p->fd, "deep"));
}

static void stays_in_the_root(void **state)
{
    struct place *p = *state;
    assert_ok(file_mkdirs(p->fd, "root/etc", 0755, NULL));
    put(p, "root/etc/passwd", "inside");
    put(p, "secret", "outside");
    auto_close root = openat(p->fd, "root", O_PATH | O_DIRECTORY);
    assert_int_equal(symlinkat("/etc/passwd", root, "abs"), 0);
    assert_int_equal(symlinkat("../../../secret", root, "up"), 0);
    assert_int_equal(symlinkat("/proc/self/root", root, "magic"), 0);
    static const char *const inside[] = {"/etc/passwd", "etc/passwd", "abs", "../../etc/passwd", "abs"};
    for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
        auto_close fd = -1;
        auto_free char *text = NULL;
        assert_ok(file_open_in_root(root, inside[i], O_RDONLY, 0, &fd));
        assert_ok(file_read_fd(fd, 100, &text, NULL));
        assert_string_equal(text, "inside");
    }
    int fd = -1;
    assert_error(file_open_in_root(root, "up", O_RDONLY, 0, &fd), ERR_NOT_FOUND, NULL);
    assert_error(file_open_in_root(root, "magic/etc/hostname", O_RDONLY, 0, &fd), ERR_NOT_FOUND, NULL);
    assert_error(file_open_beneath(root, "abs", O_RDONLY, 0, &fd), ERR_SYSTEM, NULL);
    assert_error(file_open_beneath(root, "../secret", O_RDONLY, 0, &fd), ERR_SYSTEM, NULL);
    assert_error(file_open_beneath(root, "/etc/passwd", O_RDONLY, 0, &fd), ERR_SYSTEM, NULL);
    assert_ok(file_open_beneath(root, "etc/passwd", O_RDONLY, 0, &fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    assert_ok(file_open_in_root(root, "new", O_WRONLY | O_CREAT | O_EXCL, 0640, &fd));
    close(fd);
}

static void makes_folders_in_a_root(void **state)
{
    struct place *p = *state;
    assert_ok(file_mkdirs(p->fd, "root/run", 0755, NULL));
    assert_ok(file_mkdirs(p->fd, "root/var", 0755, NULL));
    auto_close root = openat(p->fd, "root", O_PATH | O_DIRECTORY);
    assert_int_equal(symlinkat("/run", root, "var/run"), 0);
    assert_int_equal(symlinkat("../nowhere", root, "var/dangling"), 0);
    assert_int_equal(symlinkat("/../../out", root, "escape"), 0);
    assert_int_equal(symlinkat("loop2", root, "loop1"), 0);
    assert_int_equal(symlinkat("loop1", root, "loop2"), 0);
    static const struct {
        const char *path, *made;
    } cases[] = {
        {"/a/b/c", "a/b/c"},
        {"var/run/secrets/x", "run/secrets/x"},
        {"var/dangling/x", "nowhere/x"},
        {"escape/x/y", "out/x/y"},
        {"../../up", "up"},
        {"a/../z", "z"},
        {"/", "."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_close fd = -1;
        struct stat made, got;
        assert_ok(file_mkdirs_in_root(root, cases[i].path, 0755, &fd));
        assert_int_equal(fstatat(root, cases[i].made, &made, 0), 0);
        assert_int_equal(fstat(fd, &got), 0);
        assert_int_equal(made.st_ino, got.st_ino);
    }
    assert_false(file_exists(p->fd, "out"));
    assert_false(file_exists(p->fd, "up"));
    assert_error(file_mkdirs_in_root(root, "loop1/x", 0755, NULL), ERR_SYSTEM, NULL);
    put(p, "root/file", "");
    assert_error(file_mkdirs_in_root(root, "file/x", 0755, NULL), ERR_SYSTEM, NULL);
}

static void locks_exclude(void **state)
{
    struct place *p = *state;
    int first = -1, second = -1;
    assert_ok(file_lock(p->fd, "lock", 0, &first));
    assert_error(file_lock(p->fd, "lock", 0, &second), ERR_TIMEOUT, "lock lock: held by another for 0 ms");
    assert_error(file_lock(p->fd, "lock", 30, &second), ERR_TIMEOUT, "lock lock: held by another for 30 ms");
    close(first);
    assert_ok(file_lock(p->fd, "lock", 0, &second));
    close(second);
}

static void lock_is_handed_over(void **state)
{
    struct place *p = *state;
    int held = -1, mine = -1, pipefd[2];
    assert_ok(file_lock(p->fd, "lock", 0, &held));
    assert_int_equal(pipe(pipefd), 0);
    pid_t child = fork();
    if (!child) { /* holds the same lock until the pipe closes */
        char c;
        close(pipefd[1]);
        _exit(read(pipefd[0], &c, 1) == 0 ? 0 : 1);
    }
    close(pipefd[0]);
    close(held);
    assert_error(file_lock(p->fd, "lock", 10, &mine), ERR_TIMEOUT, NULL);
    struct sigaction before, after;
    sigaction(SIGALRM, NULL, &before);
    pid_t closer = fork();
    if (!closer) {
        usleep(30000);
        _exit(0);
    }
    waitpid(closer, NULL, 0);
    close(pipefd[1]);
    assert_ok(file_lock(p->fd, "lock", 10000, &mine));
    sigaction(SIGALRM, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    close(mine);
    waitpid(child, NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_up_to_its_ceiling),
        TEST(reads_procfs_whole),
        TEST(reads_no_special_files),
        TEST(reads_a_stream_to_its_end),
        TEST(writes_whole),
        TEST(takes_over_what_a_killed_writer_left),
        TEST(writers_do_not_mix),
        TEST(put_never_creates),
        TEST(makes_folders),
        TEST(removes_trees),
        TEST(removes_a_link_not_its_target),
        TEST(removes_deep_trees_with_few_descriptors),
        TEST(stays_in_the_root),
        TEST(makes_folders_in_a_root),
        TEST(locks_exclude),
        TEST(lock_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
