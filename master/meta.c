/*
 * Names and labels, checked by hand-written scanners (the rules are small regular languages), with the texts
 * that clients of Kubernetes know; identifiers and name suffixes.
 */
#include "master/meta.h"
#include "lib/tls.h"
#include "master/strategy.h"
#include <ctype.h>
#include <string.h>

#define SUBDOMAIN                                                                                            \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "    \
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "   \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL_1123                                                                                           \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "  \
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "   \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define LABEL_1035                                                                                           \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "  \
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "      \
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define NAME_PART                                                                                            \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "     \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE                                                                                          \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "     \
    "must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex " \
    "used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

void meta_new_uid(char uid[META_UID_TEXT])
{
    unsigned char r[16];
    tls_random(r, sizeof(r));
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* version 4 */
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    static const char hex[] = "0123456789abcdef";
    char *p = uid;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[r[i] >> 4];
        *p++ = hex[r[i] & 15];
    }
    *p = 0;
}

void meta_suffix(char suffix[6])
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    unsigned char r[5];
    tls_random(r, sizeof(r));
    for (int i = 0; i < 5; i++)
        suffix[i] = alphabet[r[i] % (sizeof(alphabet) - 1)];
    suffix[5] = 0;
}

static bool low_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool alnum(char c)
{
    return low_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* n characters: lower case, digits, '-' inside. */
static bool is_dns_label(const char *s, size_t n)
{
    if (!n || !low_alnum(s[0]) || !low_alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!low_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool is_subdomain(const char *s)
{
    for (;;) {
        size_t n = strcspn(s, ".");
        if (!is_dns_label(s, n))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

const char *meta_check_subdomain(struct arena *a, const char *s)
{
    (void)a;
    if (strlen(s) > 253)
        return "must be no more than 253 characters";
    return is_subdomain(s) ? NULL : SUBDOMAIN;
}

const char *meta_check_label_1123(struct arena *a, const char *s)
{
    (void)a;
    if (strlen(s) > 63)
        return "must be no more than 63 characters";
    return is_dns_label(s, strlen(s)) ? NULL : LABEL_1123;
}

const char *meta_check_label_1035(struct arena *a, const char *s)
{
    (void)a;
    if (strlen(s) > 63)
        return "must be no more than 63 characters";
    return is_dns_label(s, strlen(s)) && !isdigit((unsigned char)*s) ? NULL : LABEL_1035;
}

void meta_check_port_name(struct invalid *v, const struct path *p, const char *s)
{
    size_t n = strlen(s), letters = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        letters += s[i] >= 'a' && s[i] <= 'z';
        other += !low_alnum(s[i]) && s[i] != '-';
    }
    if (n > 15)
        invalid_str(v, p, s, "must be no more than 15 characters");
    if (other)
        invalid_str(v, p, s, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!letters)
        invalid_str(v, p, s, "must contain at least one letter (a-z)");
    if (strstr(s, "--"))
        invalid_str(v, p, s, "must not contain consecutive hyphens");
    if (n && (s[0] == '-' || s[n - 1] == '-'))
        invalid_str(v, p, s, "must not begin or end with a hyphen");
}

static bool is_name_part(const char *s)
{
    size_t n = strlen(s);
    if (!n || !alnum(s[0]) || !alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!alnum(s[i]) && !strchr("-_.", s[i]))
            return false;
    return true;
}

void meta_check_qualified(struct invalid *v, const struct path *p, const char *key)
{
    const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
    if (slash && strchr(name, '/')) {
        invalid_str(v, p, key,
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and "
            "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
            "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix "
            "and '/' (e.g. 'example.com/MyName')");
        return;
    }
    if (slash == key) {
        invalid_str(v, p, key, "prefix part must be non-empty");
    } else if (slash) {
        const char *prefix = arena_strndup(v->arena, key, (size_t)(slash - key));
        const char *why = meta_check_subdomain(v->arena, prefix);
        if (why)
            invalid_str(v, p, key, arena_printf(v->arena, "prefix part %s", why));
    }
    if (!*name)
        invalid_str(v, p, key, "name part must be non-empty");
    else if (strlen(name) > 63)
        invalid_str(v, p, key, "name part must be no more than 63 bytes");
    if (!is_name_part(name))
        invalid_str(v, p, key, NAME_PART);
}

void meta_check_label_value(struct invalid *v, const struct path *p, const char *value)
{
    if (strlen(value) > 63)
        invalid_str(v, p, value, "must be no more than 63 bytes");
    if (*value && !is_name_part(value))
        invalid_str(v, p, value, LABEL_VALUE);
}

void meta_check_labels(struct invalid *v, const struct path *p, const struct json *labels)
{
    json_each_member (m, labels) {
        meta_check_qualified(v, p, m->name);
        if (json_str(&m->value))
            meta_check_label_value(v, p, json_str(&m->value));
    }
}
