/* Names: messages read and written, and what the zone says. Also the fuzz target's world, on packets of our
 * own. */
#include "tests/fuzz/dns_world.h"
#include "tests/unit/test.h"
#include <stdio.h>

struct answer {
    uint8_t m[DNS_TCP_MAX];
    size_t len;
    unsigned rcode, answers, authority;
    bool truncated, foreign;
    const char *alias;
};

static size_t question(uint8_t *m, const char *name, unsigned type)
{
    size_t at = 12;
    memset(m, 0, 12);
    m[0] = 0x12, m[1] = 0x34, m[2] = 1, m[5] = 1;
    while (*name) {
        size_t n = strcspn(name, ".");
        m[at++] = (uint8_t)n;
        memcpy(m + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    m[at++] = 0;
    m[at++] = (uint8_t)(type >> 8);
    m[at++] = (uint8_t)type;
    m[at++] = 0;
    m[at++] = 1;
    return at;
}

static struct answer *ask(const char *name, unsigned type)
{
    static struct answer a;
    uint8_t m[512];
    struct dns_query q;
    struct dns_writer w;
    const struct dns_zone zone = {world(), "cluster.local", htonl(0x0a600000), htonl(0xffff0000)};
    memset(&a, 0, sizeof(a));
    assert_int_equal(dns_query_read(m, question(m, name, type), &q), DNS_READ);
    dns_begin(&w, a.m, sizeof(a.m), m, &q);
    a.alias = NULL;
    a.foreign = dns_zone_answer(&zone, &q, &w, &a.alias) == DNS_FOREIGN;
    a.len = w.len;
    a.rcode = a.m[3] & 15;
    a.answers = a.m[7];
    a.authority = a.m[9];
    return &a;
}

static void says(const char *name, unsigned type, unsigned rcode, unsigned answers)
{
    struct answer *a = ask(name, type);
    if (a->foreign || a->rcode != rcode || a->answers != answers)
        fail_msg(
            "%s %u: rcode %u, %u answers%s", name, type, a->rcode, a->answers, a->foreign ? ", foreign" : "");
    if (answers == 0)
        assert_int_equal(a->authority, 1); /* a no carries the SOA */
}

static void the_zone(void **state)
{
    (void)state;
    says("web.d.svc.cluster.local", DNS_A, DNS_NOERROR, 1);
    says("WEB.d.Svc.Cluster.Local", DNS_A, DNS_NOERROR, 1);
    says("web.d.svc.cluster.local", DNS_AAAA, DNS_NOERROR, 0);
    says("nope.d.svc.cluster.local", DNS_A, DNS_NXDOMAIN, 0);
    says("h.d.svc.cluster.local", DNS_A, DNS_NOERROR, 2);
    says("one.h.d.svc.cluster.local", DNS_A, DNS_NOERROR, 1);
    says("_http._tcp.web.d.svc.cluster.local", DNS_SRV, DNS_NOERROR, 1);
    says("_http._tcp.h.d.svc.cluster.local", DNS_SRV, DNS_NOERROR, 2);
    says("_nope._tcp.web.d.svc.cluster.local", DNS_SRV, DNS_NXDOMAIN, 0);
    says("x.d.svc.cluster.local", DNS_CNAME, DNS_NOERROR, 1);
    says("1.1.96.10.in-addr.arpa", DNS_PTR, DNS_NOERROR, 1);
    says("1-2-3-4.d.pod.cluster.local", DNS_A, DNS_NOERROR, 1);
    assert_true(ask("example.org", DNS_A)->foreign);
    assert_true(ask("1.2.0.192.in-addr.arpa", DNS_PTR)->foreign);
}

static void an_alias_is_followed(void **state)
{
    (void)state;
    assert_string_equal(ask("x.d.svc.cluster.local", DNS_A)->alias, "a.example");
    assert_string_equal(ask("x.d.svc.cluster.local", DNS_AAAA)->alias, "a.example");
    assert_null(ask("x.d.svc.cluster.local", DNS_CNAME)->alias);
    assert_null(ask("web.d.svc.cluster.local", DNS_A)->alias);
}

/* The upstream's answer to a.example: an alias to b.example, both by compression, and its addresses. */
#define FOREIGN                                                                                              \
    "\1\2\201\200\0\1\0\3\0\0\0\0"                                                                           \
    "\1a\7example\0\0\1\0\1"                                                                                 \
    "\300\14\0\5\0\1\0\0\0\11\0\4\1b\300\16"                                                                 \
    "\300\47\0\1\0\1\0\0\0\11\0\4\300\0\2\1"                                                                 \
    "\300\47\0\17\0\1\0\0\0\11\0\4\0\1\300\14"

static enum dns_rcode copy(const char *m, size_t n, struct answer *a)
{
    uint8_t query[512], *exact = mem_dup(m, n ? n : 1);
    struct dns_query q;
    struct dns_writer w;
    assert_int_equal(dns_query_read(query, question(query, "x.d.svc.cluster.local", DNS_A), &q), DNS_READ);
    dns_begin(&w, a->m, sizeof(a->m), query, &q);
    enum dns_rcode rcode = dns_copy_answers(&w, exact, n);
    a->len = w.len;
    a->answers = w.counts[DNS_ANSWER];
    free(exact);
    return rcode;
}

static void answers_are_copied(void **state)
{
    (void)state;
    static const char copied[] = "\1a\7example\0\0\5\0\1\0\0\0\11\0\13\1b\7example\0"
                                 "\1b\7example\0\0\1\0\1\0\0\0\11\0\4\300\0\2\1";
    struct answer a;
    assert_int_equal(copy(FOREIGN, sizeof(FOREIGN) - 1, &a), DNS_NOERROR);
    assert_int_equal(a.answers, 2); /* the MX is not what an address is asked for */
    assert_memory_equal(a.m + a.len - (sizeof(copied) - 1), copied, sizeof(copied) - 1);
    assert_int_equal(copy("\1\2\201\203\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19, &a), DNS_NXDOMAIN);
    for (size_t n = 0; n < sizeof(FOREIGN) - 1; n++)
        assert_int_equal(copy(FOREIGN, n, &a), DNS_SERVFAIL);
}

static void a_question_of_our_own(void **state)
{
    (void)state;
    uint8_t m[DNS_UDP_PLAIN];
    struct dns_query q;
    char longest[300];
    size_t n = dns_question(m, "a.example", DNS_AAAA);
    assert_int_equal(dns_query_read(m, n, &q), DNS_READ);
    assert_string_equal(q.name, "a.example");
    assert_int_equal(q.type, DNS_AAAA);
    assert_true(q.recursion);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(dns_question(m, longest, DNS_A), 0);
    assert_int_equal(dns_question(m, "a..b", DNS_A), 0);
}

/* R-140 and its like: each is refused, none reads beyond its end. */
static void hostile_packets(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        enum dns_reading wanted;
    } cases[] = {
        {"", 0, DNS_UNHEARD}, {"\0\1\1\0\0\1", 6, DNS_UNHEARD},
        {"\0\1\x81\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17, DNS_UNHEARD},       /* an answer */
        {"\0\1\x29\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17, DNS_UNKNOWN},       /* an update */
        {"\0\1\1\0\0\0\0\0\0\0\0\0", 12, DNS_MALFORMED},                 /* no question */
        {"\0\1\1\0\0\2\0\0\0\0\0\0\0\0\1\0\1", 17, DNS_MALFORMED},       /* two */
        {"\0\1\1\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1", 18, DNS_MALFORMED},  /* points at itself */
        {"\0\1\1\0\0\1\0\0\0\0\0\0\300\377\0\1\0\1", 18, DNS_MALFORMED}, /* forward, outside */
        {"\0\1\1\0\0\1\0\0\0\0\0\0\77abc", 16, DNS_MALFORMED},           /* label beyond the end */
        {"\0\1\1\0\0\1\0\0\0\0\0\0\3abc\0\0\1", 19, DNS_MALFORMED},      /* class is missing */
        {"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17, DNS_READ},            /* the root */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t *m = mem_dup(cases[i].bytes, cases[i].n ? cases[i].n : 1); /* exact, for the sanitizer */
        struct dns_query q;
        if (dns_query_read(m, cases[i].n, &q) != cases[i].wanted)
            fail_msg("case %zu", i);
        free(m);
    }
    uint8_t many[1024];
    memset(many, 0, sizeof(many));
    many[2] = 1, many[5] = 1;
    for (size_t i = 12; i + 2 < sizeof(many); i += 2)
        many[i] = 1, many[i + 1] = 'a';
    struct dns_query q;
    assert_int_equal(dns_query_read(many, sizeof(many), &q), DNS_MALFORMED);
}

/* Every byte of good queries turned in every direction. */
static void turned_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "_http._tcp.h.d.svc.cluster.local", "1-2-3-4.d.pod.cluster.local", "3.0.1.10.in-addr.arpa"};
    uint8_t m[512];
    for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
        size_t n = question(m, names[k], DNS_SRV);
        for (size_t i = 0; i < n; i++) {
            uint8_t was = m[i];
            for (unsigned v = 0; v < 256; v++) {
                m[i] = (uint8_t)v;
                dns_try(m, n);
            }
            m[i] = was;
            dns_try(m, i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_zone), cmocka_unit_test(an_alias_is_followed),
        cmocka_unit_test(answers_are_copied), cmocka_unit_test(a_question_of_our_own),
        cmocka_unit_test(hostile_packets), cmocka_unit_test(turned_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
