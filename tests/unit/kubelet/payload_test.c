/* kubelet/payload: folders that change as a whole. */
#include "kubelet/payload.h"
#include "lib/file.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/wherry-payload-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/wherry-payload-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    err_free(file_remove_tree(AT_FDCWD, dir));
    return 0;
}

static void add(struct payload *p, const char *path, const char *text, mode_t mode)
{
    assert_ok(payload_add(p, path, text, strlen(text), mode));
}

static void check(const char *path, const char *text)
{
    char full[256];
    auto_free char *got = NULL;
    snprintf(full, sizeof(full), "%s/%s", dir, path);
    assert_ok(file_read(AT_FDCWD, full, 1000, &got, NULL));
    assert_string_equal(got, text);
}

static void version(char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/..data", dir);
    ssize_t n = readlink(path, text, 255);
    assert_true(n > 0);
    text[n] = '\0';
}

static void writes_links_and_modes(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct payload p = {.arena = a, .gid = -1};
    struct stat st;
    char path[256], target[256];
    add(&p, "a", "one", 0644);
    add(&p, "sub/deep/x", "two", 0400);
    assert_ok(payload_write(dir, &p));
    check("a", "one");
    check("sub/deep/x", "two");
    snprintf(path, sizeof(path), "%s/a", dir);
    assert_int_equal(readlink(path, target, sizeof(target)), 8);
    assert_memory_equal(target, "..data/a", 8);
    snprintf(path, sizeof(path), "%s/sub/deep/x", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
}

static void the_same_again_changes_nothing(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct payload p = {.arena = a, .gid = -1};
    char first[256], second[256];
    add(&p, "a", "one", 0644);
    assert_ok(payload_write(dir, &p));
    version(first);
    assert_ok(payload_write(dir, &p));
    version(second);
    assert_string_equal(first, second);
}

static void a_change_replaces_all_and_leaves_nothing(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct payload p = {.arena = a, .gid = -1}, q = {.arena = a, .gid = -1};
    char old[256], path[600];
    add(&p, "a", "one", 0644);
    add(&p, "gone", "x", 0644);
    assert_ok(payload_write(dir, &p));
    version(old);
    add(&q, "a", "two", 0644);
    add(&q, "new", "y", 0644);
    assert_ok(payload_write(dir, &q));
    check("a", "two");
    check("new", "y");
    snprintf(path, sizeof(path), "%s/gone", dir);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/%s", dir, old);
    assert_int_equal(access(path, F_OK), -1);
}

static void paths_that_leave_are_refused(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct payload p = {.arena = a, .gid = -1};
    static const char *const bad[] = {"", "/etc/x", "../x", "a/../../x", "..data", "a//b", "a/", "..x/y"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(payload_add(&p, bad[i], "", 0, 0644), ERR_INVALID, NULL);
    assert_int_equal(p.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_links_and_modes, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_same_again_changes_nothing, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_change_replaces_all_and_leaves_nothing, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(paths_that_leave_are_refused, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
