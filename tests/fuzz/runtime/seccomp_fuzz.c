/*
 * seccomp profiles: whatever compiles decides as the profile's rules say. The input is a profile as JSON, or
 * bytes out of which one is made. Where several rules with different actions match a call, which of them wins
 * is libseccomp's business: the verdict must then be one of theirs. Where several compare different arguments
 * of one call, or one by order, libseccomp 2.5 mixes them up: on the native architecture such a profile does
 * not compile (filter_verify.h), on others those calls are not judged.
 *
 * From some overlapping rules libseccomp 2.5.4 does not come back (mkdir: ERRNO 1 where a1 is masked, a2 < X
 * and a0 != Y; then ERRNO 2 where a2 < X and a0 != Y). The runtime has it in a child with a deadline
 * (filter_apart.h); here, where a fork would cost more than all the rest, a timer jumps out of it.
 */
#include "lib/mem.h"
#include "runtime/process/filter.h"
#include "tests/fuzz/runtime/programs.h"
#include <errno.h>
#include <link.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* It forgets nodes of its own of some rules that it merges; the runtime lives for milliseconds. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libseccomp.so";
}

#define X32_BIT 0x40000000
#define RULES_MAX 6

/* --- names, and what they mean to the kernel */

static const char *const actions[] = {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"};
static const uint32_t verdicts[] = {SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS,
    SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_ALLOW,
    SECCOMP_RET_LOG, SECCOMP_RET_USER_NOTIF};
static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};
static const char *const names[] = {"read", "open", "mprotect", "ioctl", "clone", "kill", "mount", "openat2",
    "personality", "waitpid", "_llseek", "arch_prctl", "not_a_call", "mkdir"};
struct arch {
    const char *name;
    uint32_t scmp, audit;
    int bit;
};
static const struct arch archs[] = {
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, X32_BIT},
};

static size_t index_of(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], name))
            return i;
    abort(); /* it compiled, so it is known */
}
#define INDEX_OF(list, name) index_of(list, ARRAY_SIZE(list), name)

static uint32_t verdict_of(const char *action, struct opt_int number)
{
    uint32_t v = verdicts[INDEX_OF(actions, action)];
    bool numbered = v == SECCOMP_RET_ERRNO || v == SECCOMP_RET_TRACE;
    return numbered ? v | (uint32_t)opt_int_or(number, EPERM) : v;
}

/* --- a profile out of bytes */

struct bytes_left {
    const uint8_t *at, *end;
};

static unsigned next(struct bytes_left *b, size_t below)
{
    return b->at < b->end ? *b->at++ % (unsigned)below : 0;
}

static const struct json *number(struct arena *a, uint64_t v)
{
    struct json *j = arena_new_obj(a, struct json);
    j->type = JSON_NUMBER;
    j->text = arena_printf(a, "%llu", (unsigned long long)v);
    j->n = (uint32_t)strlen(j->text);
    return j;
}

static uint64_t value(struct bytes_left *b)
{
    static const uint64_t values[] = {0, 1, 2, 0x7e020000, 0xffffffff, UINT64_C(1) << 32,
        UINT64_C(0x100000001), UINT64_C(0xffffffff00000000), UINT64_MAX};
    return values[next(b, ARRAY_SIZE(values))];
}

static void make_rule(struct arena *a, struct bytes_left *b, struct oci_seccomp_rule *r)
{
    r->names.n = 1 + next(b, 2);
    r->names.v = arena_array(a, r->names.n, sizeof(*r->names.v));
    for (size_t i = 0; i < r->names.n; i++)
        r->names.v[i] = names[next(b, ARRAY_SIZE(names))];
    r->action = actions[next(b, ARRAY_SIZE(actions))];
    if (!strcmp(r->action, "SCMP_ACT_ERRNO"))
        r->errno_ret = (struct opt_int){next(b, 2), next(b, 3)};
    r->args.n = next(b, 4);
    r->args.v = arena_array(a, r->args.n + 1, sizeof(*r->args.v));
    for (size_t i = 0; i < r->args.n; i++) {
        struct oci_seccomp_arg *arg = &r->args.v[i];
        arg->index = (struct opt_int){true, next(b, 3)};
        arg->op = operators[next(b, ARRAY_SIZE(operators))];
        arg->value = number(a, value(b));
        arg->value_two = number(a, value(b));
    }
}

