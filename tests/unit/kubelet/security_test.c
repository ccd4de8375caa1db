/* kubelet/caps, seccomp_default, container_spec: what a container may, and what the kernel takes first. */
#include "kubelet/container_spec.h"
#include "kubelet/seccomp_default.h"
#include "lib/api/oci.h"
#include "tests/unit/test.h"

static bool has(const struct str_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->v[i], name))
            return true;
    return false;
}

static void caps_of(struct arena *a, const char *sc, struct str_list *ret)
{
    struct security_context *x = arena_new_obj(a, struct security_context);
    assert_ok(fields_parse(&security_context_fields, a, sc, strlen(sc), x));
    container_spec_caps(a, x, ret);
}

static void capabilities_of_a_container(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct str_list l;
    container_spec_caps(a, NULL, &l);
    assert_int_equal(l.n, 14);
    assert_true(has(&l, "CAP_NET_RAW") && !has(&l, "CAP_SYS_ADMIN"));
    caps_of(a, "{\"capabilities\":{\"add\":[\"net_admin\",\"nonsense\"],\"drop\":[\"KILL\"]}}", &l);
    assert_int_equal(l.n, 14);
    assert_true(has(&l, "CAP_NET_ADMIN") && !has(&l, "CAP_KILL"));
    caps_of(a, "{\"capabilities\":{\"drop\":[\"ALL\"]}}", &l);
    assert_int_equal(l.n, 0);
    caps_of(a, "{\"capabilities\":{\"add\":[\"NET_BIND_SERVICE\"],\"drop\":[\"ALL\"]}}", &l);
    assert_int_equal(l.n, 1);
    caps_of(a, "{\"capabilities\":{\"add\":[\"CAP_NET_ADMIN\"]}}", &l); /* with the prefix it is no name */
    assert_int_equal(l.n, 14);
}

/* The action for a call: of the rule without arguments, else "args", else the default. */
static const char *verdict(const struct oci_seccomp *s, const char *name)
{
    const char *found = s->default_action;
    for (size_t i = 0; i < s->syscalls.n; i++)
        if (has(&s->syscalls.v[i].names, name))
            found = s->syscalls.v[i].args.n ? "args" : s->syscalls.v[i].action;
    return found;
}

static void profile(struct arena *a, const char *cap, struct oci_seccomp *s)
{
    const char *caps[] = {cap};
    const struct str_list l = {cap ? 1 : 0, caps};
    const struct json *j;
    assert_ok(seccomp_default(a, &l, &j));
    assert_ok(fields_decode(&oci_seccomp_fields, a, j, s));
}

static void the_default_profile(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct oci_seccomp s;
    static const char *const denied[] = {"bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key",
        "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_by_handle_at", "mount",
        "umount2", "setns", "unshare", "pivot_root", "init_module", "finit_module", "kexec_load", "reboot",
        "swapon", "ptrace_nonsense", "socketcall", "settimeofday", "iopl", "nfsservctl", "move_mount",
        "fsopen", "process_vm_writev", "chroot"};
    static const char *const allowed[] = {"read", "write", "openat2", "execve", "futex", "epoll_wait",
        "ptrace", "clock_gettime", "memfd_create", "landlock_create_ruleset", "rseq", "statx", "close_range"};
    profile(a, NULL, &s);
    assert_string_equal(s.default_action, "SCMP_ACT_ERRNO");
    for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
        if (strcmp(verdict(&s, denied[i]), "SCMP_ACT_ERRNO") != 0)
            print_error("%s\n", denied[i]);
        assert_string_equal(verdict(&s, denied[i]), "SCMP_ACT_ERRNO");
    }
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
        if (strcmp(verdict(&s, allowed[i]), "SCMP_ACT_ALLOW") != 0)
            print_error("%s\n", allowed[i]);
        assert_string_equal(verdict(&s, allowed[i]), "SCMP_ACT_ALLOW");
    }
    assert_string_equal(verdict(&s, "socket"), "args");
    assert_string_equal(verdict(&s, "clone"), "args");
    assert_string_equal(verdict(&s, "clone3"), "SCMP_ACT_ERRNO");
}

static void calls_come_with_capabilities(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct oci_seccomp s;
    profile(a, "CAP_SYS_ADMIN", &s);
    assert_string_equal(verdict(&s, "mount"), "SCMP_ACT_ALLOW");
    assert_string_equal(verdict(&s, "clone3"), "SCMP_ACT_ALLOW");
    profile(a, "CAP_SYS_CHROOT", &s);
    assert_string_equal(verdict(&s, "chroot"), "SCMP_ACT_ALLOW");
    assert_string_equal(verdict(&s, "mount"), "SCMP_ACT_ERRNO");
}

static void oom_scores(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    static const struct {
        const char *spec;
        int64_t score;
    } cases[] = {
        {"{\"containers\":[{\"name\":\"c\"}]}", 1000},
        {"{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"memory\":\"512Mi\"}}}]}", 500},
        {"{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1m\"}}}]}", 999},
        {"{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Mi\"}}}]}",
            -997},
        {"{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"memory\":\"2Gi\"}}}]}", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pod_spec s;
        assert_ok(fields_parse(&pod_spec_fields, a, cases[i].spec, strlen(cases[i].spec), &s));
        assert_int_equal(container_spec_oom_score(&s, &s.containers.v[0], 1 << 30), cases[i].score);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_of_a_container),
        cmocka_unit_test(the_default_profile),
        cmocka_unit_test(calls_come_with_capabilities),
        cmocka_unit_test(oom_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
