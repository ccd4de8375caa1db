/* Device rules and seccomp profiles: what the kernel would decide, by small interpreters of our own for the
 * two kinds of programs. */
#include "lib/mem.h"
#include "runtime/device_rules.h"
#include "runtime/filter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static void refused(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(err_message(e), text))
        fail_msg("\"%s\" is not in \"%s\"", text, err_message(e));
    assert_int_equal(err_kind(e), kind);
    err_free(e);
}

/* --- devices */

static struct err *table(const char *rules, struct device_table *t)
{
    struct oci_resources r;
    const char *text = arena_printf(a, "{\"devices\":%s}", rules);
    assert_null(fields_parse(&oci_resources_fields, a, text, strlen(text), &r));
    return device_rules_table(a, &r, t);
}

/* Only what our programs are made of; anything else is a failure, as is running off the end. */
static int ebpf_run(const struct bpf_insn *p, size_t n, const uint32_t ctx[3])
{
    uint64_t r[11] = {0};
    for (size_t pc = 0; pc < n; pc++) {
        const struct bpf_insn *i = &p[pc];
        uint64_t imm = (uint64_t)(int64_t)i->imm;
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            r[i->dst_reg] = ctx[i->off / 4];
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            r[i->dst_reg] = (uint32_t)(r[i->dst_reg] & imm);
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            r[i->dst_reg] = (uint32_t)r[i->dst_reg] >> imm;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            r[i->dst_reg] = (uint32_t)r[i->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            r[i->dst_reg] = imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            pc += r[i->dst_reg] != imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += r[i->dst_reg] == imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
            pc += (uint32_t)r[i->dst_reg] != (uint32_t)imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int)r[0];
        default:
            fail_msg("instruction %02x", i->code);
        }
    }
    fail_msg("ran off the end");
    return -1;
}

static bool may(const struct device_table *t, char type, uint32_t major, uint32_t minor, unsigned access)
{
    size_t n;
    struct bpf_insn *p = device_rules_ebpf(a, t, &n);
    uint32_t ctx[3] = {access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major, minor};
    return ebpf_run(p, n, ctx);
}

static void test_devices_denied_by_default(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[]", "[{\"allow\":false,\"access\":\"rwm\"}]", "[{\"allow\":false,\"type\":\"a\"}]"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct device_table t;
        assert_null(table(lists[i], &t));
        assert_false(t.allow);
        assert_true(may(&t, 'c', 1, 3, DEVICE_READ | DEVICE_WRITE));
        assert_true(may(&t, 'c', 136, 77, DEVICE_READ | DEVICE_WRITE));
        assert_true(may(&t, 'b', 8, 0, DEVICE_MKNOD));
        assert_false(may(&t, 'b', 8, 0, DEVICE_READ));
        assert_false(may(&t, 'b', 1, 3, DEVICE_READ));
        assert_false(may(&t, 'c', 1, 1, DEVICE_READ));
        assert_false(may(&t, 'c', 10, 200, DEVICE_WRITE));
    }
}

static void test_devices_exceptions(void **state)
{
    (void)state;
    struct device_table t;
    assert_null(table(
        "[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"r\"},"
        "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"w\"},"
        "{\"allow\":true,\"type\":\"b\",\"major\":7}]",
        &t));
    assert_true(may(&t, 'c', 10, 200, DEVICE_READ | DEVICE_WRITE));
    assert_true(may(&t, 'b', 7, 9, DEVICE_ALL));
    assert_false(may(&t, 'c', 10, 201, DEVICE_READ));
    struct str_list v1 = device_rules_v1(a, &t);
    assert_string_equal(v1.v[0], "da");
    assert_string_equal(v1.v[1], "ac 10:200 rw");
    assert_string_equal(v1.v[2], "ab 7:* rwm");
    /* allow all but one */
    assert_null(table("[{\"allow\":true,\"type\":\"a\"},{\"allow\":false,\"type\":\"b\",\"major\":8,"
                      "\"minor\":0,\"access\":\"w\"}]",
        &t));
    assert_true(t.allow);
    assert_false(may(&t, 'b', 8, 0, DEVICE_READ | DEVICE_WRITE));
    assert_true(may(&t, 'b', 8, 0, DEVICE_READ));
    assert_true(may(&t, 'c', 200, 1, DEVICE_ALL));
    v1 = device_rules_v1(a, &t);
    assert_string_equal(v1.v[0], "aa");
    assert_string_equal(v1.v[1], "db 8:0 w");
    /* said again */
    assert_null(table("[{\"allow\":true,\"type\":\"c\",\"major\":9,\"minor\":9,\"access\":\"rw\"},{\"allow\":"
                      "false,\"type\":\"c\",\"major\":9,\"access\":\"w\"}]",
        &t));
    assert_true(may(&t, 'c', 9, 9, DEVICE_READ));
    assert_false(may(&t, 'c', 9, 9, DEVICE_WRITE));
    refused(table("[{\"allow\":true,\"type\":\"c\",\"major\":9},{\"allow\":false,\"type\":\"c\",\"major\":9,"
                  "\"minor\":1}]",
                &t),
        ERR_UNSUPPORTED, "linux.resources.devices[1]");
}

/* --- seccomp */

static struct err *compile(const char *profile, struct process_filter *f)
{
    struct oci_seccomp s;
    TRY(fields_parse(&oci_seccomp_fields, a, profile, strlen(profile), &s));
    return filter_compile(a, &s, f);
}

/* Classic BPF over struct seccomp_data: what libseccomp emits. */
static uint32_t bpf_run(const struct process_filter *f, const struct seccomp_data *d)
{
    uint32_t acc = 0, word;
    for (size_t pc = 0; pc < f->n; pc++) {
        const struct sock_filter *i = &f->v[pc];
        bool taken;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&word, (const char *)d + i->k, sizeof(word));
            acc = word;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            acc &= i->k;
            continue;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            taken = acc == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            taken = acc > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            taken = acc >= i->k;
            break;
        default:
            fail_msg("instruction %02x", i->code);
            return 0;
        }
        pc += taken ? i->jt : i->jf;
    }
    fail_msg("ran off the end");
    return 0;
}

