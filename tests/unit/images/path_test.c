/* images/path: names in a layer, and whiteouts among them. */
#include "images/path.h"
#include "tests/unit/test.h"

static void cleans(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path;
    } cases[] = {
        {"a", "a"},
        {"./a", "a"},
        {"a/", "a"},
        {"/a", "a"},
        {"///a//b/./c/", "a/b/c"},
        {".", ""},
        {"./", ""},
        {"/", ""},
        {"", ""},
        {"...", "..."},
        {"a/..b/c..", "a/..b/c.."},
        {"\xff/\xfe", "\xff/\xfe"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[LIMITS_PATH];
        assert_ok(path_clean(cases[i].name, path));
        assert_string_equal(path, cases[i].path);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const names[] = {"..", "../a", "a/..", "a/../b", "/..", "./../x", "a/./..//../x"};
    char path[LIMITS_PATH], longest[LIMITS_PATH + 2];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_error(path_clean(names[i], path), ERR_INVALID, "...: a name with ..");
    memset(longest, '/', sizeof longest);
    longest[LIMITS_PATH - 1] = '\0';
    assert_ok(path_clean(longest, path));
    longest[LIMITS_PATH - 1] = '/';
    longest[LIMITS_PATH] = '\0';
    assert_error(path_clean(longest, path), ERR_INVALID, "...: a name of 4096 bytes");
    memset(longest, 'a', 256);
    longest[256] = '\0';
    assert_error(path_clean(longest, path), ERR_INVALID, "...: a part of 256 bytes");
    assert_ok(path_clean(longest + 1, path));
}

static void judges(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path;
        enum path_kind kind;
    } cases[] = {
        {"a/b", "a/b", PATH_ENTRY},
        {"./", "", PATH_ROOT},
        {"a/.wh.b", "a/b", PATH_WHITEOUT},
        {".wh.b/", "b", PATH_WHITEOUT},
        {"./.wh..b", ".b", PATH_WHITEOUT},
        {"a/.wh..wh..opq", "a", PATH_OPAQUE},
        {".wh..wh..opq", "", PATH_OPAQUE},
        {".wh..wh.aufs", ".wh..wh.aufs", PATH_SKIP},
        {".wh..wh.plnk/1", ".wh..wh.plnk/1", PATH_SKIP},
        {"a.wh.b", "a.wh.b", PATH_ENTRY},
        {".wh", ".wh", PATH_ENTRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[LIMITS_PATH];
        enum path_kind kind;
        assert_ok(path_judge(cases[i].name, path, &kind));
        assert_string_equal(path, cases[i].path);
        assert_int_equal(kind, cases[i].kind);
    }
}

static void refuses_whiteouts(void **state)
{
    (void)state;
    static const char *const names[] = {".wh.", "a/.wh..", "a/.wh...", ".wh.a/b"};
    char path[LIMITS_PATH];
    enum path_kind kind;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_error(path_judge(names[i], path, &kind), ERR_INVALID, NULL);
}

static void joins(void **state)
{
    (void)state;
    char path[LIMITS_PATH] = "", part[251];
    memset(part, 'x', sizeof part);
    path_parent("a/b/c", path);
    assert_string_equal(path, "a/b");
    path_parent(path, path);
    path_parent(path, path);
    path_parent(path, path);
    assert_string_equal(path, "");
    assert_true(path_join(path, path, "a", 1) && path_join(path, path, "bc", 1));
    assert_string_equal(path, "a/b");
    size_t n = 0;
    while (path_join(path, path, part, sizeof part))
        n++;
    assert_int_equal(n, (LIMITS_PATH - 4) / 252);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans),
        cmocka_unit_test(refuses),
        cmocka_unit_test(judges),
        cmocka_unit_test(refuses_whiteouts),
        cmocka_unit_test(joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
