/* images: digests, references taken apart, manifests, configs, the choice of a platform. */
#include "images/digest.h"
#include "images/document.h"
#include "images/reference.h"
#include "tests/unit/test.h"

#define Z "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

static void digests(void **state)
{
    (void)state;
    char d[DIGEST_TEXT];
    assert_ok(digest_check("sha256:" Z));
    assert_error(digest_check(NULL), ERR_INVALID, "no digest");
    assert_error(digest_check("sha256:" Z "0"), ERR_INVALID, NULL);
    assert_error(digest_check("SHA256:" Z), ERR_INVALID, NULL);
    assert_error(digest_check("sha256:A" ONES), ERR_INVALID, NULL);
    assert_error(digest_check("sha512:" Z Z), ERR_UNSUPPORTED, NULL);
    digest_of("", 0, d);
    assert_string_equal(d, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_chain(NULL, "sha256:" Z, d);
    assert_string_equal(d, "sha256:" Z);
    digest_chain("sha256:" Z, "sha256:" ONES, d); /* printf 'sha256:00.. sha256:11..' | sha256sum */
    char again[DIGEST_TEXT];
    digest_of("sha256:" Z " sha256:" ONES, 2 * 71 + 1, again);
    assert_string_equal(d, again);
}

static void references(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct reference r;
    assert_ok(reference_parse(a, "busybox", &r));
    assert_string_equal(r.registry, "docker.io");
    assert_string_equal(r.repository, "library/busybox");
    assert_string_equal(r.tag, "latest");
    assert_null(r.digest);
    assert_ok(reference_parse(a, "localhost:5000/a/b:1@sha256:" Z, &r));
    assert_string_equal(r.registry, "localhost:5000");
    assert_string_equal(r.repository, "a/b");
    assert_string_equal(r.tag, "1");
    assert_string_equal(r.digest, "sha256:" Z);
    assert_string_equal(reference_tagged(a, &r), "localhost:5000/a/b:1");
    assert_string_equal(reference_by_digest(a, &r, r.digest), "localhost:5000/a/b@sha256:" Z);
    assert_ok(reference_parse(a, "a@sha256:" Z, &r));
    assert_null(r.tag);
    assert_null(reference_tagged(a, &r));
}

#define D(n) "{\"digest\":\"sha256:" Z "\",\"size\":" n "}"

static void manifests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type;
        enum err_kind kind;
        const char *message;
    } cases[] = {
        {"{\"layers\":[],\"manifests\":[]}", NULL, ERR_INVALID, NULL},
        {"{\"config\":" D("1") ",\"manifests\":[]}", NULL, ERR_INVALID, NULL},
        {"{}", NULL, ERR_INVALID, NULL},
        {"[]", NULL, ERR_INVALID, "not a JSON object"},
        {"{\"layers\":[]}", NULL, ERR_INVALID, "manifest: no config"},
        {"{\"config\":" D("9999999") ",\"layers\":[]}", NULL, ERR_LIMIT, NULL},
        {"{\"config\":" D("-1") ",\"layers\":[]}", NULL, ERR_INVALID, "...: no size"},
        {"{\"config\":" D("1") ",\"layers\":[" D("1") ",{\"size\":1}]}", NULL, ERR_INVALID,
            "layers[1]: no digest"},
        {"{\"config\":" D("1") ",\"layers\":[]}", MEDIA_OCI_INDEX "; charset=utf-8", ERR_INVALID, NULL},
        {"{\"manifests\":[]}", MEDIA_DOCKER_MANIFEST, ERR_INVALID, NULL},
        {"{\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"config\":" D("1") "}", NULL, ERR_INVALID, NULL},
        {"{\"schemaVersion\":1,\"config\":" D("1") "}", NULL, ERR_UNSUPPORTED, NULL},
        {"{\"fsLayers\":[]}", NULL, ERR_UNSUPPORTED, NULL},
        {"{\"layers\":[],\"layers\":[]}", NULL, ERR_INVALID, NULL},
        {"{\"config\":" D("1e400") "}", NULL, ERR_INVALID, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        auto_arena *a = arena_new();
        struct document d;
        assert_error(document_parse(a, cases[i].text, strlen(cases[i].text), cases[i].type, &d),
            cases[i].kind, cases[i].message);
    }
    auto_arena *a = arena_new();
    struct document d;
    const char *good = "{\"schemaVersion\":2,\"config\":" D("7") ",\"layers\":[" D("8") "]}";
    assert_ok(document_parse(a, good, strlen(good), "text/plain", &d));
    assert_int_equal(d.kind, DOCUMENT_MANIFEST);
    assert_int_equal(d.layers.v[0].size.v, 8);
}

static void platforms(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct document d;
#define P(os, arch, more)                                                                                    \
    "{\"digest\":\"sha256:" Z "\",\"size\":1,\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch       \
    "\"" more "}}"
    const char *text = "{\"manifests\":[" P("windows", "amd64", "") "," P("unknown", "unknown", "") "," P(
        "linux", "arm64", ",\"variant\":\"v9\"") "," P("linux", "arm64", ",\"variant\":\"v8\"") "]}";
    assert_ok(document_parse(a, text, strlen(text), NULL, &d));
    const struct platform amd = {"linux", "amd64", NULL}, arm = {"linux", "arm64", "v8"},
                          v7 = {"linux", "arm64", "v7"};
    assert_null(document_choose(&d.manifests, &amd));
    assert_ptr_equal(document_choose(&d.manifests, &arm), &d.manifests.v[3]);
    assert_ptr_equal(document_choose(&d.manifests, &v7), &d.manifests.v[2]);
    const char *bare = "{\"manifests\":[" D("1") "]}";
    assert_ok(document_parse(a, bare, strlen(bare), NULL, &d));
    assert_ptr_equal(document_choose(&d.manifests, &amd), d.manifests.v);
}

static void configs(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct image_document d;
    const char *good =
        "{\"os\":\"linux\",\"config\":{\"User\":\"1:2\",\"Cmd\":[\"x\"],\"Labels\":{\"a\":\"b\"}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" Z "\"]},\"other\":[[[]]]}";
    assert_ok(document_parse_config(a, good, strlen(good), &d));
    assert_string_equal(d.config->user, "1:2");
    assert_int_equal(d.diff_ids.n, 1);
    static const char *const bad[] = {
        "{}", "[]", "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", "{\"rootfs\":{\"diff_ids\":[1]}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(document_parse_config(a, bad[i], strlen(bad[i]), &d), ERR_INVALID, NULL);
    const char *type = "{\"rootfs\":{\"type\":\"zip\",\"diff_ids\":[]}}";
    assert_error(document_parse_config(a, type, strlen(type), &d), ERR_UNSUPPORTED, NULL);
}

static void own_manifest(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(4096);
    const char *ids[] = {"sha256:" Z, "sha256:" ONES};
    const struct str_list l = {2, ids};
    const int64_t sizes[] = {3, 4};
    struct document d;
    document_write_manifest(&b, "sha256:" Z, 5, &l, sizes);
    assert_ok(document_parse(a, buf_str(&b), b.len, MEDIA_OCI_MANIFEST, &d));
    assert_int_equal(d.config->size.v, 5);
    assert_string_equal(d.layers.v[1].digest, ids[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(references),
        cmocka_unit_test(manifests),
        cmocka_unit_test(platforms),
        cmocka_unit_test(configs),
        cmocka_unit_test(own_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
