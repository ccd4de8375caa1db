#include "proxy/dns_message.h"

#include <string.h>

enum { HEADER = 12, LABEL_MAX = 63, POINTER = 0xc0, CLASS_IN = 1, TYPE_OPT = 41, OPT_LEN = 11 };
enum {
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    OPCODE = 0x7800
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* --- reading */

/* A name, with its labels joined. Returns the offset behind it, 0: malformed. A compression pointer must lead
 * to what stands before the name that it ends (RFC 1035, 4.1.4), which also ends every chain of them. A label
 * with a dot or a NUL in it is no name of ours: it is kept as '?', which no object is called. */
static size_t read_name(const uint8_t *m, size_t len, size_t at, char *name)
{
    size_t n = 0, limit = at, end = 0;
    for (;;) {
        if (at >= len)
            return 0;
        size_t label = m[at++];
        if (label == 0)
            break;
        if (label >= POINTER) {
            size_t to = at < len ? (label - POINTER) << 8 | m[at] : len;
            if (to >= limit)
                return 0;
            end = end ? end : at + 1;
            at = limit = to;
            continue;
        }
        if (label > LABEL_MAX || at + label > len || n + label + 1 > DNS_NAME_MAX)
            return 0;
        if (n)
            name[n++] = '.';
        for (size_t i = 0; i < label; i++) {
            char c = (char)m[at + i];
            name[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == '.' || c == 0 ? '?' : c;
        }
        at += label;
    }
    name[n] = 0;
    return end ? end : at;
}

/* The OPT record, where it is the one additional record of a plain query. */
static void read_edns(const uint8_t *m, size_t len, struct dns_query *q)
{
    size_t at = q->question_end;
    if (get16(m + 6) || get16(m + 8) || get16(m + 10) != 1 || at + OPT_LEN > len || m[at] != 0 ||
        get16(m + at + 1) != TYPE_OPT)
        return;
    unsigned size = get16(m + at + 3);
    q->edns = true;
    q->udp_size = size < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : size > DNS_UDP_MAX ? DNS_UDP_MAX : size;
}

enum dns_reading dns_query_read(const uint8_t *m, size_t len, struct dns_query *ret)
{
    *ret = (struct dns_query){.udp_size = DNS_UDP_PLAIN};
    if (len < HEADER || (get16(m + 2) & FLAG_QR))
        return DNS_UNHEARD;
    ret->id = get16(m);
    ret->recursion = get16(m + 2) & FLAG_RD;
    if (get16(m + 2) & OPCODE)
        return DNS_UNKNOWN;
    if (get16(m + 4) != 1)
        return DNS_MALFORMED;
    size_t at = read_name(m, len, HEADER, ret->name);
    if (!at || at + 4 > len)
        return DNS_MALFORMED;
    ret->type = get16(m + at);
    ret->class_ = get16(m + at + 2);
    ret->question_end = at + 4;
    read_edns(m, len, ret);
    return DNS_READ;
}

bool dns_is_truncated(const uint8_t *m)
{
    return get16(m + 2) & FLAG_TC;
}

/* --- writing */

void dns_begin(struct dns_writer *w, uint8_t *m, size_t max, const uint8_t *query, const struct dns_query *q)
{
    *w = (struct dns_writer){.m = m, .max = q->edns ? max - OPT_LEN : max};
    memcpy(m, query, q->question_end);
    w->len = q->question_end;
}

/* Labels of a text name at p; returns their length, 0: it is no name. */
static size_t put_name(uint8_t *p, const uint8_t *end, const char *name)
{
    uint8_t *begin = p;
    while (*name) {
        size_t n = strcspn(name, ".");
        if (n == 0 || n > LABEL_MAX || (size_t)(end - p) < n + 2)
            return 0;
        *p++ = (uint8_t)n;
        memcpy(p, name, n);
        p += n;
        name += n + (name[n] == '.');
    }
    if (p >= end)
        return 0;
    *p++ = 0;
    return (size_t)(p - begin);
}

/* Owner, type, class, TTL, and room for the length; returns where the data begins, NULL: it does not fit. */
static uint8_t *begin_record(struct dns_writer *w, const char *name, enum dns_type type, uint32_t ttl)
{
    uint8_t *p = w->m + w->len, *end = w->m + w->max;
    size_t n = w->truncated ? 0 : put_name(p, end, name);
    if (n == 0 || (size_t)(end - p) < n + 10)
        return NULL;
    p += n;
    put16(p, type);
    put16(p + 2, CLASS_IN);
    put32(p + 4, ttl);
    return p + 10;
}

static void end_record(struct dns_writer *w, enum dns_section s, uint8_t *data, size_t len)
{
    if (!data || len == 0 || (size_t)(w->m + w->max - data) < len) {
        w->truncated = true;
        return;
    }
    put16(data - 2, (unsigned)len);
    w->len = (size_t)(data + len - w->m);
    w->counts[s]++;
}

void dns_add_a(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl, uint32_t ip)
{
    uint8_t *data = begin_record(w, name, DNS_A, ttl);
    bool fits = data && (size_t)(w->m + w->max - data) >= 4;
    if (fits)
        memcpy(data, &ip, 4);
    end_record(w, s, fits ? data : NULL, 4);
}

void dns_add_name(struct dns_writer *w, enum dns_section s, const char *name, enum dns_type type,
    uint32_t ttl, const char *target)
{
    uint8_t *data = begin_record(w, name, type, ttl);
    end_record(w, s, data, data ? put_name(data, w->m + w->max, target) : 0);
}

void dns_add_srv(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl, uint16_t port,
    uint16_t weight, const char *target)
{
    uint8_t *data = begin_record(w, name, DNS_SRV, ttl);
    size_t n = data && (size_t)(w->m + w->max - data) > 6 ? put_name(data + 6, w->m + w->max, target) : 0;
    if (n) {
        put16(data, 0);
        put16(data + 2, weight);
        put16(data + 4, port);
    }
    end_record(w, s, data, n ? n + 6 : 0);
}

void dns_add_txt(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl, const char *text)
{
    uint8_t *data = begin_record(w, name, DNS_TXT, ttl);
    size_t n = strlen(text);
    bool fits = data && n < 256 && (size_t)(w->m + w->max - data) > n;
    if (fits) {
        data[0] = (uint8_t)n;
        memcpy(data + 1, text, n);
    }
    end_record(w, s, fits ? data : NULL, n + 1);
}

void dns_add_soa(struct dns_writer *w, const char *zone, uint32_t ttl)
{
    static const uint32_t numbers[] = {1, 7200, 1800, 86400};
    char text[DNS_NAME_MAX + 16];
    uint8_t *data = begin_record(w, zone, DNS_SOA, ttl), *end = w->m + w->max, *p = data;
    memcpy(text, "ns.dns.", 7);
    memcpy(text + 7, zone, strlen(zone) + 1);
    size_t n = data ? put_name(p, end, text) : 0;
    p += n;
    memcpy(text, "hostmaster.", 11);
    memcpy(text + 11, zone, strlen(zone) + 1);
    size_t k = n ? put_name(p, end, text) : 0;
    p += k;
    if (!k || end - p < 20) {
        end_record(w, DNS_AUTHORITY, NULL, 0);
        return;
    }
    for (int i = 0; i < 4; i++, p += 4)
        put32(p, numbers[i]);
    put32(p, ttl); /* how long a no may be kept */
    end_record(w, DNS_AUTHORITY, data, (size_t)(p + 4 - data));
}

void dns_end(struct dns_writer *w, const struct dns_query *q, enum dns_rcode rcode, bool authoritative)
{
    if (q->edns) {
        uint8_t *p = w->m + w->len;
        memset(p, 0, OPT_LEN);
        put16(p + 1, TYPE_OPT);
        put16(p + 3, DNS_UDP_MAX);
        w->len += OPT_LEN;
        w->counts[DNS_ADDITIONAL]++;
    }
    unsigned flags = FLAG_QR | FLAG_RA | (q->recursion ? FLAG_RD : 0) | (authoritative ? FLAG_AA : 0) |
                     (w->truncated ? FLAG_TC : 0) | rcode;
    put16(w->m + 2, flags);
    put16(w->m + 4, 1);
    for (int i = 0; i < 3; i++)
        put16(w->m + 6 + 2 * i, w->counts[i]);
}

/* --- from an answer to another */

static void copy_record(struct dns_writer *w, const uint8_t *m, size_t len, size_t data, size_t n,
    const char *name, enum dns_type type, uint32_t ttl)
{
    char target[DNS_NAME_MAX + 1];
    if (type == DNS_CNAME && read_name(m, len, data, target)) {
        dns_add_name(w, DNS_ANSWER, name, type, ttl, target);
    } else if (type == DNS_A || type == DNS_AAAA) {
        uint8_t *to = begin_record(w, name, type, ttl);
        bool fits = to && (size_t)(w->m + w->max - to) >= n;
        if (fits)
            memcpy(to, m + data, n);
        end_record(w, DNS_ANSWER, fits ? to : NULL, n);
    }
}

enum dns_rcode dns_copy_answers(struct dns_writer *w, const uint8_t *m, size_t len)
{
    char name[DNS_NAME_MAX + 1];
    size_t at = len < HEADER ? 0 : read_name(m, len, HEADER, name);
    unsigned count = at ? get16(m + 6) : 0;
    if (at == 0 || get16(m + 4) != 1)
        return DNS_SERVFAIL;
    for (at += 4; count--;) {
        size_t data = at < len ? read_name(m, len, at, name) : 0;
        if (data == 0 || data + 10 > len)
            return DNS_SERVFAIL;
        const uint8_t *head = m + data;
        data += 10;
        size_t n = get16(head + 8);
        if (data + n > len)
            return DNS_SERVFAIL;
        if (get16(head + 2) == CLASS_IN)
            copy_record(w, m, len, data, n, name, (enum dns_type)get16(head),
                (uint32_t)get16(head + 4) << 16 | get16(head + 6));
        at = data + n;
    }
    return (enum dns_rcode)(get16(m + 2) & 0xf);
}

size_t dns_question(uint8_t m[DNS_UDP_PLAIN], const char *name, enum dns_type type)
{
    memset(m, 0, HEADER);
    put16(m + 2, FLAG_RD);
    put16(m + 4, 1);
    size_t n = put_name(m + HEADER, m + DNS_UDP_PLAIN - 4, name);
    if (n == 0 || n > DNS_NAME_MAX)
        return 0;
    put16(m + HEADER + n, type);
    put16(m + HEADER + n + 2, CLASS_IN);
    return HEADER + n + 4;
}

size_t dns_refusal(uint8_t m[12], uint16_t id, enum dns_rcode rcode)
{
    memset(m, 0, HEADER);
    put16(m, id);
    put16(m + 2, FLAG_QR | FLAG_RA | rcode);
    return HEADER;
}