static void make_profile(struct arena *a, struct bytes_left *b, struct oci_seccomp *s)
{
    *s = (struct oci_seccomp){
        .default_action = actions[next(b, ARRAY_SIZE(actions) - 1)], .listener_path = "/x"};
    s->architectures.v = arena_array(a, ARRAY_SIZE(archs), sizeof(*s->architectures.v));
    for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
        if (next(b, 2))
            s->architectures.v[s->architectures.n++] = archs[i].name;
    s->syscalls.n = next(b, RULES_MAX + 1);
    s->syscalls.v = arena_array(a, RULES_MAX, sizeof(*s->syscalls.v));
    for (size_t i = 0; i < s->syscalls.n; i++)
        make_rule(a, b, &s->syscalls.v[i]);
}

/* --- what the rules say */

struct call {
    const struct arch *arch;
    int nr; /* with the bit of x32 */
    uint64_t args[6];
};

static bool holds(const struct oci_seccomp_arg *arg, const struct call *c)
{
    uint64_t v = 0, two = 0, is = c->args[opt_int_or(arg->index, 0)];
    oci_u64(arg->value, &v);
    if (arg->value_two)
        oci_u64(arg->value_two, &two);
    switch (INDEX_OF(operators, arg->op)) {
    case 0:
        return is != v;
    case 1:
        return is < v;
    case 2:
        return is <= v;
    case 3:
        return is == v;
    case 4:
        return is >= v;
    case 5:
        return is > v;
    default:
        return (is & v) == (two & v);
    }
}

/* One argument twice: any of all, else all of them. */
static bool matches(const struct oci_seccomp_rule *r, const struct call *c)
{
    unsigned seen = 0;
    size_t held = 0;
    bool repeated = false, named = false;
    for (size_t i = 0; i < r->names.n; i++)
        named |= seccomp_syscall_resolve_name_arch(c->arch->scmp, r->names.v[i]) == c->nr;
    for (size_t i = 0; i < r->args.n; i++) {
        unsigned bit = 1U << opt_int_or(r->args.v[i].index, 0);
        repeated |= seen & bit;
        seen |= bit;
        held += holds(&r->args.v[i], c);
    }
    return named && (repeated ? held > 0 : held == r->args.n);
}

static int largest(const struct oci_seccomp *s, const struct arch *arch)
{
    int most = 0;
    for (size_t i = 0; i < s->syscalls.n; i++)
        for (size_t j = 0; j < s->syscalls.v[i].names.n; j++) {
            int nr = seccomp_syscall_resolve_name_arch(arch->scmp, s->syscalls.v[i].names.v[j]);
            most = nr > most ? nr : most;
        }
    return most;
}

static bool is_wanted(const struct oci_seccomp *s, const struct arch *arch)
{
    if (arch->scmp == seccomp_arch_native())
        return true;
    for (size_t i = 0; i < s->architectures.n; i++)
        if (!strcmp(s->architectures.v[i], arch->name))
            return true;
    return false;
}

/* One rule with arguments for this call, or any number that compare the same one for being equal. */
static bool is_exact(const struct oci_seccomp *s, const struct call *c)
{
    size_t with_args = 0;
    unsigned indexes = 0;
    bool ordered = false;
    for (size_t i = 0; i < s->syscalls.n; i++) {
        const struct oci_seccomp_rule *r = &s->syscalls.v[i];
        for (size_t j = 0; j < r->names.n && r->args.n; j++)
            with_args += seccomp_syscall_resolve_name_arch(c->arch->scmp, r->names.v[j]) == c->nr;
        for (size_t j = 0; j < r->args.n; j++) {
            size_t op = INDEX_OF(operators, r->args.v[j].op);
            unsigned bit = 1U << opt_int_or(r->args.v[j].index, 0);
            with_args += indexes & bit ? 1 : 0; /* it may be one that is repeated, and then it is several */
            indexes |= bit;
            ordered |= op != 3 && op != 6;
        }
    }
    return with_args <= 1 || (!ordered && !(indexes & (indexes - 1)));
}

