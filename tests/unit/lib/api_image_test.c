/* lib/api/image: references, tables, pins. */
#include "lib/api/image.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void normalises(void **state)
{
    (void)state;
    static const struct {
        const char *ref, *full;
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"busybox:1.35", "docker.io/library/busybox:1.35"},
        {"library/busybox", "docker.io/library/busybox:latest"},
        {"grafana/grafana:9", "docker.io/grafana/grafana:9"},
        {"docker.io/busybox", "docker.io/library/busybox:latest"},
        {"docker.io/a/b/c", "docker.io/a/b/c:latest"},
        {"index.docker.io/busybox", "docker.io/library/busybox:latest"},
        {"quay.io/a/b", "quay.io/a/b:latest"},
        {"quay.io/a", "quay.io/a:latest"},
        {"localhost/a", "localhost/a:latest"},
        {"localhost:5000/a/b:t", "localhost:5000/a/b:t"},
        {"localhost:5000", "docker.io/library/localhost:5000"},
        {"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"},
        {"[::1]:5000/x", "[::1]:5000/x:latest"},
        {"REGISTRY/x", "REGISTRY/x:latest"},
        {"registry/x", "docker.io/registry/x:latest"},
        {"a__b/c-d--e.f", "docker.io/a__b/c-d--e.f:latest"},
        {"x:_T.g-1", "docker.io/library/x:_T.g-1"},
        {"x@sha256:" HEX64, "docker.io/library/x@sha256:" HEX64},
        {"x:1@sha256:" HEX64, "docker.io/library/x:1@sha256:" HEX64},
        {"r.io:80/x:1@sha256:" HEX64, "r.io:80/x:1@sha256:" HEX64},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        const char *full = NULL, *again = NULL;
        assert_ok(image_ref_normalise(a, cases[i].ref, &full));
        assert_string_equal(full, cases[i].full);
        assert_ok(image_ref_normalise(a, full, &again));
        assert_string_equal(again, full);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *ref, *message;
    } cases[] = {
        {"", "image \"\": the reference is empty"},
        {" busybox", "image \" busybox\": a reference has no white space"},
        {"busy box", "image \"busy box\": a reference has no white space"},
        {"Busybox", "image \"Busybox\": the repository \"library/Busybox\" must be lower case"},
        {"a/B", "image \"a/B\": the repository \"a/B\" must be lower case"},
        {"a//b", "image \"a//b\": \"\" is no name of a repository"},
        {"a/b/", "image \"a/b/\": \"\" is no name of a repository"},
        {"/a", "image \"/a\": \"\" is no name of a repository"},
        {"-a", "image \"-a\": \"-a\" is no name of a repository"},
        {"a-", "image \"a-\": \"a-\" is no name of a repository"},
        {"a..b", "image \"a..b\": \"a..b\" is no name of a repository"},
        {"a___b", "image \"a___b\": \"a___b\" is no name of a repository"},
        {"a._b", "image \"a._b\": \"a._b\" is no name of a repository"},
        {"../etc/passwd", "image \"../etc/passwd\": \"..\" is no registry"},
        {"a/../b", "image \"a/../b\": \"..\" is no name of a repository"},
        {"a:", "image \"a:\": \"\" is no tag"},
        {"a:b:c", "image \"a:b:c\": \"a:b\" is no name of a repository"},
        {"a:.x", "image \"a:.x\": \".x\" is no tag"},
        {"a:x/y:z", NULL},
        {"a@", "image \"a@\": \"\" is no digest (sha256: and 64 hex digits)"},
        {"a@sha256:12", "image \"a@sha256:12\": \"sha256:12\" is no digest (sha256: and 64 hex digits)"},
        {"a@md5:" HEX64, NULL},
        {"a@sha256:" HEX64 "0", NULL},
        {"a:1@sha256:" HEX64 "@x", NULL},
        {HEX64, "image \"" HEX64 "\": an id is no reference"},
        {"sha256:" HEX64, NULL},
        {"-x.io/a", "image \"-x.io/a\": \"-x.io\" is no registry"},
        {"x.io:/a", "image \"x.io:/a\": \"x.io:\" is no registry"},
        {"x.io:123456/a", "image \"x.io:123456/a\": \"x.io:123456\" is no registry"},
        {"[::1/a", NULL},
        {"a\nb", "image \"a\nb\": a reference has no white space"},
        {"a\x01", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (!strcmp(cases[i].ref, "sha256:" HEX64))
            continue; /* a repository "sha256" with a tag of 64 digits: docker takes it too */
        auto_arena *a = arena_new();
        const char *full;
        assert_error(image_ref_normalise(a, cases[i].ref, &full), ERR_INVALID, cases[i].message);
    }
}

static void lengths(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    char name[300], ref[500];
    const char *full;
    memset(name, 'a', sizeof(name));
    snprintf(ref, sizeof(ref), "x.io/%.250s", name);
    assert_ok(image_ref_normalise(a, ref, &full));
    snprintf(ref, sizeof(ref), "x.io/%.251s", name);
    assert_error(image_ref_normalise(a, ref, &full), ERR_INVALID, NULL);
    snprintf(ref, sizeof(ref), "x:%.128s", name);
    assert_ok(image_ref_normalise(a, ref, &full));
    snprintf(ref, sizeof(ref), "x:%.129s", name);
    assert_error(image_ref_normalise(a, ref, &full), ERR_INVALID, NULL);
}

static void table(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\":\"sha256:1\",\"refs\":[\"docker.io/library/a:1\"],\"layers\":[\"/l/1\",\"/l/2\"],\"size\":5,"
        "\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1:2\",\"WorkingDir\":\"/w\","
        "\"Env\":[\"A=b\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],\"Volumes\":{\"/v\":{}}}}";
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(1000);
    struct json_out o = {&b};
    struct image i;
    assert_ok(fields_parse(&image_fields, a, text, strlen(text), &i));
    assert_string_equal(i.config->user, "1:2");
    assert_string_equal(i.layers.v[1], "/l/2");
    fields_encode(&image_fields, &i, &o, NULL);
    assert_string_equal(buf_str(&b), text);
    assert_error(fields_parse(&image_fields, a, "{}", 2, &i), ERR_INVALID, "id: required");
}

static void pins(void **state)
{
    (void)state;
    char dir[] = "/tmp/wherry-pins.XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_ok(image_pin(dir, "uid_c.1", "sha256:" HEX64));
    assert_ok(image_pin(dir, "uid_c.1", "sha256:" HEX64));
    auto_free char *path = mem_printf("%s/pins/uid_c.1", dir), *text = NULL;
    assert_ok(file_read(AT_FDCWD, path, 100, &text, NULL));
    assert_string_equal(text, "sha256:" HEX64);
    static const char *const bad[] = {"", ".", "..", ".x", "a/b", "../x", "a b"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_error(image_pin(dir, bad[i], "sha256:" HEX64), ERR_INVALID, NULL);
        assert_error(image_unpin(dir, bad[i]), ERR_INVALID, NULL);
    }
    assert_error(image_pin(dir, "x", "busybox"), ERR_INVALID, "pin x: \"busybox\" is no image id");
    assert_ok(image_unpin(dir, "uid_c.1"));
    assert_ok(image_unpin(dir, "uid_c.1"));
    assert_false(file_exists(AT_FDCWD, path));
    assert_ok(file_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises),
        cmocka_unit_test(refuses),
        cmocka_unit_test(lengths),
        cmocka_unit_test(table),
        cmocka_unit_test(pins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
