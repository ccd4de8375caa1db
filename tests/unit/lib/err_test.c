/* lib/err: kinds, texts, chains. */
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <errno.h>

static void new_has_kind_and_text(void **state)
{
    (void)state;
    auto_err *e = err_new(ERR_LIMIT, "%d of %s", 3, "pods");
    assert_int_equal(err_kind(e), ERR_LIMIT);
    assert_int_equal(err_errno(e), 0);
    assert_string_equal(err_message(e), "3 of pods");
}

static void kind_follows_errno(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum err_kind kind;
    } cases[] = {
        {ENOENT, ERR_NOT_FOUND},
        {EEXIST, ERR_EXISTS},
        {EACCES, ERR_DENIED},
        {EPERM, ERR_DENIED},
        {ENOSPC, ERR_LIMIT},
        {EDQUOT, ERR_LIMIT},
        {EMFILE, ERR_LIMIT},
        {ENFILE, ERR_LIMIT},
        {ETIMEDOUT, ERR_TIMEOUT},
        {ENOSYS, ERR_UNSUPPORTED},
        {EOPNOTSUPP, ERR_UNSUPPORTED},
        {EIO, ERR_SYSTEM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_err *e = err_sys(cases[i].errnum, "x");
        assert_int_equal(err_kind(e), cases[i].kind);
        assert_int_equal(err_errno(e), cases[i].errnum);
    }
}

static void sys_appends_the_reason(void **state)
{
    (void)state;
    assert_error(err_sys(ENOENT, "open %s", "/x"), ERR_NOT_FOUND, "open /x: no such file or directory");
}

static void wrap_puts_links_in_front(void **state)
{
    (void)state;
    struct err *e = err_sys(ENOENT, "open data/x");
    e = err_wrap(e, "mount %s", "/data");
    e = err_wrap(e, "container %s", "app");
    assert_int_equal(err_errno(e), ENOENT);
    assert_error(e, ERR_NOT_FOUND, "container app: mount /data: open data/x: no such file or directory");
    assert_null(err_wrap(NULL, "nothing"));
}

static void as_changes_the_kind_only(void **state)
{
    (void)state;
    assert_error(err_as(err_new(ERR_NOT_FOUND, "layer"), ERR_INVALID), ERR_INVALID, "layer");
    assert_null(err_as(NULL, ERR_BUG));
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = ERR_INVALID; kind <= ERR_BUG; kind++)
        assert_string_not_equal(err_kind_name((enum err_kind)kind), "unknown");
    assert_string_equal(err_kind_name(ERR_NOT_FOUND), "not found");
    assert_string_equal(err_kind_name((enum err_kind)99), "unknown");
}

static struct err *tries(struct err *e, int *after)
{
    TRY_WRAP(e, "link %d", 1);
    ++*after;
    return NULL;
}

static void try_returns_early(void **state)
{
    (void)state;
    int after = 0;
    assert_error(tries(err_new(ERR_BUG, "b"), &after), ERR_BUG, "link 1: b");
    assert_int_equal(after, 0);
    assert_ok(tries(NULL, &after));
    assert_int_equal(after, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_has_kind_and_text),
        cmocka_unit_test(kind_follows_errno),
        cmocka_unit_test(sys_appends_the_reason),
        cmocka_unit_test(wrap_puts_links_in_front),
        cmocka_unit_test(as_changes_the_kind_only),
        cmocka_unit_test(every_kind_has_a_name),
        cmocka_unit_test(try_returns_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
