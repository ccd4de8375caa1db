/* See filter_newer.h. */
#include "runtime/process/filter_newer.h"
#include "lib/mem.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>

#define SECTION_MAX 9

uint32_t filter_audit_arch(uint32_t arch)
{
    return arch == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : arch;
}

/* 0 where the profile names none. */
static uint32_t largest(const struct oci_seccomp *s, uint32_t arch)
{
    int most = 0;
    for (size_t i = 0; i < s->syscalls.n; i++)
        for (size_t j = 0; j < s->syscalls.v[i].names.n; j++) {
            int nr = seccomp_syscall_resolve_name_arch(arch, s->syscalls.v[i].names.v[j]);
            most = nr > most ? nr : most; /* negative: unknown, or multiplexed there */
        }
    return (uint32_t)most;
}

static void emit(struct filter_newer *f, struct sock_filter i)
{
    f->v[f->n++] = i;
}

/* The accumulator holds the number. The jump to the end is set when it is known where that is. */
static void emit_decision(struct filter_newer *f, uint32_t most)
{
    if (most) {
        emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, most, 0, 1));
        emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
    }
    emit(f, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
}

static bool holds(const struct filter_archs *l, uint32_t arch)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == arch)
            return true;
    return false;
}

/* What an architecture of the kernel's gets. */
static void emit_section(
    struct filter_newer *f, const struct oci_seccomp *s, const struct filter_archs *l, uint32_t arch)
{
    size_t start = f->n;
    emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 0));
    emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    if (arch == AUDIT_ARCH_X86_64) {
        size_t test = f->n;
        emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FILTER_X32_BIT, 0, 0));
        emit_decision(f, holds(l, SCMP_ARCH_X86_64) ? largest(s, SCMP_ARCH_X86_64) : 0);
        f->v[test].jt = (unsigned char)(f->n - test - 1);
        emit_decision(f, holds(l, SCMP_ARCH_X32) ? largest(s, SCMP_ARCH_X32) : 0);
    } else {
        if (arch == AUDIT_ARCH_S390 || arch == AUDIT_ARCH_S390X) {
            /* a number that this kernel does not know arrives as 0, setup(2), which nobody calls */
            emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
            emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
        }
        emit_decision(f, largest(s, arch));
    }
    f->v[start].jf = (unsigned char)(f->n - start - 1);
}

void filter_newer(
    struct arena *a, const struct oci_seccomp *s, const struct filter_archs *l, struct filter_newer *ret)
{
    struct filter_newer f = {.v = arena_array(a, 1 + SECTION_MAX * l->n, sizeof(*f.v))};
    struct filter_archs done = {.v = arena_array(a, l->n, sizeof(*done.v))};
    emit(&f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    for (size_t i = 0; i < l->n; i++) {
        uint32_t arch = filter_audit_arch(l->v[i]);
        if (holds(&done, arch))
            continue;
        done.v[done.n++] = arch;
        emit_section(&f, s, l, arch);
    }
    for (size_t i = 0; i < f.n; i++)
        if (f.v[i].code == (BPF_JMP | BPF_JA))
            f.v[i].k = (uint32_t)(f.n - i - 1);
    *ret = f;
}
