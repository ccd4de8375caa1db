/*
 * Errors: one allocation for the link, one for the whole text. A chain is kept as text, not as a list:
 * nobody has ever asked for the third link alone, everybody prints the whole.
 */
#include "lib/err.h"
#include "lib/mem.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct err {
    enum err_kind kind;
    int errnum;
    char *text;
};

static const char *const kind_names[] = {
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not found",
    [ERR_EXISTS] = "exists",
    [ERR_CONFLICT] = "conflict",
    [ERR_DENIED] = "denied",
    [ERR_LIMIT] = "limit",
    [ERR_TIMEOUT] = "timeout",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_UNSUPPORTED] = "unsupported",
    [ERR_SYSTEM] = "system",
    [ERR_BUG] = "bug",
};

static enum err_kind kind_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERR_UNSUPPORTED;
    default:
        return ERR_SYSTEM;
    }
}

static struct err *make(enum err_kind kind, int errnum, char *text)
{
    struct err *e = mem_new(struct err);
    e->kind = kind;
    e->errnum = errnum;
    e->text = text;
    return e;
}

static char *print(const char *fmt, va_list ap)
{
    char *text;
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    return text;
}

struct err *err_new(enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = print(fmt, ap);
    va_end(ap);
    return make(kind, 0, text);
}

/* libc's text as part of a sentence, and as Go programs have it: "no such file or directory". */
static char *sys_message(const char *what, int errnum)
{
    const char *said = strerrordesc_np(errnum); /* not strerror(3): it looks for translations first */
    char *text = mem_printf("%s: %s", what, said ? said : "unknown error");
    char *first = text + strlen(what) + 2;
    if (isupper((unsigned char)first[0]) && !isupper((unsigned char)first[1]))
        *first = (char)tolower((unsigned char)*first);
    return text;
}

struct err *err_sys(int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *what = print(fmt, ap);
    va_end(ap);
    return make(kind_of(errnum), errnum, sys_message(what, errnum));
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return NULL;
    va_list ap;
    va_start(ap, fmt);
    auto_free char *link = print(fmt, ap);
    va_end(ap);
    char *text = mem_printf("%s: %s", link, e->text);
    free(e->text);
    e->text = text;
    return e;
}

struct err *err_as(struct err *e, enum err_kind kind)
{
    if (e)
        e->kind = kind;
    return e;
}

enum err_kind err_kind(const struct err *e)
{
    return e->kind;
}

int err_errno(const struct err *e)
{
    return e ? e->errnum : 0;
}

const char *err_message(const struct err *e)
{
    return e->text;
}

const char *err_kind_name(enum err_kind kind)
{
    return (size_t)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "unknown";
}

void err_free(struct err *e)
{
    if (!e)
        return;
    free(e->text);
    free(e);
}

void err_cleanup(struct err **e)
{
    err_free(*e);
}
