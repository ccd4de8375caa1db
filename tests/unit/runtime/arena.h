/* What the planners' tests share: an arena for each test, and errors by a part of their text. */
#ifndef WHERRY_TEST_ARENA_H
#define WHERRY_TEST_ARENA_H

#include "lib/mem.h"
#include "tests/unit/test.h"

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static inline void refused(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(err_message(e), text))
        fail_msg("\"%s\" is not in \"%s\"", text, err_message(e));
    assert_int_equal(err_kind(e), kind);
    err_free(e);
}

#endif
