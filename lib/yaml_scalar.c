/*
 * Unquoted scalars as Kubernetes reads them: sigs.k8s.io/yaml on goyaml.v2, which is YAML 1.1 without base-60
 * numbers. 0777 is octal, 0o17 and 0b11 work, "_" may stand in numbers, y and n are booleans.
 */
#include "lib/yaml_scalar.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

static const struct {
    const char *text;
    enum yaml_scalar type;
    bool value;
} words[] = {
    {"", YAML_NULL},
    {"~", YAML_NULL},
    {"null", YAML_NULL},
    {"Null", YAML_NULL},
    {"NULL", YAML_NULL},
    {"true", YAML_BOOL, true},
    {"True", YAML_BOOL, true},
    {"TRUE", YAML_BOOL, true},
    {"y", YAML_BOOL, true},
    {"Y", YAML_BOOL, true},
    {"yes", YAML_BOOL, true},
    {"Yes", YAML_BOOL, true},
    {"YES", YAML_BOOL, true},
    {"on", YAML_BOOL, true},
    {"On", YAML_BOOL, true},
    {"ON", YAML_BOOL, true},
    {"false", YAML_BOOL, false},
    {"False", YAML_BOOL, false},
    {"FALSE", YAML_BOOL, false},
    {"n", YAML_BOOL, false},
    {"N", YAML_BOOL, false},
    {"no", YAML_BOOL, false},
    {"No", YAML_BOOL, false},
    {"NO", YAML_BOOL, false},
    {"off", YAML_BOOL, false},
    {"Off", YAML_BOOL, false},
    {"OFF", YAML_BOOL, false},
    {".nan", YAML_NO_JSON},
    {".NaN", YAML_NO_JSON},
    {".NAN", YAML_NO_JSON},
    {".inf", YAML_NO_JSON},
    {".Inf", YAML_NO_JSON},
    {".INF", YAML_NO_JSON},
    {"+.inf", YAML_NO_JSON},
    {"+.Inf", YAML_NO_JSON},
    {"+.INF", YAML_NO_JSON},
    {"-.inf", YAML_NO_JSON},
    {"-.Inf", YAML_NO_JSON},
    {"-.INF", YAML_NO_JSON},
    {"<<", YAML_MERGE},
};

/* Digits of the base only, at least one, in 64 bits with the sign: its decimal text, else NULL. */
static const char *read_int(struct arena *a, const char *text)
{
    bool minus = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    int base = 10;
    if (p[0] == '0' && p[1]) {
        char kind = p[1] | 0x20;
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        p += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
    }
    const char *set = base == 16   ? DIGITS "abcdefABCDEF"
                      : base == 10 ? DIGITS
                      : base == 8  ? "01234567"
                                   : "01";
    if (!*p || p[strspn(p, set)])
        return NULL;
    errno = 0;
    unsigned long long v = strtoull(p, NULL, base);
    if (errno || (minus && v > (1ull << 63)))
        return NULL;
    return arena_printf(a, "%s%llu", minus && v ? "-" : "", v);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *p)
{
    p += *p == '-' || *p == '+';
    size_t whole = strspn(p, DIGITS), part = 0;
    p += whole;
    if (*p == '.') {
        part = strspn(p + 1, DIGITS);
        p += 1 + part;
    }
    if (!whole && !part)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t exponent = strspn(p, DIGITS);
        if (!exponent)
            return false;
        p += exponent;
    }
    return !*p;
}

/* As Go's encoding/json prints a float64: the shortest digits, an exponent only from 1e21 and below 1e-6. */
static const char *print_float(struct arena *a, double v)
{
    char text[40], digits[20];
    int precision = 0;
    do
        snprintf(text, sizeof(text), "%.*e", precision, v);
    while (strtod(text, NULL) != v && ++precision < 17);
    const char *sign = text[0] == '-' ? "-" : "", *mantissa = text + (text[0] == '-');
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10), n = precision + 1;
    digits[0] = mantissa[0];
    memcpy(digits + 1, mantissa + 2, (size_t)precision);
    digits[n] = 0;
    if (exponent < -6 || exponent >= 21)
        return arena_printf(a, "%s%c%s%se%c%02d", sign, digits[0], precision ? "." : "", digits + 1,
            exponent < 0 ? '-' : '+', abs(exponent));
    if (exponent < 0)
        return arena_printf(a, "%s0.%.*s%s", sign, -exponent - 1, "00000", digits);
    if (exponent >= precision)
        return arena_printf(a, "%s%s%.*s", sign, digits, exponent - precision, "00000000000000000000");
    return arena_printf(a, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
}

enum yaml_scalar yaml_scalar_read(struct arena *a, const char *text, const char **ret_number, bool *ret_bool)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].text, text))
            continue;
        *ret_bool = words[i].value;
        return words[i].type;
    }
    if (!strchr("+-." DIGITS, text[0]) || strlen(text) > 400)
        return YAML_STRING;
    char *plain = arena_strdup(a, text), *to = plain;
    for (const char *p = text; *p; p++)
        if (*p != '_' || text[0] == '.')
            *to++ = *p;
    *to = 0;
    *ret_number = text[0] == '.' ? NULL : read_int(a, plain);
    if (*ret_number)
        return YAML_INT;
    if (!is_float(plain))
        return YAML_STRING;
    double v = strtod(plain, NULL);
    if (!isfinite(v))
        return YAML_STRING; /* Go: out of range is no number */
    *ret_number = print_float(a, v);
    return YAML_FLOAT;
}

/* A date, alone or with a time after it. */
static bool looks_like_time(const char *s)
{
    if (strspn(s, DIGITS) != 4 || s[4] != '-')
        return false;
    size_t month = strspn(s + 5, DIGITS);
    if (month < 1 || month > 2 || s[5 + month] != '-')
        return false;
    size_t day = strspn(s + 6 + month, DIGITS);
    return day >= 1 && day <= 2 && strchr("Tt ", s[6 + month + day]); /* or the end */
}

/* [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)? */
static bool is_base60(const char *s)
{
    s += *s == '-' || *s == '+';
    if (!*s || !strchr(DIGITS, *s))
        return false;
    s += strspn(s, DIGITS "_");
    if (*s != ':')
        return false;
    while (*s == ':') {
        size_t n = strspn(s + 1, DIGITS);
        if (n < 1 || n > 2 || (n == 2 && s[1] > '5'))
            return false;
        s += 1 + n;
    }
    if (*s == '.')
        s += 1 + strspn(s + 1, DIGITS "_");
    return !*s;
}

bool yaml_scalar_needs_quotes(const char *text)
{
    auto_arena *a = arena_new();
    const char *number;
    bool b;
    return yaml_scalar_read(a, text, &number, &b) != YAML_STRING || looks_like_time(text) || is_base60(text);
}
