/* What every unit test includes: cmocka, and assertions on `struct err *`. */
#ifndef WHERRY_TEST_H
#define WHERRY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/err.h"
#include <stdio.h>
#include <string.h>

static inline void test_ok(struct err *e, const char *file, int line)
{
    if (!e)
        return;
    print_error("unexpected error: %s\n", err_message(e));
    err_free(e);
    _fail(file, line);
}

/* text: NULL is not looked at, "...end" must be the end of the message, else all of it. */
static inline void test_error(struct err *e, enum err_kind kind, const char *text, const char *file, int line)
{
    if (!e) {
        print_error("no error, where \"%s\" was expected\n", text ? text : err_kind_name(kind));
        _fail(file, line);
        return;
    }
    const char *message = err_message(e), *part = message;
    if (text && !strncmp(text, "...", 3)) {
        text += 3;
        size_t n = strlen(message), end = strlen(text);
        part = n > end ? message + n - end : message;
    }
    int good = err_kind(e) == kind && (!text || !strcmp(part, text));
    if (!good)
        print_error("got:      %s: \"%s\"\nexpected: %s: \"%s\"\n", err_kind_name(err_kind(e)), message,
            err_kind_name(kind), text ? text : "(any)");
    err_free(e);
    if (!good)
        _fail(file, line);
}

#define assert_ok(e) test_ok((e), __FILE__, __LINE__)
#define assert_error(e, kind, text) test_error((e), (kind), (text), __FILE__, __LINE__)

#endif
