/*
 * DNS messages (RFC 1035, EDNS of RFC 6891): a query is read with every length checked, an answer is written
 * record by record and truncated where it does not fit. Pure.
 */
#ifndef WHERRY_PROXY_DNS_MESSAGE_H
#define WHERRY_PROXY_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_NAME_MAX = 255,  /* as text, without the final dot */
    DNS_UDP_PLAIN = 512, /* bytes of an answer where the query has no EDNS */
    DNS_UDP_MAX = 1232,  /* and where it has: no fragment on any path */
    DNS_TCP_MAX = 65535,
};
enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_ANY = 255
};
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED };

struct dns_query {
    uint16_t id, type, class_;
    bool recursion; /* RD */
    bool edns;
    unsigned udp_size;           /* what the asker takes over UDP */
    char name[DNS_NAME_MAX + 1]; /* lower case, labels joined with dots; "" is the root */
    size_t question_end;         /* offset in the message */
};
enum dns_reading {
    DNS_READ,      /* *ret is whole */
    DNS_UNHEARD,   /* no query: nothing is answered */
    DNS_MALFORMED, /* FORMERR; id is set */
    DNS_UNKNOWN    /* NOTIMP; id is set */
};
enum dns_reading dns_query_read(const uint8_t *m, size_t len, struct dns_query *ret);
/* m: a header at least. */
bool dns_is_truncated(const uint8_t *m);

struct dns_writer {
    uint8_t *m;
    size_t len, max;
    bool truncated;
    uint16_t counts[3]; /* answers, authority, additional */
};
enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

/* The header and the question of the query, as they came. m has room for max bytes (at least DNS_UDP_PLAIN).
 */
void dns_begin(struct dns_writer *w, uint8_t *m, size_t max, const uint8_t *query, const struct dns_query *q);
/* One record; name and target as text. A record that does not fit sets TC and leaves out all that follow. */
void dns_add_a(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl,
    uint32_t ip /* network order */);
void dns_add_name(struct dns_writer *w, enum dns_section s, const char *name, enum dns_type type,
    uint32_t ttl, const char *target);
void dns_add_srv(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl, uint16_t port,
    uint16_t weight, const char *target);
void dns_add_txt(struct dns_writer *w, enum dns_section s, const char *name, uint32_t ttl, const char *text);
void dns_add_soa(struct dns_writer *w, const char *zone, uint32_t ttl);
/* Sets the flags and counts; the message is w->len bytes. authoritative: AA. */
void dns_end(struct dns_writer *w, const struct dns_query *q, enum dns_rcode rcode, bool authoritative);
/* Adds the addresses and aliases that the answer m, of whomever, holds; returns its rcode, DNS_SERVFAIL where
 * it is malformed (what stood before that was added). */
enum dns_rcode dns_copy_answers(struct dns_writer *w, const uint8_t *m, size_t len);
/* A query of our own, with id 0. Returns its length, 0: name is none. */
size_t dns_question(uint8_t m[DNS_UDP_PLAIN], const char *name, enum dns_type type);
/* A header only, for what could not be read. Returns its length (12). */
size_t dns_refusal(uint8_t m[12], uint16_t id, enum dns_rcode rcode);

#endif
