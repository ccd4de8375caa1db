/* seccomp profiles: what the kernel would decide by the compiled program, and the cache of programs. */
#include "lib/mem.h"
#include "runtime/process/filter.h"
#include "runtime/process/filter_check.h"
#include "runtime/process/filter_search.h"
#include "tests/fuzz/runtime/programs.h"
#include "tests/unit/runtime/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err *compile(const char *profile, struct process_filter *f)
{
    struct oci_seccomp s;
    TRY(fields_parse(&oci_seccomp_fields, a, profile, strlen(profile), &s));
    return filter_compile(a, &s, f);
}

static struct process_filter compiled(const char *profile)
{
    struct process_filter f = {0};
    struct err *e = compile(profile, &f);
    if (e)
        fail_msg("%s", err_message(e));
    return f;
}

/* Numbers are x86_64's whatever we are built for: every profile here names that architecture. */
#define X64 "\"architectures\":[\"SCMP_ARCH_X86_64\"]"
enum {
    READ = 0,
    WRITE = 1,
    MPROTECT = 10,
    SOCKET = 41,
    CLONE = 56,
    KILL = 62,
    MOUNT = 165,
    OPENAT2 = 437,
    X32 = 1 << 30
};

static uint32_t on_arch(const struct process_filter *f, uint32_t arch, int nr, uint64_t arg0, uint64_t arg1)
{
    struct seccomp_data d = {.nr = nr, .arch = arch, .args = {arg0, arg1}};
    return seccomp_run(f->v, f->n, &d);
}

static uint32_t verdict(const struct process_filter *f, int nr, uint64_t arg0, uint64_t arg1)
{
    return on_arch(f, AUDIT_ARCH_X86_64, nr, arg0, arg1);
}