static bool may_be(const struct oci_seccomp *s, const struct call *c, uint32_t verdict)
{
    uint32_t standard = verdict_of(s->default_action, s->default_errno_ret);
    uint32_t kind = standard & SECCOMP_RET_ACTION_FULL;
    bool lenient = kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE,
         matched = false;
    if (!is_wanted(s, c->arch))
        return verdict == SECCOMP_RET_KILL_THREAD;
    int most = largest(s, c->arch);
    if (!lenient && most && c->nr > most)
        return verdict == (SECCOMP_RET_ERRNO | ENOSYS);
    for (size_t i = 0; i < s->syscalls.n; i++) {
        const struct oci_seccomp_rule *r = &s->syscalls.v[i];
        if (!matches(r, c))
            continue;
        if (verdict_of(r->action, r->errno_ret) == verdict)
            return true;
        matched |=
            verdict_of(r->action, r->errno_ret) != standard; /* what says the default again is left out */
    }
    return (!matched && verdict == standard) || (c->arch->scmp != seccomp_arch_native() && !is_exact(s, c));
}

/* --- calls worth a look: each that is named, and its neighbours, with arguments around those compared with
 */

static void try_call(const struct oci_seccomp *s, const struct process_filter *f, const struct call *c)
{
    struct seccomp_data d = {.nr = c->nr, .arch = c->arch->audit};
    memcpy(d.args, c->args, sizeof(d.args));
    uint32_t verdict = seccomp_run(f->v, f->n, &d);
    if (may_be(s, c, verdict))
        return;
    auto_buf text = BUF_INIT(1 << 20);
    fields_encode(&oci_seccomp_fields, s, &(struct json_out){.buf = &text}, NULL);
    fprintf(stderr, "%s\n%s call %d (%llx, %llx, %llx): %08x\n", buf_str(&text), c->arch->name, c->nr,
        (unsigned long long)c->args[0], (unsigned long long)c->args[1], (unsigned long long)c->args[2],
        verdict);
    abort();
}

static uint64_t around(const struct oci_seccomp *s, unsigned index, unsigned salt)
{
    uint64_t seen[64] = {0, 1, UINT64_MAX, UINT64_C(1) << 32};
    size_t n = 4;
    for (size_t i = 0; i < s->syscalls.n; i++)
        for (size_t j = 0; j < s->syscalls.v[i].args.n && n + 3 < ARRAY_SIZE(seen); j++) {
            const struct oci_seccomp_arg *arg = &s->syscalls.v[i].args.v[j];
            uint64_t v = 0;
            if (opt_int_or(arg->index, 0) != index)
                continue;
            oci_u64(arg->value, &v);
            seen[n++] = v;
            seen[n++] = v - 1;
            seen[n++] = v + 1;
        }
    return seen[salt % n];
}

static void try_number(
    const struct oci_seccomp *s, const struct process_filter *f, const struct arch *arch, int nr)
{
    for (unsigned salt = 0; salt < 12; salt++) {
        struct call c = {.arch = arch, .nr = nr};
        for (unsigned i = 0; i < 6; i++) {
            c.args[i] = around(s, i, salt * (i + 1) + salt / 3);
            if (arch->scmp != SCMP_ARCH_X86_64) /* of 32-bit architectures libseccomp looks at 32 bits */
                c.args[i] = (uint32_t)c.args[i];
        }
        try_call(s, f, &c);
    }
}

