/* Certificates: what is made, what is kept, what is made again; SHA-256 and base64 against known answers. */
#include "lib/file.h"
#include "tests/unit/lib/net_fixture.h"
#include <gnutls/x509.h>
#include <sys/stat.h>

struct dir {
    char path[64], ca[96], ca_key[96], cert[96], key[96];
};

static int set_up(void **state)
{
    struct dir *d = mem_new(struct dir);
    strcpy(d->path, "/tmp/wherry-test-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    snprintf(d->ca, sizeof d->ca, "%s/ca.crt", d->path);
    snprintf(d->ca_key, sizeof d->ca_key, "%s/ca.key", d->path);
    snprintf(d->cert, sizeof d->cert, "%s/leaf.crt", d->path);
    snprintf(d->key, sizeof d->key, "%s/leaf.key", d->path);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct dir *d = *state;
    net_must(file_remove_tree(AT_FDCWD, d->path));
    free(d);
    return 0;
}

static char *read_all(const char *path)
{
    char *text;
    net_must(file_read(AT_FDCWD, path, 65536, &text, NULL));
    return text;
}

static gnutls_x509_crt_t load(const char *path)
{
    auto_free char *pem = read_all(path);
    gnutls_x509_crt_t c;
    gnutls_datum_t d = {(unsigned char *)pem, (unsigned)strlen(pem)};
    gnutls_x509_crt_init(&c);
    assert_int_equal(gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_PEM), 0);
    return c;
}

static struct tls_leaf leaf_of(const char *name)
{
    static const char *groups[] = {"system:nodes", "second"}, *dns[] = {"kubernetes", "*.example"},
                      *ips[] = {"10.96.0.1", "fd00::1"};
    return (struct tls_leaf){.subject = {name, {2, groups}},
        .dns_names = {2, dns},
        .ip_addresses = {2, ips},
        .server = true,
        .days = 90};
}

static void ensure(struct dir *d, const struct tls_leaf *leaf)
{
    net_must(tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650));
    net_must(tls_leaf_ensure(d->ca, d->ca_key, leaf, d->cert, d->key));
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void test_what_is_made(void **state)
{
    struct dir *d = *state;
    struct tls_leaf leaf = leaf_of("node-1");
    unsigned status = 1, usage = 0, ca_flag = 0;
    int path_length;
    ensure(d, &leaf);
    assert_int_equal(mode_of(d->key), 0600);
    assert_int_equal(mode_of(d->ca_key), 0600);
    gnutls_x509_crt_t ca = load(d->ca), c = load(d->cert);
    assert_int_equal(gnutls_x509_crt_verify(c, &ca, 1, 0, &status), 0);
    assert_int_equal(status, 0);
    assert_true(gnutls_x509_crt_check_hostname(c, "kubernetes"));
    assert_true(gnutls_x509_crt_check_hostname(c, "10.96.0.1"));
    assert_true(gnutls_x509_crt_check_hostname(c, "fd00::1"));
    assert_false(gnutls_x509_crt_check_hostname(c, "10.96.0.2"));
    assert_true(gnutls_x509_crt_get_basic_constraints(ca, NULL, &ca_flag, &path_length) >= 0 && ca_flag);
    assert_int_equal(gnutls_x509_crt_get_key_usage(ca, &usage, NULL), 0);
    assert_true(usage & GNUTLS_KEY_KEY_CERT_SIGN);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(c, NULL), GNUTLS_PK_ECDSA);
    char dn[256];
    size_t n = sizeof dn;
    gnutls_x509_crt_get_dn(c, dn, &n);
    assert_string_equal(dn, "O=system:nodes,O=second,CN=node-1");
    gnutls_x509_crt_deinit(c);
    gnutls_x509_crt_deinit(ca);
}

static void test_good_pair_is_kept(void **state)
{
    struct dir *d = *state;
    struct tls_leaf leaf = leaf_of("node-1");
    ensure(d, &leaf);
    auto_free char *ca = read_all(d->ca), *cert = read_all(d->cert), *key = read_all(d->key);
    ensure(d, &leaf);
    auto_free char *ca2 = read_all(d->ca), *cert2 = read_all(d->cert), *key2 = read_all(d->key);
    assert_string_equal(ca, ca2);
    assert_string_equal(cert, cert2);
    assert_string_equal(key, key2);
}

static void spoil_name(struct dir *d, struct tls_leaf *l)
{
    (void)d;
    l->subject.common_name = "node-2";
}

static void spoil_groups(struct dir *d, struct tls_leaf *l)
{
    (void)d;
    l->subject.organizations.n = 1;
}

static void spoil_addresses(struct dir *d, struct tls_leaf *l)
{
    static const char *other[] = {"10.96.0.1", "10.0.0.9"};
    (void)d;
    l->ip_addresses.v = other;
}

static void spoil_purpose(struct dir *d, struct tls_leaf *l)
{
    (void)d;
    l->client = true;
}

