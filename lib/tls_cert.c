/*
 * X.509: a CA of our own and the certificates that it signs. What comes in: paths and names; what goes out:
 * PEM files, keys 0600. A pair is made again when it is missing, broken, not of this CA, for other names, or
 * in the last third of its time; called by the master at its start and by `node-credentials`.
 */
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEM_MAX (64 * 1024)
#define BACKDATE 3600 /* seconds: clocks of nodes differ */
#define MAX_NAMES 256

struct pair {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

static void pair_done(struct pair *p)
{
    if (p->cert)
        gnutls_x509_crt_deinit(p->cert);
    if (p->key)
        gnutls_x509_privkey_deinit(p->key);
}
#define auto_pair __attribute__((cleanup(pair_done))) struct pair

/* GnuTLS's result as an error; 0 and positive values are success. */
static struct err *check(int r, const char *what)
{
    return r < 0 ? err_new(ERR_SYSTEM, "%s: %s", what, gnutls_strerror(r)) : NULL;
}

/* --- reading --- */

static struct err *cert_load(const char *path, gnutls_x509_crt_t *ret)
{
    auto_free char *pem = NULL;
    size_t len;
    TRY(file_read(AT_FDCWD, path, PEM_MAX, &pem, &len));
    gnutls_x509_crt_t crt;
    TRY(check(gnutls_x509_crt_init(&crt), "certificate"));
    gnutls_datum_t d = {(unsigned char *)pem, (unsigned)len};
    int r = gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM);
    if (r < 0) {
        gnutls_x509_crt_deinit(crt);
        return err_new(ERR_INVALID, "%s: not a certificate: %s", path, gnutls_strerror(r));
    }
    *ret = crt;
    return NULL;
}

static struct err *key_load(const char *path, gnutls_x509_privkey_t *ret)
{
    auto_free char *pem = NULL;
    size_t len;
    TRY(file_read(AT_FDCWD, path, PEM_MAX, &pem, &len));
    gnutls_x509_privkey_t key;
    TRY(check(gnutls_x509_privkey_init(&key), "private key"));
    gnutls_datum_t d = {(unsigned char *)pem, (unsigned)len};
    int r = gnutls_x509_privkey_import2(key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset(pem, 0, len);
    if (r < 0) {
        gnutls_x509_privkey_deinit(key);
        return err_new(ERR_INVALID, "%s: not a private key: %s", path, gnutls_strerror(r));
    }
    *ret = key;
    return NULL;
}

static bool same_key(const struct pair *p)
{
    unsigned char a[64], b[64];
    size_t na = sizeof a, nb = sizeof b;
    return gnutls_x509_crt_get_key_id(p->cert, GNUTLS_KEYID_USE_SHA256, a, &na) == 0 &&
           gnutls_x509_privkey_get_key_id(p->key, GNUTLS_KEYID_USE_SHA256, b, &nb) == 0 && na == nb &&
           memcmp(a, b, na) == 0;
}

static struct err *pair_load(const char *cert, const char *key, struct pair *ret)
{
    TRY(cert_load(cert, &ret->cert));
    TRY(key_load(key, &ret->key));
    if (!same_key(ret))
        return err_new(ERR_INVALID, "%s is not the key of %s", key, cert);
    return NULL;
}

/* --- writing --- */

static struct err *key_new(gnutls_x509_privkey_t *ret)
{
    TRY(check(gnutls_x509_privkey_init(ret), "private key"));
    return check(gnutls_x509_privkey_generate(
                     *ret, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        "make a private key");
}

static struct err *key_write(const char *path, gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem;
    TRY(check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "encode a private key"));
    struct err *e = file_write_atomic(AT_FDCWD, path, pem.data, pem.size, 0600, FILE_FSYNC);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return e;
}

static struct err *cert_write(const char *path, gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem;
    TRY(check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "encode a certificate"));
    struct err *e = file_write_atomic(AT_FDCWD, path, pem.data, pem.size, 0644, FILE_FSYNC);
    gnutls_free(pem.data);
    return e;
}

static int set_serial(gnutls_x509_crt_t crt)
{
    unsigned char serial[16];
    tls_random(serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and of full length */
    return gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
}

static int set_times(gnutls_x509_crt_t crt, unsigned days, time_t not_after_max)
{
    time_t now = time(NULL), end = now + (time_t)days * 86400;
    if (not_after_max && end > not_after_max)
        end = not_after_max;
    int r = gnutls_x509_crt_set_activation_time(crt, now - BACKDATE);
    return r < 0 ? r : gnutls_x509_crt_set_expiration_time(crt, end);
}

static int set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    unsigned char id[64];
    size_t n = sizeof id;
    int r = gnutls_x509_crt_get_key_id(crt, 0, id, &n);
    if (r >= 0)
        r = gnutls_x509_crt_set_subject_key_id(crt, id, n);
    if (r < 0 || !issuer)
        return r;
    n = sizeof id;
    r = gnutls_x509_crt_get_subject_key_id(issuer, id, &n, NULL);
    return r < 0 ? r : gnutls_x509_crt_set_authority_key_id(crt, id, n);
}

