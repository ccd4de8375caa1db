/* See filter.h: profile to program. The cache is in filter_cache.c, what stands before the program in
 * filter_newer.c. */
#include "runtime/process/filter.h"
#include "lib/mem.h"
#include "runtime/process/filter_check.h"
#include "runtime/process/filter_newer.h"
#include "runtime/process/filter_search.h"
#include "runtime/process/filter_verify.h"
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS_MAX 32
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct name_value {
    const char *name;
    uint32_t value;
};

static const struct name_value actions[] = {
    {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
};
static const struct name_value operators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};
static const struct name_value archs[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
#ifdef SCMP_ARCH_LOONGARCH64 /* from libseccomp 2.6 on */
    {"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K", SCMP_ARCH_M68K},
    {"SCMP_ARCH_SH", SCMP_ARCH_SH},
    {"SCMP_ARCH_SHEB", SCMP_ARCH_SHEB},
#endif
};
static const struct name_value flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

#define NAME_AT(table, i) ((i) < ARRAY_SIZE(table) ? (table)[i].name : NULL)
const char *filter_action_name(size_t i)
{
    return NAME_AT(actions, i);
}
const char *filter_operator_name(size_t i)
{
    return NAME_AT(operators, i);
}
const char *filter_arch_name(size_t i)
{
    return NAME_AT(archs, i);
}
const char *filter_flag_name(size_t i)
{
    return NAME_AT(flags, i);
}

/* A kernel that knows the flag gets as far as to look for the program, which is not there. */
bool filter_flag_is_supported(size_t i)
{
    uint32_t all = flags[i].value;
    if (all == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
        all |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all, NULL) < 0 && errno == EFAULT;
}

static const struct name_value *find(const struct name_value *t, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(t[i].name, name))
            return &t[i];
    return NULL;
}
#define FIND(table, name) find(table, ARRAY_SIZE(table), name)

static struct err *action_of(const char *name, struct opt_int errno_ret, int64_t fallback, uint32_t *ret)
{
    const struct name_value *v = FIND(actions, name);
    if (!v)
        return err_new(ERR_INVALID, "unknown action \"%s\"", name);
    *ret = v->value;
    if (v->value == SCMP_ACT_ERRNO(0) || v->value == SCMP_ACT_TRACE(0))
        *ret |= (uint32_t)opt_int_or(errno_ret, fallback) & 0xffff;
    else if (errno_ret.set)
        return err_new(ERR_INVALID, "errnoRet: only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not %s", name);
    return NULL;
}

static struct err *plan_args(const struct oci_seccomp_rule *r, struct scmp_arg_cmp *out, bool *ret_repeated)
{
    unsigned seen = 0;
    *ret_repeated = false;
    for (size_t i = 0; i < r->args.n; i++) {
        const struct oci_seccomp_arg *arg = &r->args.v[i];
        const struct name_value *op = FIND(operators, arg->op);
        uint64_t value = 0, two = 0;
        if (!op)
            return err_new(ERR_INVALID, "args[%zu].op: unknown \"%s\"", i, arg->op);
        if (!oci_u64(arg->value, &value))
            return err_new(ERR_INVALID, "args[%zu].value: not an unsigned number", i);
        if (arg->value_two && !oci_u64(arg->value_two, &two))
            return err_new(ERR_INVALID, "args[%zu].valueTwo: not an unsigned number", i);
        unsigned index = (unsigned)opt_int_or(arg->index, 0);
        *ret_repeated |= seen >> index & 1;
        seen |= 1U << index;
        out[i] = (struct scmp_arg_cmp){
            .arg = index, .op = (enum scmp_compare)op->value, .datum_a = value, .datum_b = two};
    }
    return NULL;
}

/* What is being made, and what libseccomp was told for it. */
struct making {
    scmp_filter_ctx ctx;
    struct arena *a;
    uint32_t standard;
    struct filter_rules rules;
};

