/*
 * A seccomp filter by hand: one list of numbers, one comparison each. The list is what extract_*.c, tar.c,
 * inflate.c, unpack.c and libc's allocator need; no socket, no exec, no clone, no mount, no open by path.
 */
#include "images/confine_seccomp.h"
#include "lib/mem.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    /* data */
    SYS_read,
    SYS_readv,
    SYS_write,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_ftruncate,
    SYS_copy_file_range,
    /* names */
    SYS_openat,
    SYS_openat2,
    SYS_close,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_readlinkat,
    SYS_getdents64,
#ifdef SYS_renameat
    SYS_renameat,
#endif
    /* what they are */
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_fstatfs,
    SYS_fchown,
    SYS_fchownat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_utimensat,
    SYS_fsetxattr,
    SYS_fgetxattr,
    SYS_flistxattr,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    /* memory, time, signals, end */
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_mprotect,
    SYS_futex,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_sched_yield,
    SYS_exit,
    SYS_exit_group,
    SYS_restart_syscall,
};

struct err *confine_seccomp_unpacker(void)
{
#if defined(ARCH) && !defined(__SANITIZE_ADDRESS__)
    enum { N = ARRAY_SIZE(allowed), HEAD = 4, MAX = N + HEAD + 2 };
    struct sock_filter f[MAX];
    size_t n = 0;
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N; i++) /* a hit jumps over the rest of the list and the refusal */
        f[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(N - i), 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog prog = {(unsigned short)n, f};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) && errno != EINVAL)
        return err_sys(errno, "seccomp");
#else
    (void)allowed;
#endif
    return NULL;
}
