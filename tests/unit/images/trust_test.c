/* images: challenges, URLs, who may be asked and told what; docker's config.json. */
#include "images/challenge.h"
#include "images/credentials.h"
#include "tests/unit/test.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static void challenges(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct challenge c =
        challenge_parse(a, "Bearer "
                           "realm=\"https://auth.docker.io/"
                           "token\",service=\"registry.docker.io\",scope=\"repository:x:pull,push\"");
    assert_int_equal(c.kind, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "https://auth.docker.io/token");
    assert_string_equal(c.service, "registry.docker.io");
    assert_string_equal(c.scope, "repository:x:pull,push");
    c = challenge_parse(a, "Basic realm=\"a, \\\"b\\\"\", bearer Realm=x , Service = y");
    assert_int_equal(c.kind, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "x");
    assert_string_equal(c.service, "y");
    assert_int_equal(challenge_parse(a, "Basic realm=\"r\"").kind, CHALLENGE_BASIC);
    static const char *const none[] = {
        "", ",,,", "Bearer", "Bearer realm", "Negotiate", "Bearer service=x", "= =", "\""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(challenge_parse(a, none[i]).kind, CHALLENGE_NONE);
}

static void urls(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct url u, v;
    assert_ok(url_parse(a, "https://h.example:8443/x?y", &u));
    assert_string_equal(u.host, "h.example");
    assert_int_equal(u.port, 8443);
    assert_ok(url_parse(a, "HTTPS://H.example:8443", &v));
    assert_true(url_same_origin(&u, &v));
    assert_ok(url_parse(a, "https://h.example", &v));
    assert_int_equal(v.port, 443);
    assert_false(url_same_origin(&u, &v));
    assert_ok(url_parse(a, "http://[::1]:80/", &u));
    assert_string_equal(u.host, "[::1]");
    static const char *const bad[] = {"", "x", "://h", "https://", "https:///x", "https://u:p@h/",
        "https://h:0/", "https://h:70000", "https://h:1x/", "https://h /", "https://h\\x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(url_parse(a, bad[i], &u), ERR_INVALID, NULL);
}

static void realms(void **state)
{
    (void)state;
    const struct url tls = {"https", "r", 443}, plain = {"http", "r", 80}, file = {"file", "r", 0};
    assert_ok(challenge_check_realm(&tls, &tls));
    assert_ok(challenge_check_realm(&plain, &plain));
    assert_error(challenge_check_realm(&tls, &plain), ERR_DENIED, NULL);
    assert_error(challenge_check_realm(&plain, &file), ERR_DENIED, NULL);
    static const struct {
        const char *registry, *realm;
        bool may;
    } cases[] = {
        {"registry-1.docker.io", "auth.docker.io", true},
        {"ghcr.io", "ghcr.io", true},
        {"registry.gitlab.com", "gitlab.com", true},
        {"registry.gitlab.com", "gitlab.com.evil.example", false},
        {"r.example.co.uk", "auth.example.co.uk", true},
        {"r.example.co.uk", "auth.evil.co.uk", false},
        {"example.com", "xample.com", false},
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "11.0.0.1", false},
        {"localhost", "127.0.0.1", false},
        {"com", "evil.com", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(challenge_may_have_password(cases[i].registry, cases[i].realm), cases[i].may);
}

static bool private4(const char *text)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &sa.sin_addr);
    return address_is_private_to_host((struct sockaddr *)&sa);
}

static bool private6(const char *text)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, text, &sa.sin6_addr);
    return address_is_private_to_host((struct sockaddr *)&sa);
}

static void addresses(void **state)
{
    (void)state;
    assert_true(
        private4("127.0.0.1") && private4("127.9.9.9") && private4("169.254.169.254") && private4("0.0.0.0"));
    assert_true(
        private6("::1") && private6("fe80::1") && private6("::") && private6("::ffff:169.254.169.254"));
    assert_false(private4("10.0.0.1") || private4("192.0.2.1") || private6("2001:db8::1"));
    assert_true(host_is_local("localhost") && host_is_local("localhost:5000") &&
                host_is_local("127.1.2.3:5") && host_is_local("[::1]:5000"));
    assert_false(host_is_local("localhost.evil.example") || host_is_local("127.evil.example") ||
                 host_is_local("127x"));
}

static struct credentials find(struct arena *a, const char *ref, const char *text)
{
    struct reference r;
    struct credentials c;
    assert_ok(reference_parse(a, ref, &r));
    assert_ok(credentials_find(a, text, strlen(text), &r, &c));
    return c;
}

static void logins(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const char *t =
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTpiOmM=\"},"
        "\"reg:5000\":{\"username\":\"u\",\"password\":\"p\"},\"reg:5000/team\":{\"identitytoken\":\"i\"},"
        "\"empty.io\":{}},\"credsStore\":\"x\"}";
    struct credentials c = find(a, "busybox", t);
    assert_string_equal(c.username, "a");
    assert_string_equal(c.password, "b:c");
    assert_string_equal(find(a, "reg:5000/x", t).username, "u");
    assert_string_equal(find(a, "reg:5000/team/x", t).identity_token, "i");
    assert_string_equal(find(a, "reg:5000/teams/x", t).username, "u");
    assert_null(find(a, "reg:5001/x", t).username);
    assert_null(find(a, "empty.io/x", t).username);
    struct reference r;
    assert_ok(reference_parse(a, "busybox", &r));
    const char *bad = "{\"auths\":{\"docker.io\":{\"auth\":\"YQ==\"}}}";
    assert_error(credentials_find(a, bad, strlen(bad), &r, &c), ERR_INVALID, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges),
        cmocka_unit_test(urls),
        cmocka_unit_test(realms),
        cmocka_unit_test(addresses),
        cmocka_unit_test(logins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