static struct err *add_rule(struct making *m, const struct filter_rule *r)
{
    int rc = seccomp_rule_add_array(m->ctx, r->action, r->nr, (unsigned)r->n, r->args);
    if (rc == -EEXIST)
        return err_new(ERR_INVALID, "%s: an earlier rule has another action for these arguments", r->name);
    /* a rule for a system call that an architecture lacks is no loss */
    if (rc < 0 && rc != -EDOM)
        return err_sys(-rc, "rule for %s", r->name);
    filter_rules_add(&m->rules, m->a, r);
    return NULL;
}

/* One argument compared twice means "or": a rule each, as runc has it. */
static struct err *add_alternatives(struct making *m, struct filter_rule r)
{
    size_t n = r.n;
    r.n = 1;
    for (size_t i = 0; i < n; i++, r.args++)
        TRY(add_rule(m, &r));
    return NULL;
}

/* After the filter is in, the process tells the number of the listener by write(2) and hears by read(2) that
 * it was taken (listener.c). A write that waits for the listener would wait for ever. */
static struct err *check_notify(const struct oci_seccomp_rule *r)
{
    for (size_t i = 0; i < r->names.n; i++)
        if (!strcmp(r->names.v[i], "write"))
            return err_new(ERR_INVALID, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    return NULL;
}

static struct err *add_rules(struct making *m, const struct oci_seccomp *s)
{
    for (size_t i = 0; i < s->syscalls.n; i++) {
        const struct oci_seccomp_rule *r = &s->syscalls.v[i];
        uint32_t action;
        bool repeated;
        if (r->args.n > ARGS_MAX)
            return err_new(ERR_LIMIT, "syscalls[%zu].args: more than %d", i, ARGS_MAX);
        struct scmp_arg_cmp *args = arena_array(m->a, r->args.n + 1, sizeof(*args));
        TRY_WRAP(action_of(r->action, r->errno_ret, EPERM, &action), "syscalls[%zu]", i);
        TRY_WRAP(plan_args(r, args, &repeated), "syscalls[%zu]", i);
        if (action == SCMP_ACT_NOTIFY)
            TRY_WRAP(check_notify(r), "syscalls[%zu]", i);
        if (action == m->standard)
            continue;
        for (size_t j = 0; j < r->names.n; j++) {
            int nr = seccomp_syscall_resolve_name(r->names.v[j]);
            if (nr == __NR_SCMP_ERROR)
                continue; /* newer than libseccomp: the default action is what it gets */
            struct filter_rule one = {nr, r->names.v[j], action, args, r->args.n};
            TRY_WRAP(repeated ? add_alternatives(m, one) : add_rule(m, &one), "syscalls[%zu]", i);
        }
    }
    return NULL;
}

static struct err *add_archs(scmp_filter_ctx ctx, const struct oci_seccomp *s)
{
    for (size_t i = 0; i < s->architectures.n; i++) {
        const struct name_value *v = FIND(archs, s->architectures.v[i]);
        if (!v)
            return err_new(ERR_INVALID, "architectures[%zu]: unknown \"%s\"", i, s->architectures.v[i]);
        int rc = seccomp_arch_add(ctx, v->value);
        if (rc == -EDOM)
            return err_new(ERR_INVALID, "architectures[%zu]: %s: not of this host's byte order", i, v->name);
        if (rc < 0 && rc != -EEXIST)
            return err_sys(-rc, "architectures[%zu]", i);
    }
    return NULL;
}

/* The program that libseccomp made, behind the one that knows what is newer. */
static struct err *export(
    scmp_filter_ctx ctx, struct arena *a, const struct filter_newer *newer, struct process_filter *f)
{
    auto_close fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "memfd");
    int rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return err_sys(-rc, "export the filter");
    off_t size = lseek(fd, 0, SEEK_END);
    size_t n = newer->n + (size_t)size / sizeof(*f->v);
    if (size <= 0 || n > BPF_MAXINSNS)
        return err_new(ERR_LIMIT, "the filter has %zu instructions, %d at the most", n, BPF_MAXINSNS);
    f->v = arena_array(a, n, sizeof(*f->v));
    f->n = (unsigned short)n;
    for (size_t i = 0; i < newer->n; i++)
        f->v[i] = newer->v[i];
    if (pread(fd, f->v + newer->n, (size_t)size, 0) != size)
        return err_sys(errno, "read the filter");
    return NULL;
}