static uint32_t verdict(const struct process_filter *f, int nr, uint64_t arg0, uint64_t arg1)
{
#if defined(__x86_64__)
    uint32_t arch = AUDIT_ARCH_X86_64;
#else
    uint32_t arch = AUDIT_ARCH_AARCH64;
#endif
    struct seccomp_data d = {.nr = nr, .arch = arch, .args = {arg0, arg1}};
    return bpf_run(f, &d);
}

static void test_seccomp_verdicts(void **state)
{
    (void)state;
    struct process_filter f;
    assert_null(
        compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"flags\":[\"SECCOMP_FILTER_"
                "FLAG_LOG\"],\"syscalls\":["
                "{\"names\":[\"read\",\"write\",\"not_a_call\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
                "\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]},"
                "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
                "2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
                "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]}",
            &f));
    assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_LOG);
    assert_int_equal(verdict(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, SYS_mount, 0, 0), SECCOMP_RET_ERRNO | 38);
    assert_int_equal(verdict(&f, SYS_kill, 0, 0), SECCOMP_RET_ERRNO | 1);
    assert_int_equal(verdict(&f, SYS_socket, 1, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, SYS_socket, 2, 0), SECCOMP_RET_ALLOW); /* one argument twice: either */
    assert_int_equal(verdict(&f, SYS_socket, 38, 0), SECCOMP_RET_ERRNO | 38);
    assert_int_equal(verdict(&f, SYS_clone, 0x11, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, SYS_clone, 0x10000000, 0), SECCOMP_RET_ERRNO | 38);
}

static void test_seccomp_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"defaultAction\":\"ALLOW\"}", "unknown action \"ALLOW\""},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "errnoRet"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}", "architectures[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", "flags[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"X\"}]}",
            "syscalls[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_"
         "KILL\",\"args\":[{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
            "value"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_"
         "KILL\",\"args\":[{\"index\":9,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
            "index"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct process_filter f;
        refused(compile(cases[i][0], &f), ERR_INVALID, cases[i][1]);
    }
}

static void test_seccomp_cache(void **state)
{
    (void)state;
    char dir[] = "/tmp/wherry-filter.XXXXXX";
    assert_non_null(mkdtemp(dir));
    auto_close root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *text = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],"
                       "\"action\":\"SCMP_ACT_ERRNO\"}]}";
    const struct json *j;
    struct process_filter one, two;
    assert_null(json_parse(a, text, strlen(text), NULL, &j));
    assert_null(filter_get(root, a, j, &one));
    assert_null(filter_get(root, a, j, &two));
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.v, two.v, one.n * sizeof(*one.v));
    assert_int_equal(system(arena_printf(
                         a, "test $(ls -A %s/.seccomp | wc -l) = 1 && printf x >> %s/.seccomp/*", dir, dir)),
        0);
    assert_null(filter_get(root, a, j, &two)); /* not the one on disk */
    assert_memory_equal(one.v, two.v, one.n * sizeof(*one.v));
    assert_int_equal(system(arena_printf(a, "rm -r %s", dir)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_denied_by_default),
        cmocka_unit_test(test_devices_exceptions),
        cmocka_unit_test(test_seccomp_verdicts),
        cmocka_unit_test(test_seccomp_refused),
        cmocka_unit_test(test_seccomp_cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
