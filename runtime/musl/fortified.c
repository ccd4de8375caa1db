/*
 * The libraries that we link (libseccomp, libcap, yajl) come compiled against glibc's headers, with checks of
 * buffer sizes in place of some calls. These are the calls; what the compiler knew of a size is checked.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *fmt, ...);
int __sprintf_chk(char *to, int flag, size_t room, const char *fmt, ...);
int __fprintf_chk(FILE *f, int flag, const char *fmt, ...);
int __asprintf_chk(char **ret, int flag, const char *fmt, ...);

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
    if (n > room)
        abort();
    return memcpy(to, from, n);
}

int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *fmt, ...)
{
    va_list ap;
    (void)flag;
    if (n > room)
        abort();
    va_start(ap, fmt);
    int len = vsnprintf(to, n, fmt, ap);
    va_end(ap);
    return len;
}

int __sprintf_chk(char *to, int flag, size_t room, const char *fmt, ...)
{
    va_list ap;
    (void)flag;
    va_start(ap, fmt);
    int len = vsnprintf(to, room < INT_MAX ? room : INT_MAX, fmt, ap); /* -1: the compiler did not know */
    va_end(ap);
    if (len < 0 || (size_t)len >= room)
        abort();
    return len;
}

int __fprintf_chk(FILE *f, int flag, const char *fmt, ...)
{
    va_list ap;
    (void)flag;
    va_start(ap, fmt);
    int len = vfprintf(f, fmt, ap);
    va_end(ap);
    return len;
}

int __asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
    va_list ap;
    (void)flag;
    va_start(ap, fmt);
    int len = vasprintf(ret, fmt, ap);
    va_end(ap);
    return len;
}