static struct err *tell(struct making *m, const struct oci_seccomp *s)
{
    TRY(add_archs(m->ctx, s));
    seccomp_attr_set(m->ctx, SCMP_FLTATR_CTL_NNP, 0);
    return add_rules(m, s);
}

static struct err *plan_flags(const struct oci_seccomp *s, unsigned *ret)
{
    unsigned all = 0;
    for (size_t i = 0; i < s->syscalls.n; i++)
        if (!strcmp(s->syscalls.v[i].action, "SCMP_ACT_NOTIFY"))
            all |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    for (size_t i = 0; i < s->flags.n; i++) {
        const struct name_value *v = FIND(flags, s->flags.v[i]);
        if (!v)
            return err_new(ERR_INVALID, "flags[%zu]: unknown \"%s\"", i, s->flags.v[i]);
        if (v->value == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !(all & SECCOMP_FILTER_FLAG_NEW_LISTENER))
            return err_new(ERR_INVALID, "flags[%zu]: %s: nothing is notified", i, v->name);
        all |= v->value & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC; /* there is one thread */
    }
    bool listener = s->listener_path && *s->listener_path;
    if (all & SECCOMP_FILTER_FLAG_NEW_LISTENER && !listener)
        return err_new(ERR_INVALID, "listenerPath: absent, and SCMP_ACT_NOTIFY is used");
    if (s->listener_metadata && *s->listener_metadata && !listener)
        return err_new(ERR_INVALID, "listenerMetadata: must not be set without listenerPath");
    *ret = all;
    return NULL;
}

/* The native one is in every program. add_archs() knows them all. */
static struct filter_archs archs_of(struct arena *a, const struct oci_seccomp *s)
{
    struct filter_archs l = {.v = arena_array(a, s->architectures.n + 1, sizeof(*l.v))};
    l.v[l.n++] = seccomp_arch_native();
    for (size_t i = 0; i < s->architectures.n; i++)
        l.v[l.n++] = FIND(archs, s->architectures.v[i])->value;
    return l;
}

/* Whoever allows what he does not name, or has it traced, means what is newer, too. */
static bool is_lenient(uint32_t action)
{
    return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG || (action & 0xffff0000U) == SCMP_ACT_TRACE(0);
}

static struct err *make(struct making *m, const struct oci_seccomp *s, struct process_filter *f)
{
    struct filter_newer newer = {0};
    TRY(tell(m, s));
    struct filter_archs l = archs_of(m->a, s);
    if (!is_lenient(m->standard))
        filter_newer(m->a, s, &l, &newer);
    TRY(export(m->ctx, m->a, &newer, f));
    TRY(filter_check(f->v, f->n, &l));
    TRY(filter_search(m->a, &l, f));
    return filter_verify(&m->rules, m->standard, f);
}

struct err *filter_compile(struct arena *a, const struct oci_seccomp *s, struct process_filter *ret)
{
    struct process_filter f = {0};
    struct making m = {.a = a};
    TRY_WRAP(action_of(s->default_action, s->default_errno_ret, EPERM, &m.standard), "defaultAction");
    if (m.standard == SCMP_ACT_NOTIFY)
        return err_new(ERR_INVALID, "defaultAction: SCMP_ACT_NOTIFY cannot be used as default action");
    TRY(plan_flags(s, &f.flags));
    m.ctx = seccomp_init(m.standard);
    if (!m.ctx)
        return err_new(ERR_SYSTEM, "libseccomp refused the default action");
    struct err *e = make(&m, s, &f);
    seccomp_release(m.ctx);
    if (!e)
        *ret = f;
    return e;
}
