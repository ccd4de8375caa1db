/* Time: the clocks, RFC 3339 both ways, and durations as kubectl prints them. */
#include "lib/clock.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NS = 1000000000 };

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ns(CLOCK_BOOTTIME) / 1000000;
}

/* Two digits and what stands behind them. */
static char *two(char *p, int v, char then)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    p[2] = then;
    return p + 3;
}

/* Writes the seconds, returns the nanoseconds above them. By hand: this is done for every object that is
 * made, and strftime() takes longer than all the rest. */
static long split(int64_t ns, char text[CLOCK_TEXT])
{
    int64_t sec = ns / NS;
    long rest = (long)(ns % NS);
    if (rest < 0) {
        rest += NS;
        sec--;
    }
    time_t t = (time_t)sec;
    struct tm tm;
    gmtime_r(&t, &tm);
    int year = tm.tm_year + 1900; /* 1677 to 2262: what fits */
    char *p = two(text, year / 100, 0) - 1;
    p = two(p, year % 100, '-');
    p = two(p, tm.tm_mon + 1, '-');
    p = two(p, tm.tm_mday, 'T');
    p = two(p, tm.tm_hour, ':');
    p = two(p, tm.tm_min, ':');
    two(p, tm.tm_sec, 0);
    return rest;
}

void clock_rfc3339(int64_t ns, char text[CLOCK_TEXT])
{
    split(ns, text);
    memcpy(text + strlen(text), "Z", 2); /* CLOCK_TEXT has room for nanoseconds, too */
}

void clock_rfc3339_micro(int64_t ns, char text[CLOCK_TEXT])
{
    long rest = split(ns, text);
    size_t n = strlen(text);
    snprintf(text + n, CLOCK_TEXT - n, ".%06ldZ", rest / 1000);
}

void clock_rfc3339_nano(int64_t ns, char text[CLOCK_TEXT])
{
    long rest = split(ns, text);
    size_t n = strlen(text);
    snprintf(text + n, CLOCK_TEXT - n, ".%09ldZ", rest);
}

/* Exactly n digits at *p, which moves behind them; -1 where they are not. */
static int digits(const char **p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        v = v * 10 + (**p - '0');
    }
    return v;
}

static bool skip(const char **p, const char *set)
{
    if (!**p || !strchr(set, **p))
        return false;
    (*p)++;
    return true;
}

/* ".123": digits beyond nanoseconds are dropped. */
static bool fraction(const char **p, long *ret)
{
    long v = 0, unit = NS / 10;
    if (!skip(p, ".,"))
        return true;
    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
        v += (**p - '0') * unit;
    *ret = v;
    return true;
}

/* "Z" or "+02:00", in seconds east of UTC. */
static bool offset(const char **p, int *ret)
{
    *ret = 0;
    if (skip(p, "Zz"))
        return true;
    int sign = **p == '-' ? -1 : 1;
    if (!skip(p, "+-"))
        return false;
    int h = digits(p, 2);
    if (h < 0 || h > 23 || !skip(p, ":"))
        return false;
    int m = digits(p, 2);
    if (m < 0 || m > 59)
        return false;
    *ret = sign * (h * 3600 + m * 60);
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool date(const char **p, struct tm *tm)
{
    int year = digits(p, 4);
    if (year < 0 || !skip(p, "-"))
        return false;
    int month = digits(p, 2);
    if (month < 1 || month > 12 || !skip(p, "-"))
        return false;
    int day = digits(p, 2);
    if (day < 1 || day > days_in(year, month))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

static bool time_of_day(const char **p, struct tm *tm)
{
    tm->tm_hour = digits(p, 2);
    if (tm->tm_hour < 0 || tm->tm_hour > 23 || !skip(p, ":"))
        return false;
    tm->tm_min = digits(p, 2);
    if (tm->tm_min < 0 || tm->tm_min > 59 || !skip(p, ":"))
        return false;
    tm->tm_sec = digits(p, 2);
    return tm->tm_sec >= 0 && tm->tm_sec <= 60; /* 60: a leap second */
}

bool clock_parse(const char *text, int64_t *ret_ns)
{
    const char *p = text;
    struct tm tm = {0};
    long ns = 0;
    int east;
    if (!date(&p, &tm) || !skip(&p, "Tt ") || !time_of_day(&p, &tm) || !fraction(&p, &ns) ||
        !offset(&p, &east) || *p)
        return false;
    int64_t sec = (int64_t)timegm(&tm) - east;
    /* int64 nanoseconds reach from 1677 to 2262; metav1.Time's zero (year 1) is not among them */
    int64_t all;
    if (__builtin_mul_overflow(sec, (int64_t)NS, &all) || __builtin_add_overflow(all, (int64_t)ns, &all))
        return false;
    *ret_ns = all;
    return true;
}

struct age_unit {
    long long below; /* seconds: the first row that is above the age prints it */
    int seconds;     /* of the first unit */
    char unit;
    int minor_seconds; /* of the second, 0: none */
    char minor_unit;
};

/* k8s.io/apimachinery/pkg/util/duration.HumanDuration, as a table. */
static const struct age_unit ages[] = {
    {120, 1, 's', 0, 0},
    {10 * 60, 60, 'm', 1, 's'},
    {3 * 3600, 60, 'm', 0, 0},
    {8 * 3600, 3600, 'h', 60, 'm'},
    {48 * 3600, 3600, 'h', 0, 0},
    {8 * 86400, 86400, 'd', 3600, 'h'},
    {2 * 365 * 86400, 86400, 'd', 0, 0},
    {8LL * 365 * 86400, 365 * 86400, 'y', 86400, 'd'},
};

void clock_age(int64_t ns, char *text, size_t n)
{
    long long s = ns / NS; /* towards zero, as Go does */
    if (s < -1) {
        snprintf(text, n, "<invalid>");
        return;
    }
    if (s < 0)
        s = 0;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        const struct age_unit *a = &ages[i];
        if (s >= a->below)
            continue;
        long long major = s / a->seconds;
        long long minor = a->minor_seconds ? s % a->seconds / a->minor_seconds : 0;
        if (minor)
            snprintf(text, n, "%lld%c%lld%c", major, a->unit, minor, a->minor_unit);
        else
            snprintf(text, n, "%lld%c", major, a->unit);
        return;
    }
    snprintf(text, n, "%lldy", s / (365 * 86400));
}
