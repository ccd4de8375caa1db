/*
 * Errors with context. One channel for the whole project: a function that can fail returns
 * `struct err *`; NULL is success. Each layer that knows a name adds one link with err_wrap(),
 * so that a person reads
 *     pod default/web: container app: mount /data: open data/x: no such file or directory
 * Expected outcomes (not found, would block) are results in ret_* parameters, not errors, wherever
 * the caller is going to branch on them.
 */
#ifndef WHERRY_ERR_H
#define WHERRY_ERR_H

#include <stdarg.h>

/* What the caller can do about it. A program translates a kind once, at its boundary, to an HTTP
 * status, a CNI code or an exit status. */
enum err_kind {
    ERR_INVALID,     /* the input is wrong: names file, field, value */
    ERR_NOT_FOUND,   /* what was named does not exist */
    ERR_EXISTS,      /* it exists already */
    ERR_CONFLICT,    /* the state changed, or forbids this now: read again, try again */
    ERR_DENIED,      /* the caller may not */
    ERR_LIMIT,       /* a ceiling of ours was reached: size, depth, count, disk */
    ERR_TIMEOUT,     /* a deadline passed */
    ERR_UNAVAILABLE, /* the other side cannot be reached now: retry later */
    ERR_UNSUPPORTED, /* this kernel, host or build lacks what is needed */
    ERR_SYSTEM,      /* a system call or library failed: err_errno() tells */
    ERR_BUG,         /* cannot happen */
};

struct err;

#define ERR_PRINTF(f, a) __attribute__((format(printf, f, a), warn_unused_result))

/* A new error. The text is one clause without a capital or a full stop. Never returns NULL. */
struct err *err_new(enum err_kind kind, const char *fmt, ...) ERR_PRINTF(2, 3);

/* A failed system call: `fmt` says what was tried ("open /x"); strerror(errnum), its first letter small, is
 * appended. The kind is derived from errnum (ENOENT: NOT_FOUND, EEXIST: EXISTS, EACCES and EPERM: DENIED,
 * ENOSPC, EDQUOT, EMFILE and ENFILE: LIMIT, ETIMEDOUT: TIMEOUT, ENOSYS and EOPNOTSUPP: UNSUPPORTED, else
 * SYSTEM). */
struct err *err_sys(int errnum, const char *fmt, ...) ERR_PRINTF(2, 3);

/* Adds one link of context in front: "fmt: e". Takes e, returns it; NULL stays NULL, so
 * `return err_wrap(f(), "pod %s", name);` is the idiom. */
struct err *err_wrap(struct err *e, const char *fmt, ...) ERR_PRINTF(2, 3);

/* Changes the kind of e (a layer that knows better: a missing layer is a corrupt image). */
struct err *err_as(struct err *e, enum err_kind kind) __attribute__((warn_unused_result));

enum err_kind err_kind(const struct err *e);
int err_errno(const struct err *e);            /* 0 where no system call was the cause */
const char *err_message(const struct err *e);  /* the whole chain; lives as long as e */
const char *err_kind_name(enum err_kind kind); /* "not found" */
void err_free(struct err *e);                  /* accepts NULL */

void err_cleanup(struct err **e);
#define auto_err __attribute__((cleanup(err_cleanup))) struct err

/* Returns from the calling function when expr fails. */
#define TRY(expr)                                                                                            \
    do {                                                                                                     \
        struct err *try_err_ = (expr);                                                                       \
        if (try_err_)                                                                                        \
            return try_err_;                                                                                 \
    } while (0)

/* The same with a link of context. */
#define TRY_WRAP(expr, ...)                                                                                  \
    do {                                                                                                     \
        struct err *try_err_ = (expr);                                                                       \
        if (try_err_)                                                                                        \
            return err_wrap(try_err_, __VA_ARGS__);                                                          \
    } while (0)

#endif