static void spoil_cert(struct dir *d, struct tls_leaf *l)
{
    (void)l;
    net_must(file_write_atomic(AT_FDCWD, d->cert, "garbage", 7, 0644, FILE_NO_FSYNC));
}

static void spoil_key(struct dir *d, struct tls_leaf *l)
{
    (void)l;
    unlink(d->key);
}

/* A pair of another CA: as if pki/ca.* had been replaced. */
static void spoil_ca(struct dir *d, struct tls_leaf *l)
{
    (void)l;
    unlink(d->ca);
    unlink(d->ca_key);
    net_must(tls_ca_ensure(d->ca, d->ca_key, "another", 3650));
}

/* Its key is there, and not of this certificate: the write was cut off between the two. */
static void spoil_match(struct dir *d, struct tls_leaf *l)
{
    (void)l;
    assert_int_equal(rename(d->ca_key, d->key), 0);
    unlink(d->ca);
    net_must(tls_ca_ensure(d->ca, d->ca_key, "another", 3650));
}

static void test_bad_pair_is_made_again(void **state)
{
    static void (*const SPOIL[])(struct dir *, struct tls_leaf *) = {spoil_name, spoil_groups,
        spoil_addresses, spoil_purpose, spoil_cert, spoil_key, spoil_ca, spoil_match};
    struct dir *d = *state;
    for (size_t i = 0; i < ARRAY_SIZE(SPOIL); i++) {
        struct tls_leaf leaf = leaf_of("node-1");
        ensure(d, &leaf);
        auto_free char *before = read_all(d->cert);
        SPOIL[i](d, &leaf);
        ensure(d, &leaf);
        auto_free char *after = read_all(d->cert), *again = NULL;
        assert_string_not_equal(before, after);
        ensure(d, &leaf);
        again = read_all(d->cert);
        assert_string_equal(after, again);
    }
}

static void test_broken_ca_is_an_error(void **state)
{
    struct dir *d = *state;
    net_must(tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650));
    unlink(d->ca_key);
    struct err *e = tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650);
    assert_int_equal(err_kind(e), ERR_INVALID);
    assert_non_null(strstr(err_message(e), d->ca_key));
    err_free(e);
    net_must(file_write_atomic(AT_FDCWD, d->ca_key, "x", 1, 0600, FILE_NO_FSYNC));
    e = tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_free(e);
}

/* Killed after the key, before the certificate. */
static void test_ca_goes_on_with_its_key(void **state)
{
    struct dir *d = *state;
    net_must(tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650));
    auto_free char *key = read_all(d->ca_key), *key2 = NULL;
    unlink(d->ca);
    net_must(tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650));
    key2 = read_all(d->ca_key);
    assert_string_equal(key, key2);
}

static void test_bad_address(void **state)
{
    struct dir *d = *state;
    struct tls_leaf leaf = leaf_of("node-1");
    leaf.ip_addresses.v = (const char *[]){"10.0.0.300", "::1"};
    net_must(tls_ca_ensure(d->ca, d->ca_key, "test-ca", 3650));
    struct err *e = tls_leaf_ensure(d->ca, d->ca_key, &leaf, d->cert, d->key);
    assert_int_equal(err_kind(e), ERR_INVALID);
    assert_non_null(strstr(err_message(e), "10.0.0.300"));
    err_free(e);
}

static void test_sha256(void **state)
{
    char hex[65];
    (void)state;
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct sha256 *h = sha256_new();
    sha256_add(h, "a", 1);
    sha256_add(h, "bc", 2);
    sha256_end_hex(h, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_base64(void **state)
{
    static const char *const PAIRS[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(PAIRS); i++) {
        auto_buf text = BUF_INIT(100), data = BUF_INIT(100);
        base64_encode(PAIRS[i][0], strlen(PAIRS[i][0]), &text);
        assert_string_equal(buf_str(&text), PAIRS[i][1]);
        net_must(base64_decode(PAIRS[i][1], &data));
        assert_string_equal(buf_str(&data), PAIRS[i][0]);
    }
    static const char *const BAD[] = {
        "Z", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9-", "Zh==", "Zm 9v", "Z=g="};
    for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
        auto_buf data = BUF_INIT(100);
        struct err *e = base64_decode(BAD[i], &data);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_free(e);
    }
    auto_buf wrapped = BUF_INIT(100);
    net_must(base64_decode("Zm9v\r\nYg==\n", &wrapped));
    assert_string_equal(buf_str(&wrapped), "foob");
    auto_buf small = BUF_INIT(2);
    struct err *e = base64_decode("Zm9v", &small);
    assert_int_equal(err_kind(e), ERR_LIMIT);
    err_free(e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_made),
        TEST(test_good_pair_is_kept),
        TEST(test_bad_pair_is_made_again),
        TEST(test_broken_ca_is_an_error),
        TEST(test_ca_goes_on_with_its_key),
        TEST(test_bad_address),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