static int set_subject(gnutls_x509_crt_t crt, const struct tls_subject *s)
{
    int r = 0;
    for (size_t i = 0; i < s->organizations.n && r >= 0; i++)
        r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, s->organizations.v[i],
            (unsigned)strlen(s->organizations.v[i]));
    if (r >= 0)
        r = gnutls_x509_crt_set_dn_by_oid(
            crt, GNUTLS_OID_X520_COMMON_NAME, 0, s->common_name, (unsigned)strlen(s->common_name));
    return r;
}

/* 4 or 16 bytes; 0: not an address. */
static unsigned ip_bytes(const char *text, unsigned char out[16])
{
    return inet_pton(AF_INET, text, out) == 1 ? 4 : inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static struct err *set_names(gnutls_x509_crt_t crt, const struct tls_leaf *leaf)
{
    for (size_t i = 0; i < leaf->dns_names.n; i++)
        TRY_WRAP(check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, leaf->dns_names.v[i],
                           (unsigned)strlen(leaf->dns_names.v[i]), GNUTLS_FSAN_APPEND),
                     "subject alternative name"),
            "%s", leaf->dns_names.v[i]);
    for (size_t i = 0; i < leaf->ip_addresses.n; i++) {
        unsigned char ip[16];
        unsigned n = ip_bytes(leaf->ip_addresses.v[i], ip);
        if (!n)
            return err_new(ERR_INVALID, "certificate for %s: not an IP address", leaf->ip_addresses.v[i]);
        TRY(check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, n, GNUTLS_FSAN_APPEND),
            "subject alternative name"));
    }
    return NULL;
}

/* --- the CA --- */

static struct err *ca_sign(struct pair *ca, const char *common_name, unsigned days)
{
    struct tls_subject subject = {.common_name = common_name};
    TRY(check(gnutls_x509_crt_init(&ca->cert), "certificate"));
    gnutls_x509_crt_t c = ca->cert;
    TRY(check(gnutls_x509_crt_set_version(c, 3), "version"));
    TRY(check(gnutls_x509_crt_set_key(c, ca->key), "public key"));
    TRY(check(set_serial(c), "serial number"));
    TRY(check(set_times(c, days, 0), "validity"));
    TRY(check(set_subject(c, &subject), "subject"));
    TRY(check(gnutls_x509_crt_set_basic_constraints(c, 1, -1), "basic constraints"));
    TRY(check(gnutls_x509_crt_set_key_usage(
                  c, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE),
        "key usage"));
    TRY(check(set_key_ids(c, NULL), "key id"));
    return check(gnutls_x509_crt_sign2(c, c, ca->key, GNUTLS_DIG_SHA256, 0), "sign");
}

struct err *tls_ca_ensure(const char *ca_cert, const char *ca_key, const char *common_name, unsigned days)
{
    auto_pair ca = {0};
    bool have_cert = file_exists(AT_FDCWD, ca_cert), have_key = file_exists(AT_FDCWD, ca_key);
    if (have_cert && have_key)
        return err_wrap(pair_load(ca_cert, ca_key, &ca), "certificate authority");
    if (have_cert)
        return err_new(
            ERR_INVALID, "certificate authority: %s is there, but its key %s is not", ca_cert, ca_key);
    if (have_key) /* we were killed between the two */
        TRY_WRAP(key_load(ca_key, &ca.key), "certificate authority");
    else {
        TRY_WRAP(key_new(&ca.key), "certificate authority");
        TRY_WRAP(key_write(ca_key, ca.key), "certificate authority");
    }
    TRY_WRAP(ca_sign(&ca, common_name, days), "certificate authority");
    return err_wrap(cert_write(ca_cert, ca.cert), "certificate authority");
}

/* --- leaves --- */

static bool oid_is(gnutls_x509_crt_t c, const char *oid, unsigned i, const char *want)
{
    char text[256];
    size_t n = sizeof text;
    return gnutls_x509_crt_get_dn_by_oid(c, oid, i, 0, text, &n) == 0 && strcmp(text, want) == 0;
}

