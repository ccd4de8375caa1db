/* resource.Quantity, see quantity.h. */
#include "lib/api/quantity.h"
#include <stdio.h>
#include <string.h>

struct suffix {
    const char *text;
    enum quantity_format format;
    int base, exponent; /* the factor is base ^ exponent */
};
static const struct suffix suffixes[] = {
    {"", QUANTITY_DECIMAL_SI, 10, 0},
    {"n", QUANTITY_DECIMAL_SI, 10, -9},
    {"u", QUANTITY_DECIMAL_SI, 10, -6},
    {"m", QUANTITY_DECIMAL_SI, 10, -3},
    {"k", QUANTITY_DECIMAL_SI, 10, 3},
    {"M", QUANTITY_DECIMAL_SI, 10, 6},
    {"G", QUANTITY_DECIMAL_SI, 10, 9},
    {"T", QUANTITY_DECIMAL_SI, 10, 12},
    {"P", QUANTITY_DECIMAL_SI, 10, 15},
    {"E", QUANTITY_DECIMAL_SI, 10, 18},
    {"Ki", QUANTITY_BINARY_SI, 1024, 1},
    {"Mi", QUANTITY_BINARY_SI, 1024, 2},
    {"Gi", QUANTITY_BINARY_SI, 1024, 3},
    {"Ti", QUANTITY_BINARY_SI, 1024, 4},
    {"Pi", QUANTITY_BINARY_SI, 1024, 5},
    {"Ei", QUANTITY_BINARY_SI, 1024, 6},
};

/* "e3", "E-2": true and the exponent. */
static bool parse_exponent(const char *s, int *ret)
{
    int sign = 1, v = 0;
    if (*s != 'e' && *s != 'E')
        return false;
    s++;
    if (*s == '+' || *s == '-')
        sign = *s++ == '-' ? -1 : 1;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > 99)
            return false;
        v = v * 10 + (*s - '0');
    }
    *ret = sign * v;
    return true;
}

static bool parse_suffix(const char *s, struct suffix *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
        if (strcmp(s, suffixes[i].text) == 0) {
            *ret = suffixes[i];
            return true;
        }
    *ret = (struct suffix){s, QUANTITY_DECIMAL_EXPONENT, 10, 0};
    return parse_exponent(s, &ret->exponent);
}

/* digits * 10^-decimals * base^exponent, in thousandths, rounded away from zero; false beyond int64. */
static bool scale(unsigned __int128 digits, int decimals, const struct suffix *sx, int64_t *ret)
{
    const unsigned __int128 top = (unsigned __int128)INT64_MAX;
    int ten = 3 - decimals + (sx->base == 10 ? sx->exponent : 0);
    bool rest = false;
    for (int i = 0; sx->base == 1024 && i < sx->exponent; i++) {
        if (digits >> 100)
            return false;
        digits <<= 10;
    }
    for (; ten > 0 && digits; ten--) {
        if (digits > top)
            return false;
        digits *= 10;
    }
    for (; ten < 0 && digits; ten++) {
        rest |= digits % 10 != 0;
        digits /= 10;
    }
    if (rest)
        digits++;
    if (digits > top)
        return false;
    *ret = (int64_t)digits;
    return true;
}

struct err *quantity_parse(const char *text, struct quantity *ret)
{
    const char *s = text ? text : "";
    bool negative = *s == '-', point = false;
    unsigned __int128 digits = 0;
    int decimals = 0, seen = 0;
    if (*s == '+' || *s == '-')
        s++;
    for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        seen++;
        if (digits >>
            90) /* what is beyond cannot be told apart any more; an integer part so long is too large */
            return err_new(ERR_INVALID, "quantity \"%s\" has too many digits", text);
        digits = digits * 10 + (unsigned)(*s - '0');
        decimals += point;
    }
    struct suffix sx;
    if (!seen || !parse_suffix(s, &sx))
        return err_new(ERR_INVALID,
            "\"%s\" is not a quantity: quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            text ? text : "");
    int64_t v;
    if (!scale(digits, decimals, &sx, &v))
        return err_new(ERR_INVALID, "quantity \"%s\" is too large", text);
    *ret = (struct quantity){negative ? -v : v, sx.format};
    return NULL;
}

bool quantity_is_valid(const char *text)
{
    struct quantity q;
    auto_err *e = quantity_parse(text, &q);
    return !e;
}

int64_t quantity_millis(const char *text, int64_t fallback)
{
    struct quantity q;
    if (!text)
        return fallback;
    auto_err *e = quantity_parse(text, &q);
    return e ? fallback : q.milli;
}

int64_t quantity_units(const char *text, int64_t fallback)
{
    struct quantity q;
    if (!text)
        return fallback;
    auto_err *e = quantity_parse(text, &q);
    if (e)
        return fallback;
    return q.milli / 1000 + (q.milli % 1000 > 0);
}

int64_t quantity_units_of(const struct str_map *m, const char *name, int64_t fallback)
{
    return quantity_units(m ? str_map_get(m, name) : NULL, fallback);
}

int64_t quantity_millis_of(const struct str_map *m, const char *name, int64_t fallback)
{
    return quantity_millis(m ? str_map_get(m, name) : NULL, fallback);
}

static void text_decimal(int64_t milli, bool exponent, char text[QUANTITY_TEXT])
{
    static const char *const names[] = {"m", "", "k", "M", "G", "T", "P"};
    int step = 0;
    while (milli && milli % 1000 == 0 && step < 6) {
        milli /= 1000;
        step++;
    }
    if (!milli)
        snprintf(text, QUANTITY_TEXT, "0");
    else if (exponent && step != 1)
        snprintf(text, QUANTITY_TEXT, "%llde%d", (long long)milli, 3 * (step - 1));
    else
        snprintf(text, QUANTITY_TEXT, "%lld%s", (long long)milli, names[step]);
}

void quantity_text(const struct quantity *q, char text[QUANTITY_TEXT])
{
    static const char *const names[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
    int64_t units = q->milli / 1000;
    int step = 0;
    /* A binary quantity below 1024, or with a fraction, is written in decimal. */
    if (q->format != QUANTITY_BINARY_SI || q->milli % 1000 || (units < 1024 && units > -1024)) {
        text_decimal(q->milli, q->format == QUANTITY_DECIMAL_EXPONENT, text);
        return;
    }
    while (units % 1024 == 0 && step < 5) {
        units /= 1024;
        step++;
    }
    snprintf(text, QUANTITY_TEXT, "%lld%s", (long long)units, names[step]);
}
