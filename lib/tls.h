/*
 * Certificates and keys on GnuTLS: a CA of our own (ECDSA P-256), leaf certificates with a subject that the
 * API reads as user and groups (CN, O), files 0600.
 */
#ifndef WHERRY_TLS_H
#define WHERRY_TLS_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/fields.h"
#include <stdbool.h>
#include <stddef.h>

struct tls_subject {
    const char *common_name;       /* user */
    struct str_list organizations; /* groups */
};

struct tls_leaf {
    struct tls_subject subject;
    struct str_list dns_names, ip_addresses; /* subjectAltName */
    bool server, client;                     /* extendedKeyUsage */
    unsigned days;
};
/* Makes what is not there; keeps what is. Paths are PEM files; keys are written 0600 before certificates. */
struct err *tls_ca_ensure(const char *ca_cert, const char *ca_key, const char *common_name, unsigned days)
    __attribute__((warn_unused_result));
/* Makes the pair unless it is there, is signed by this CA, has these names and lives another third of its
 * time. */
struct err *tls_leaf_ensure(const char *ca_cert, const char *ca_key, const struct tls_leaf *leaf,
    const char *cert, const char *key) __attribute__((warn_unused_result));

/* SHA-256, streaming and at once; hex is 64 characters and a NUL. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *data, size_t n);
void sha256_end_hex(struct sha256 *h, char hex[65]); /* frees h */
void sha256_hex(const void *data, size_t n, char hex[65]);

void tls_random(void *out, size_t n); /* cryptographic */
struct err *base64_decode(const char *text, struct buf *out) __attribute__((warn_unused_result));
void base64_encode(const void *data, size_t n, struct buf *out);

#endif
