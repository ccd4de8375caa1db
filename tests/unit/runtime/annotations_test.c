/* Annotations that become fields of config.json, or change a plan. */
#include "lib/mem.h"
#include "runtime/annotations.h"
#include "runtime/tree/mounts.h"
#include "tests/unit/runtime/arena.h"
#include <string.h>

static struct err *apply(const char *annotations, const char *linux_, struct oci_config **ret)
{
    const char *text = arena_printf(
        a, "{\"ociVersion\":\"1.2.0\",\"annotations\":{%s},\"linux\":{%s}}", annotations, linux_);
    struct oci_config *c = *ret = arena_new_obj(a, struct oci_config);
    TRY(fields_parse(&oci_config_fields, a, text, strlen(text), c));
    return annotations_apply(a, c);
}

static void test_time_offset(void **state)
{
    (void)state;
    struct oci_config *c;
    assert_ok(apply("\"run.oci.timens_offset\":\"monotonic 86400 5\"",
        "\"timeOffsets\":{\"boottime\":{\"secs\":9}}", &c));
    assert_int_equal(c->linux_->time_offsets->monotonic->secs.v, 86400);
    assert_int_equal(c->linux_->time_offsets->monotonic->nanosecs.v, 5);
    assert_int_equal(c->linux_->time_offsets->boottime->secs.v, 9);
    assert_ok(apply("\"run.oci.timens_offset\":\"7 -60 0\\n\"", "", &c));
    assert_int_equal(c->linux_->time_offsets->boottime->secs.v, -60);
    assert_null(c->linux_->time_offsets->monotonic);
    static const char *const bad[] = {
        "", "1", "1 2", "1 2 3 4", "realtime 1 2", "a-clock-with-a-long-name 1 2", "1 x 2"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        refused(apply(arena_printf(a, "\"run.oci.timens_offset\":\"%s\"", bad[i]), "", &c), ERR_INVALID,
            "annotations: run.oci.timens_offset: ");
}

static void test_receiver(void **state)
{
    (void)state;
    struct oci_config *c;
    assert_ok(apply("\"run.oci.seccomp.receiver\":\"/a\"",
        "\"seccomp\":{\"listenerPath\":\"/b\",\"listenerMetadata\":\"m\"}", &c));
    assert_string_equal(json_str(json_get(c->linux_->seccomp, "listenerPath")), "/a");
    assert_string_equal(json_str(json_get(c->linux_->seccomp, "listenerMetadata")), "m");
    assert_ok(apply("\"run.oci.seccomp.receiver\":\"/a\"", "", &c));
    assert_null(c->linux_->seccomp);
    refused(apply("\"run.oci.seccomp.receiver\":\"a\"", "", &c), ERR_INVALID,
        "annotations: run.oci.seccomp.receiver: \"a\": must be an absolute path");
}

#define PROFILE(names)                                                                                       \
    "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"                 \
    "\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[" names "],\"action\":\"SCMP_ACT_ALLOW\"}]}"

static void test_unknown_syscall(void **state)
{
    (void)state;
    struct oci_config *c;
    assert_ok(apply("", PROFILE("\"nonsense\""), &c));
    assert_ok(apply("\"run.oci.seccomp_fail_unknown_syscall\":\"1\"", PROFILE("\"write\",\"ipc\""),
        &c)); /* ipc: of others */
    assert_ok(apply("\"run.oci.seccomp_fail_unknown_syscall\":\"1\"", "", &c));
    refused(apply("\"run.oci.seccomp_fail_unknown_syscall\":\"1\"", PROFILE("\"write\",\"nonsense\""), &c),
        ERR_INVALID, "linux.seccomp.syscalls[1]: unknown system call \"nonsense\"");
}

static void test_context_type(void **state)
{
    (void)state;
    static const char mounts[] =
        "\"mounts\":[{\"destination\":\"/t\",\"type\":\"tmpfs\"}],\"linux\":{\"mountLabel\":\"u:o:f:s0\"}";
    static const char *const cases[][2] = {
        {"", "context"}, {"\"run.oci.mount_context_type\":\"rootcontext\"", "rootcontext"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_config c;
        struct mount_list l;
        const char *text =
            arena_printf(a, "{\"ociVersion\":\"1.2.0\",\"annotations\":{%s},%s}", cases[i][0], mounts);
        assert_ok(fields_parse(&oci_config_fields, a, text, strlen(text), &c));
        assert_ok(annotations_apply(a, &c));
        assert_ok(mounts_plan(a, &c, "/b", &l));
        assert_int_equal(l.v[0].n_params, 1);
        assert_string_equal(l.v[0].params[0].key, cases[i][1]);
        assert_string_equal(l.v[0].params[0].value, "u:o:f:s0");
    }
    struct oci_config *c;
    refused(apply("\"run.oci.mount_context_type\":\"size\"", "", &c), ERR_INVALID,
        "annotations: run.oci.mount_context_type: \"size\": must be context");
}

static void test_keep_groups(void **state)
{
    (void)state;
    struct oci_config *c;
    assert_ok(apply("\"run.oci.keep_original_groups\":\"1\"", "", &c));
    assert_true(annotations_keep_groups(&c->annotations));
    assert_ok(apply("\"run.oci.keep_original_groups\":\"0\"", "", &c));
    assert_false(annotations_keep_groups(&c->annotations));
    assert_ok(apply("", "", &c));
    assert_false(annotations_keep_groups(&c->annotations));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_time_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receiver, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_syscall, setup, teardown),
        cmocka_unit_test_setup_teardown(test_context_type, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keep_groups, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