static bool is_wide(const struct oci_seccomp *s)
{
    for (size_t i = 0; i < s->syscalls.n; i++)
        for (size_t j = 0; j < s->syscalls.v[i].args.n; j++) {
            uint64_t v = 0, two = 0;
            oci_u64(s->syscalls.v[i].args.v[j].value, &v);
            if (s->syscalls.v[i].args.v[j].value_two)
                oci_u64(s->syscalls.v[i].args.v[j].value_two, &two);
            if ((v | two) >> 32)
                return true;
        }
    return false;
}

/* socketcall and ipc carry many calls of i386, and libseccomp rewrites what is said of those. */
static bool is_multiplexed(const struct oci_seccomp *s)
{
    for (size_t i = 0; i < s->syscalls.n; i++)
        for (size_t j = 0; j < s->syscalls.v[i].names.n; j++) {
            int nr = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, s->syscalls.v[i].names.v[j]);
            if (nr == 102 || nr == 117 || (nr >= 359 && nr <= 373) || (nr >= 393 && nr <= 402) ||
                (nr <= -100 && nr > -300))
                return true;
        }
    return false;
}

static void compare(const struct oci_seccomp *s, const struct process_filter *f)
{
    bool narrow = !is_wide(s) && !is_multiplexed(s);
    for (size_t k = 0; k < ARRAY_SIZE(archs); k++) {
        if (archs[k].scmp != SCMP_ARCH_X86_64 && !narrow)
            continue;
        try_number(s, f, &archs[k], archs[k].bit | 600);
        for (size_t i = 0; i < s->syscalls.n; i++)
            for (size_t j = 0; j < s->syscalls.v[i].names.n; j++) {
                int nr = seccomp_syscall_resolve_name_arch(archs[k].scmp, s->syscalls.v[i].names.v[j]);
                for (int d = -1; nr >= 0 && d <= 1; d++)
                    if (nr + d >= archs[k].bit)
                        try_number(s, f, &archs[k], nr + d);
            }
    }
}

/* --- a deadline for libseccomp */

static uintptr_t library_begin, library_end;
static sigjmp_buf out_of_time;

static int find_library(struct dl_phdr_info *info, size_t n, void *arg)
{
    (void)n, (void)arg;
    if (!strstr(info->dlpi_name, "libseccomp"))
        return 0;
    library_begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            library_end = library_begin + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1;
}

static void set_timer(long us)
{
    struct itimerval t = {.it_value = {us / 1000000, us % 1000000}};
    setitimer(ITIMER_VIRTUAL, &t, NULL);
}

/* Only from the library's own code: what it calls, malloc, holds locks. */
static void on_timer(int sig, siginfo_t *info, void *context)
{
    uintptr_t at = 0;
    (void)sig, (void)info;
#ifdef __x86_64__
    at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#endif
    if (at >= library_begin && at < library_end)
        siglongjmp(out_of_time, 1);
    set_timer(1000);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    (void)argc, (void)argv;
    dl_iterate_phdr(find_library, NULL);
    return sigaction(SIGVTALRM, &sa, NULL);
}

static struct err *compile(struct arena *a, const struct oci_seccomp *s, struct process_filter *ret)
{
    if (sigsetjmp(out_of_time, 1))
        return err_new(ERR_TIMEOUT, "libseccomp does not come back");
    set_timer(1000000);
    struct err *e = filter_compile(a, s, ret);
    set_timer(0);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    struct oci_seccomp s;
    struct process_filter f;
    auto_err *e = NULL;
    if (seccomp_arch_native() != SCMP_ARCH_X86_64)
        return 0; /* the calls above are its own */
    if (n && data[0] == '{')
        e = fields_parse(&oci_seccomp_fields, a, (const char *)data, n, &s);
    else
        make_profile(a, &(struct bytes_left){data, data + n}, &s);
    if (e)
        return 0;
    auto_err *e2 = compile(a, &s, &f);
    if (!e2)
        compare(&s, &f);
    return 0;
}
