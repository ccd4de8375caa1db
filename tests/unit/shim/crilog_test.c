/* Logs: lines, parts, ends, rotation, and what happens when nothing can be written. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/shim/crilog.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[80];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/wherry-crilog.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/0.log", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    err_free(file_remove_tree(AT_FDCWD, dir));
    return 0;
}

/* The log with its times cut off; the caller frees. */
static char *content(const char *file)
{
    char *text;
    size_t n;
    assert_null(file_read(AT_FDCWD, file, 1 << 20, &text, &n));
    struct buf b = BUF_INIT(1 << 20);
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (*line) {
            assert_int_equal(line[29], 'Z');
            assert_int_equal(line[30], ' ');
            line += 31;
        }
        buf_addf(&b, "%s\n", line);
        line = end + 1;
    }
    free(text);
    return buf_take(&b);
}

static void expect(const char *file, const char *want)
{
    char *got = content(file);
    assert_string_equal(got ? got : "", want);
    free(got);
}

static void feed(struct crilog *l, enum crilog_stream s, const char *text)
{
    crilog_feed(l, s, text, strlen(text));
}

static void lines_of_both_streams(void **state)
{
    (void)state;
    struct crilog l;
    assert_null(crilog_open(&l, path));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    feed(&l, CRILOG_STDOUT, "one\ntw");
    feed(&l, CRILOG_STDERR, "bad\n\n");
    feed(&l, CRILOG_STDOUT, "o\nrest");
    crilog_end(&l, CRILOG_STDOUT);
    crilog_end(&l, CRILOG_STDOUT);
    crilog_end(&l, CRILOG_STDERR);
    crilog_close(&l);
    expect(path, "stdout F one\nstderr F bad\nstderr F \nstdout F two\nstdout P rest\n");
}

static void any_way_of_cutting_gives_the_same(void **state)
{
    (void)state;
    enum { N = 3 * CRILOG_LINE_MAX + 5 };
    char *text = mem_zalloc(N + 8);
    memset(text, 'x', N);
    text[N] = '\n';
    memcpy(text + N + 1, "ab\n", 3);
    const size_t cuts[] = {N + 4, 1, 7, CRILOG_LINE_MAX - 1, CRILOG_LINE_MAX, CRILOG_LINE_MAX + 1};
    for (size_t c = 0; c < ARRAY_SIZE(cuts); c++) {
        unlink(path);
        struct crilog l;
        assert_null(crilog_open(&l, path));
        for (size_t at = 0; at < N + 4; at += cuts[c])
            crilog_feed(&l, CRILOG_STDOUT, text + at, at + cuts[c] > N + 4 ? N + 4 - at : cuts[c]);
        crilog_close(&l);
        char *got = content(path);
        char *line = strtok(got, "\n");
        for (int i = 0; i < 4; i++, line = strtok(NULL, "\n")) {
            assert_memory_equal(line, i < 3 ? "stdout P x" : "stdout F x", 10);
            assert_int_equal(strlen(line) - 9, i < 3 ? CRILOG_LINE_MAX : 5);
        }
        assert_string_equal(line, "stdout F ab");
        free(got);
    }
    free(text);
}

static void a_line_of_just_the_limit_is_whole(void **state)
{
    (void)state;
    struct crilog l;
    assert_null(crilog_open(&l, path));
    char text[CRILOG_LINE_MAX + 1];
    memset(text, 'x', sizeof(text));
    text[CRILOG_LINE_MAX] = '\n';
    crilog_feed(&l, CRILOG_STDOUT, text, sizeof(text));
    crilog_close(&l);
    char *got = content(path);
    assert_memory_equal(got, "stdout F x", 10);
    assert_int_equal(strlen(got), 9 + CRILOG_LINE_MAX + 1);
    free(got);
}

static void many_short_lines_overflow_nothing(void **state)
{
    (void)state;
    struct crilog l;
    assert_null(crilog_open(&l, path));
    char text[20000];
    memset(text, '\n', sizeof(text));
    crilog_feed(&l, CRILOG_STDERR, text, sizeof(text));
    crilog_close(&l);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(
        st.st_size, (long)sizeof(text) * (long)strlen("2026-11-23T08:44:00.123456789Z stderr F \n"));
}

static void rotation(void **state)
{
    (void)state;
    char old[100];
    snprintf(old, sizeof(old), "%s.1", path);
    struct crilog l;
    assert_null(crilog_open(&l, path));
    feed(&l, CRILOG_STDOUT, "a\nb");
    assert_int_equal(rename(path, old), 0);
    assert_null(crilog_reopen(&l));
    feed(&l, CRILOG_STDOUT, "c\n");
    crilog_close(&l);
    expect(old, "stdout F a\n");
    expect(path, "stdout F bc\n");
}

/* A container that has the log's folder as a volume may put anything in its place. */
static void only_regular_files(void **state)
{
    (void)state;
    struct crilog l;
    char victim[100];
    snprintf(victim, sizeof(victim), "%s/victim", dir);
    close(open(victim, O_CREAT | O_WRONLY, 0600));
    for (int i = 0; i < 4; i++) {
        unlink(path);
        int made = i == 0   ? symlink(victim, path)
                   : i == 1 ? mkfifo(path, 0600)
                   : i == 2 ? link(victim, path)
                            : symlink("/dev/null", path);
        assert_int_equal(made, 0);
        struct err *e = crilog_open(&l, path);
        assert_non_null(e);
        err_free(e);
        assert_int_equal(l.fd, -1);
    }
    unlink(path);
    assert_null(crilog_open(&l, path));
    rename(path, victim);
    assert_int_equal(symlink(victim, path), 0);
    struct err *e = crilog_reopen(&l);
    assert_non_null(e);
    err_free(e);
    feed(&l, CRILOG_STDOUT, "goes on\n");
    crilog_close(&l);
    expect(victim, "stdout F goes on\n");
}

static void no_log_at_all(void **state)
{
    (void)state;
    struct crilog l;
    assert_null(crilog_open(&l, ""));
    feed(&l, CRILOG_STDOUT, "x\ny");
    crilog_end(&l, CRILOG_STDOUT);
    assert_null(crilog_reopen(&l));
    crilog_close(&l);
}

/* A file size limit behaves like a disk that becomes full in the middle of a line. */
static void a_full_disk_drops_and_recovers(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = (struct rlimit){60, was.rlim_max};
    struct crilog l;
    assert_null(crilog_open(&l, path));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    feed(&l, CRILOG_STDOUT, "first\n");
    feed(&l, CRILOG_STDOUT, "this one does not fit\n");
    feed(&l, CRILOG_STDOUT, "nor this\n");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_true(l.dropped > 0);
    feed(&l, CRILOG_STDOUT, "there is room again\n");
    crilog_close(&l);
    char *text;
    size_t n;
    assert_null(file_read(AT_FDCWD, path, 4096, &text, &n));
    char *line1 = strtok(text, "\n"), *line2 = strtok(NULL, "\n"), *line3 = strtok(NULL, "\n");
    assert_string_equal(line1 + 31, "stdout F first");
    assert_int_equal(strlen(line1) + 1 + strlen(line2), 60); /* the torn one */
    assert_string_equal(line3 + 31, "stdout F there is room again");
    assert_null(strtok(NULL, "\n"));
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_of_both_streams),
        TEST(any_way_of_cutting_gives_the_same),
        TEST(a_line_of_just_the_limit_is_whole),
        TEST(many_short_lines_overflow_nothing),
        TEST(rotation),
        TEST(only_regular_files),
        TEST(no_log_at_all),
        TEST(a_full_disk_drops_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