static bool has_subject(gnutls_x509_crt_t c, const struct tls_subject *s)
{
    char text[256];
    size_t n = sizeof text;
    for (size_t i = 0; i < s->organizations.n; i++)
        if (!oid_is(c, GNUTLS_OID_X520_ORGANIZATION_NAME, (unsigned)i, s->organizations.v[i]))
            return false;
    return oid_is(c, GNUTLS_OID_X520_COMMON_NAME, 0, s->common_name) &&
           gnutls_x509_crt_get_dn_by_oid(c, GNUTLS_OID_X520_ORGANIZATION_NAME, (unsigned)s->organizations.n,
               0, text, &n) == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* The certificate's alternative names are exactly those of leaf, in the order in which set_names() adds them.
 */
static bool has_names(gnutls_x509_crt_t c, const struct tls_leaf *leaf)
{
    size_t want = leaf->dns_names.n + leaf->ip_addresses.n;
    for (unsigned i = 0; i <= want && i < MAX_NAMES; i++) {
        char name[256];
        unsigned char ip[16];
        size_t n = sizeof name;
        int type = gnutls_x509_crt_get_subject_alt_name(c, i, name, &n, NULL);
        if (i == want)
            return type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
        if (i < leaf->dns_names.n) {
            if (type != GNUTLS_SAN_DNSNAME || strcmp(name, leaf->dns_names.v[i]) != 0)
                return false;
        } else if (type != GNUTLS_SAN_IPADDRESS ||
                   n != ip_bytes(leaf->ip_addresses.v[i - leaf->dns_names.n], ip) || memcmp(name, ip, n) != 0)
            return false;
    }
    return false;
}

static bool has_purpose(gnutls_x509_crt_t c, const char *purpose)
{
    for (unsigned i = 0; i < 8; i++) {
        char oid[64];
        size_t n = sizeof oid;
        if (gnutls_x509_crt_get_key_purpose_oid(c, i, oid, &n, NULL) < 0)
            return false;
        if (strcmp(oid, purpose) == 0)
            return true;
    }
    return false;
}

static bool is_fresh(gnutls_x509_crt_t c)
{
    time_t from = gnutls_x509_crt_get_activation_time(c), to = gnutls_x509_crt_get_expiration_time(c);
    return time(NULL) < to - (to - from) / 3;
}

static bool leaf_is_good(
    const char *cert, const char *key, const struct pair *ca, const struct tls_leaf *leaf)
{
    auto_pair p = {0};
    auto_err *e = pair_load(cert, key, &p);
    if (e)
        return false;
    unsigned status = 0;
    return gnutls_x509_crt_verify(p.cert, &ca->cert, 1, 0, &status) == 0 && status == 0 &&
           has_subject(p.cert, &leaf->subject) && has_names(p.cert, leaf) &&
           has_purpose(p.cert, GNUTLS_KP_TLS_WWW_SERVER) == leaf->server &&
           has_purpose(p.cert, GNUTLS_KP_TLS_WWW_CLIENT) == leaf->client && is_fresh(p.cert);
}

static struct err *leaf_sign(struct pair *p, const struct pair *ca, const struct tls_leaf *leaf)
{
    TRY(check(gnutls_x509_crt_init(&p->cert), "certificate"));
    gnutls_x509_crt_t c = p->cert;
    TRY(check(gnutls_x509_crt_set_version(c, 3), "version"));
    TRY(check(gnutls_x509_crt_set_key(c, p->key), "public key"));
    TRY(check(set_serial(c), "serial number"));
    TRY(check(set_times(c, leaf->days, gnutls_x509_crt_get_expiration_time(ca->cert)), "validity"));
    TRY(check(set_subject(c, &leaf->subject), "subject"));
    TRY(set_names(c, leaf));
    TRY(check(gnutls_x509_crt_set_basic_constraints(c, 0, -1), "basic constraints"));
    TRY(check(gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE), "key usage"));
    if (leaf->server)
        TRY(check(gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0), "key purpose"));
    if (leaf->client)
        TRY(check(gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_CLIENT, 0), "key purpose"));
    TRY(check(set_key_ids(c, ca->cert), "key id"));
    return check(gnutls_x509_crt_sign2(c, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0), "sign");
}

static struct err *leaf_make(
    const char *cert, const char *key, const struct pair *ca, const struct tls_leaf *leaf)
{
    auto_pair p = {0};
    TRY(key_new(&p.key));
    TRY(leaf_sign(&p, ca, leaf));
    TRY(key_write(key, p.key));
    return cert_write(cert, p.cert);
}

struct err *tls_leaf_ensure(
    const char *ca_cert, const char *ca_key, const struct tls_leaf *leaf, const char *cert, const char *key)
{
    auto_pair ca = {0};
    TRY_WRAP(pair_load(ca_cert, ca_key, &ca), "certificate authority");
    if (leaf_is_good(cert, key, &ca, leaf))
        return NULL;
    return err_wrap(leaf_make(cert, key, &ca, leaf), "certificate %s", cert);
}
