/* See units.h. */
#include "runtime/cgroup/units.h"
#include "lib/mem.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Digits and a point, nothing else that strtod() knows; p moves behind them. */
static bool take_number(const char **p, double *ret)
{
    char digits[32], *end;
    size_t n = strspn(*p, "0123456789.");
    if (!n || n >= sizeof(digits))
        return false;
    memcpy(digits, *p, n);
    digits[n] = '\0';
    *ret = strtod(digits, &end);
    *p += n;
    return end > digits && !*end;
}

/* --- durations */

static const struct {
    const char *name;
    double ns;
} times[] = {{"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};

/* "ms" stands before "m". */
static bool take_time_unit(const char **p, double *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        size_t n = strlen(times[i].name);
        if (strncmp(*p, times[i].name, n))
            continue;
        *p += n;
        *ret = times[i].ns;
        return true;
    }
    return false;
}

struct err *units_duration(const char *option, const char *text, int64_t *ret_ns)
{
    double sum = 0, v, unit;
    for (const char *p = text; *p; sum += v * unit)
        if (!take_number(&p, &v) || !take_time_unit(&p, &unit))
            return err_new(
                ERR_INVALID, "--%s: \"%s\": must be a duration, as 5s, 100ms or 1m30s", option, text);
    if (sum < 1 || sum >= (double)INT64_MAX)
        return err_new(ERR_INVALID, "--%s: \"%s\": duration interval must be greater than 0", option, text);
    *ret_ns = (int64_t)sum;
    return NULL;
}

/* --- sizes */

/* An optional blank, letter, "i" and "b", in either case. */
static double take_size_unit(const char **p)
{
    static const char letters[] = "kmgtp";
    double unit = 1;
    *p += **p == ' ';
    const char *at = **p ? strchr(letters, **p | 0x20) : NULL;
    for (long i = at ? at - letters + 1 : 0; i > 0; i--)
        unit *= 1024;
    *p += at != NULL;
    *p += **p == 'i' || **p == 'I';
    *p += **p == 'b' || **p == 'B';
    return unit;
}

struct err *units_size(const char *option, const char *text, int64_t *ret)
{
    const char *p = text;
    double v;
    if (!strcmp(text, "-1")) {
        *ret = -1;
        return NULL;
    }
    bool number = take_number(&p, &v);
    if (number)
        v *= take_size_unit(&p);
    if (!number || *p || v >= (double)INT64_MAX)
        return err_new(
            ERR_INVALID, "--%s: \"%s\": must be bytes, or a number with k, m, g, t or p", option, text);
    *ret = (int64_t)v;
    return NULL;
}