static void test_actions(void **state)
{
    (void)state;
    static const struct {
        const char *action;
        uint32_t verdict;
    } cases[] = {
        {"\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD},
        {"\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD},
        {"\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS},
        {"\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP},
        {"\"SCMP_ACT_ERRNO\"", SECCOMP_RET_ERRNO | EPERM},
        {"\"SCMP_ACT_ERRNO\",\"errnoRet\":0", SECCOMP_RET_ERRNO},
        {"\"SCMP_ACT_ERRNO\",\"errnoRet\":4094", SECCOMP_RET_ERRNO | 4094},
        {"\"SCMP_ACT_TRACE\"", SECCOMP_RET_TRACE | EPERM},
        {"\"SCMP_ACT_TRACE\",\"errnoRet\":7", SECCOMP_RET_TRACE | 7},
        {"\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG},
        {"\"SCMP_ACT_NOTIFY\"", SECCOMP_RET_USER_NOTIF},
        {"\"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct process_filter f = compiled(arena_printf(a,
            "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":99," X64
            ",\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"kill\",\"not_a_call\"],\"action\":%s}]}",
            cases[i].action));
        assert_int_equal(verdict(&f, KILL, 0, 0), cases[i].verdict);
        assert_int_equal(verdict(&f, CLONE, 0, 0), SECCOMP_RET_ERRNO | 99);
        assert_int_equal(filter_notifies(&f), cases[i].verdict == SECCOMP_RET_USER_NOTIF);
    }
}

static void test_operators(void **state)
{
    (void)state;
    const uint64_t big = UINT64_C(0x100000005);
    static const struct {
        const char *op;
        bool below, equal, above;
    } cases[] = {
        {"NE", true, false, true},
        {"LT", true, false, false},
        {"LE", true, true, false},
        {"EQ", false, true, false},
        {"GE", false, true, true},
        {"GT", false, false, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct process_filter f = compiled(arena_printf(a,
            "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," X64 ",\"syscalls\":[{\"names\":[\"kill\"],\"action\":"
            "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":1,\"value\":%llu,\"op\":\"SCMP_CMP_%s\"}]}]}",
            (unsigned long long)big, cases[i].op));
        const uint64_t values[] = {big - 1, big, big + 1, 5, big << 1};
        const bool hit[] = {cases[i].below, cases[i].equal, cases[i].above, cases[i].below, cases[i].above};
        for (size_t j = 0; j < ARRAY_SIZE(values); j++)
            assert_int_equal(
                verdict(&f, KILL, 0, values[j]), hit[j] ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    struct process_filter f = compiled(
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64 ",\"syscalls\":["
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
        "\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]},"
        "{\"names\":[\"mprotect\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
        "\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}]},"
        "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
        "2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}");
    const uint32_t denied = SECCOMP_RET_ERRNO | EPERM;
    assert_int_equal(verdict(&f, SOCKET, 1, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, SOCKET, 2, 0), SECCOMP_RET_ALLOW); /* one argument twice: either */
    assert_int_equal(verdict(&f, SOCKET, 38, 0), denied);
    assert_int_equal(verdict(&f, MPROTECT, 1, UINT64_MAX), SECCOMP_RET_ALLOW); /* two arguments: both */
    assert_int_equal(verdict(&f, MPROTECT, 1, 0), denied);
    assert_int_equal(verdict(&f, MPROTECT, 0, UINT64_MAX), denied);
    assert_int_equal(verdict(&f, CLONE, 0x11, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, CLONE, 0x10000000, 0), denied);
}

/* Above the largest number that the profile names, of each architecture. */
static void test_newer_calls(void **state)
{
    (void)state;
    const uint32_t denied = SECCOMP_RET_ERRNO | EPERM, newer = SECCOMP_RET_ERRNO | ENOSYS,
                   kill = SECCOMP_RET_KILL_THREAD;
#define RULES "\"syscalls\":[{\"names\":[\"kill\",\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"
    struct process_filter f = compiled("{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64 "," RULES);
    assert_int_equal(verdict(&f, KILL, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, CLONE, 0, 0), denied);
    assert_int_equal(verdict(&f, KILL + 1, 0, 0), newer);
    assert_int_equal(verdict(&f, OPENAT2, 0, 0), newer);
    assert_int_equal(verdict(&f, X32 | KILL, 0, 0), kill); /* x32 was not asked for */
    assert_int_equal(on_arch(&f, AUDIT_ARCH_I386, 400, 0, 0), kill);
    f = compiled(
        "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"architectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\","
        "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"]," RULES);
    assert_int_equal(on_arch(&f, AUDIT_ARCH_I386, 37, 0, 0), SECCOMP_RET_ALLOW); /* kill */
    assert_int_equal(on_arch(&f, AUDIT_ARCH_I386, 36, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(on_arch(&f, AUDIT_ARCH_I386, 38, 0, 0), newer);
    assert_int_equal(verdict(&f, X32 | KILL, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&f, X32 | (KILL - 1), 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(verdict(&f, X32 | (KILL + 1), 0, 0), newer);
    assert_int_equal(verdict(&f, KILL + 1, 0, 0), newer);
    assert_int_equal(on_arch(&f, AUDIT_ARCH_AARCH64, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
    static const char *const lenient[] = {"ALLOW", "LOG", "TRACE"};
    const uint32_t verdicts[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_TRACE | EPERM};
    for (size_t i = 0; i < ARRAY_SIZE(lenient); i++) {
        f = compiled(arena_printf(a,
            "{\"defaultAction\":\"SCMP_ACT_%s\"," X64
            ",\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_TRAP\"}]}",
            lenient[i]));
        assert_int_equal(verdict(&f, OPENAT2, 0, 0), verdicts[i]);
    }
    f = compiled("{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64 "}"); /* names nothing: nothing is newer */
    assert_int_equal(verdict(&f, OPENAT2, 0, 0), denied);
}

static void test_flags(void **state)
{
    (void)state;
    struct process_filter f =
        compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/"
                 "x\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\","
                 "\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\",\"SECCOMP_FILTER_FLAG_WAIT_"
                 "KILLABLE_RECV\"],"
                 "\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
    assert_int_equal(f.flags,
        SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER | 1 << 5);
}

/* Every architecture that `features` names, alone: its own bytes' order may be another than ours. */
static void test_architectures(void **state)
{
    (void)state;
    for (size_t i = 0; filter_arch_name(i); i++) {
        struct process_filter f;
        auto_err *e =
            compile(arena_printf(a,
                        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"%s\"],\"syscalls\":["
                        "{\"names\":[\"kill\",\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
                        filter_arch_name(i)),
                &f);
        if (e)
            assert_non_null(strstr(err_message(e), "not of this host's byte order"));
        else
            assert_int_equal(on_arch(&f, 0x12345678, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
    }
}

/* The address families that containerd lets through: one argument by order, three times. */
static void test_ranges(void **state)
{
    (void)state;
#define FAMILIES(value, op)                                                                                  \
    "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":" #value         \
    ",\"op\":\"SCMP_CMP_" #op "\"}]}"
    struct process_filter f =
        compiled("{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64
                 ",\"syscalls\":[" FAMILIES(38, LT) "," FAMILIES(39, EQ) "," FAMILIES(40, GT) "]}");
    static const struct {
        uint64_t family;
        bool allowed;
    } cases[] = {{0, true}, {1, true}, {37, true}, {38, false}, {39, true}, {40, false}, {41, true},
        {UINT64_C(38) << 32, true}, {UINT64_C(1) << 32 | 38, true}, {UINT64_MAX, true}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(verdict(&f, SOCKET, cases[i].family, 0),
            cases[i].allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
}

/* Profiles of which libseccomp 2.5.4 makes a program that allows something else (runc and crun install it). A
 * library that has learnt it makes the right one, and then this is no error. */
static void test_wrong_programs(void **state)
{
    (void)state;
    struct process_filter f;
    struct err *e = compile("{\"defaultAction\":\"SCMP_ACT_KILL\"," X64
                            ",\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\","
                            "\"args\":[{\"index\":1,\"value\":18446744069414584320,\"op\":\"SCMP_CMP_GE\"},"
                            "{\"index\":1,\"value\":0,\"op\":\"SCMP_CMP_LE\"}]}]}",
        &f);
    if (e)
        refused(e, ERR_UNSUPPORTED, "makes a wrong program");
    else
        assert_int_equal(verdict(&f, KILL, 0, 0xffffffff), SECCOMP_RET_KILL_THREAD);
    e = compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_"
                "X32\"],\"syscalls\":[{\"names\":["
                "\"kill\"],\"action\":\"SCMP_ACT_TRAP\",\"args\":[{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_"
                "EQ\"},{\"index\":1,\"value\":5,"
                "\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"_llseek\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{"
                "\"index\":0,\"value\":1,\"op\":"
                "\"SCMP_CMP_GE\"}]}]}",
        &f);
    if (e)
        refused(e, ERR_UNSUPPORTED, "makes a wrong program");
    else
        assert_int_equal(verdict(&f, KILL, 5, 5), SECCOMP_RET_TRAP);
    /* rules that compare different arguments, mixed up: the first one's action for what only the second one
     * allows */
    e = compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64
                ",\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_KILL\",\"args\":["
                "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_GE\"},{\"index\":1,\"value\":4294967295,"
                "\"valueTwo\":4294967296,\"op\":"
                "\"SCMP_CMP_MASKED_EQ\"},{\"index\":2,\"value\":2,\"op\":\"SCMP_CMP_GE\"}]},{\"names\":["
                "\"kill\"],\"action\":"
                "\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":18446744069414584320,\"op\":\"SCMP_CMP_"
                "LT\"},{\"index\":0,"
                "\"value\":0,\"op\":\"SCMP_CMP_GT\"}]}]}",
        &f);
    if (e)
        refused(e, ERR_UNSUPPORTED, "kill: this libseccomp makes a wrong program");
    else
        assert_int_equal(verdict(&f, KILL, 1, UINT64_C(1) << 32), SECCOMP_RET_ALLOW);
}

/* --- a program that searches decides as the one that it is made of */

static const uint32_t all_archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0};

static void same_decisions(const struct process_filter *one, const struct process_filter *two)
{
    static const uint64_t values[] = {0, 5, 6, UINT32_MAX, UINT64_C(5) << 32, UINT64_MAX};
    for (uint32_t base = 0, round = 0; round < 4; round++, base += X32)
        for (uint32_t i = 0; i < 3000; i++)
            for (size_t arch = 0; arch < ARRAY_SIZE(all_archs); arch++)
                for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
                    int nr = (int)(base + i - 1000); /* before and behind each of the bounds */
                    assert_int_equal(on_arch(one, all_archs[arch], nr, values[v], values[v]),
                        on_arch(two, all_archs[arch], nr, values[v], values[v]));
                }
}

static struct process_filter searching(const struct process_filter *f)
{
    uint32_t archs[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, SCMP_ARCH_X86};
    struct filter_archs l = {archs, ARRAY_SIZE(archs)};
    struct process_filter made = *f;
    assert_null(filter_search(a, &l, &made));
    assert_null(filter_check(made.v, made.n, &l));
    return made;
}

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define JUMP(op, k, yes, no) BPF_JUMP(BPF_JMP | BPF_##op | BPF_K, k, yes, no)
#define ADD(...) f.v[f.n++] = (struct sock_filter)__VA_ARGS__

/* So many numbers with gaps between them that jumps get long, every fifth one with a look at its argument. */
static void test_long_search(void **state)
{
    (void)state;
    for (unsigned calls = 1; calls <= 1000; calls = calls * 3 + 1) {
        struct process_filter f = {.v = arena_array(a, BPF_MAXINSNS, sizeof(*f.v))};
        ADD(LOAD(arch));
        ADD(JUMP(JEQ, AUDIT_ARCH_X86_64, 1, 0));
        ADD(RETURN(SECCOMP_RET_KILL_PROCESS));
        for (unsigned i = 0; i < calls; i++) {
            ADD(LOAD(nr));
            ADD(JUMP(JEQ, 2 * i + (i % 7 ? 0 : X32), 0, i % 5 ? 1 : 2));
            if (i % 5 == 0)
                ADD(LOAD(args[0]));
            if (i % 10 == 0)
                f.v[f.n - 1] = (struct sock_filter)JUMP(JSET, X32, 0, 1);
            ADD(RETURN(SECCOMP_RET_ERRNO | i % 40));
        }
        ADD(RETURN(SECCOMP_RET_ALLOW));
        struct process_filter made = searching(&f);
        assert_ptr_not_equal(made.v, f.v);
        same_decisions(&f, &made);
    }
}

/* What it does not understand, and what would not fit, it leaves alone. */
static void test_no_search(void **state)
{
    (void)state;
    struct sock_filter odd[][4] = {
        {LOAD(nr), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1), JUMP(JEQ, 1, 0, 0), RETURN(0)},
        {LOAD(nr), JUMP(JSET, 1, 0, 1), RETURN(0), RETURN(1)},
        {LOAD(arch), JUMP(JGT, AUDIT_ARCH_I386, 0, 1), RETURN(0), RETURN(1)},
        {BPF_STMT(BPF_LD | BPF_IMM, 7), JUMP(JEQ, 7, 0, 1), RETURN(0), RETURN(1)},
    };
    struct filter_archs l = {(uint32_t[]){SCMP_ARCH_X86_64}, 1};
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        struct process_filter f = {.v = odd[i], .n = ARRAY_SIZE(odd[i])};
        assert_null(filter_search(a, &l, &f));
        assert_ptr_equal(f.v, odd[i]);
    }
    struct process_filter f = {.v = arena_array(a, BPF_MAXINSNS, sizeof(*f.v))};
    ADD(LOAD(nr));
    for (unsigned i = 0; f.n + 2 < BPF_MAXINSNS; i++) { /* an answer of its own for every other number */
        ADD(JUMP(JEQ, 2 * i, 0, 1));
        ADD(RETURN(SECCOMP_RET_ERRNO | i));
    }
    ADD(RETURN(SECCOMP_RET_ALLOW));
    struct process_filter before = f;
    assert_null(filter_search(a, &l, &f));
    assert_ptr_equal(f.v, before.v);
}

/* The profile of every container: short, and few steps to each number. */
static void test_search_is_short(void **state)
{
    (void)state;
    auto_buf names = BUF_INIT(1 << 16);
    for (int nr = 0; nr < 330; nr++) {
        char *name = nr % 9 ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr) : NULL;
        if (name)
            buf_addf(&names, "%s\"%s\"", names.len ? "," : "", name);
        free(name);
    }
    struct process_filter f = compiled(arena_printf(a,
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," X64
        ",\"syscalls\":[{\"names\":[%s],\"action\":\"SCMP_ACT_ALLOW\"}]}",
        buf_str(&names)));
    assert_in_range(f.n, 70, 130); /* 37 gaps; of 293 comparisons before */
}

#define ONE_RULE(rule) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" rule "]}"

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"defaultAction\":\"ALLOW\"}", "unknown action \"ALLOW\""},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "errnoRet"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"listenerPath\":\"/x\"}",
            "cannot be used as default action"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}", "architectures[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", "flags[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
            "nothing is notified"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"m\"}", "listenerMetadata"},
        {ONE_RULE("{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_NOTIFY\"}"), "listenerPath: absent"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"kill\","
         "\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
            "syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
        {ONE_RULE("{\"names\":[\"read\"],\"action\":\"X\"}"), "syscalls[0]"},
        {ONE_RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_TRAP\",\"args\":[{\"index\":0,\"value\":1,"
                  "\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
                  "\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
            "syscalls[1]: read: an earlier rule has another action"},
        {ONE_RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":-1,"
                  "\"op\":\"SCMP_CMP_EQ\"}]}"),
            "value"},
        {ONE_RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":9,\"value\":1,"
                  "\"op\":\"SCMP_CMP_EQ\"}]}"),
            "index"},
        {ONE_RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":1,"
                  "\"op\":\"EQ\"}]}"),
            "args[0].op"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct process_filter f;
        refused(compile(cases[i][0], &f), ERR_INVALID, cases[i][1]);
    }
}

static void test_cache(void **state)
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
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_newer_calls),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_wrong_programs),
        cmocka_unit_test(test_long_search),
        cmocka_unit_test(test_no_search),
        cmocka_unit_test(test_search_is_short),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
