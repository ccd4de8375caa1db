/* The RuntimeDefault profile as a table, see seccomp_default.h. */
#include "kubelet/seccomp_default.h"
#include "lib/api/oci.h"
#include "lib/file.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SECCOMP_PROFILE_MAX = 1 << 20 };

/* Names of all architectures: what one does not have is left out by the runtime. */
static const char always[] =
    "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 "
    "clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 "
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old "
    "eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
    "fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
    "fgetxattr "
    "flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
    "ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd "
    "getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer "
    "getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid "
    "getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid "
    "gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
    "inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get "
    "ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self "
    "lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek "
    "lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create "
    "memfd_secret "
    "mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify "
    "mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal "
    "msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat "
    "_newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free "
    "pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 "
    "pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom "
    "recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 "
    "restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr "
    "sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
    "sched_yield "
    "seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg "
    "sendmsg "
    "sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid "
    "setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
    "setrlimit "
    "set_robust_list setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat "
    "shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketpair "
    "splice "
    "stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee "
    "tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
    "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
    "times "
    "tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat "
    "utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev arch_prctl modify_ldt "
    /* other architectures */
    "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls riscv_flush_icache";

static const struct {
    const char *cap, *names;
} with_cap[] = {
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr "
        "move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog "
        "umount "
        "umount2 unshare"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module init_module finit_module"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev"},
    {"CAP_SYS_RAWIO", "iopl ioperm"},
    {"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
    {"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_BPF", "bpf"},
    {"CAP_PERFMON", "perf_event_open"},
};

/* AF_UNIX, INET, AX25 ... up to below AF_KEY; NETLINK, PACKET, CAN, TIPC, BLUETOOTH, XDP. */
static const char *const families[] = {"16", "17", "29", "30", "31", "44"};
#define FAMILY_KEY "15"
static const char *const personalities[] = {"0", "8", "131072", "131080", "4294967295"};
#define CLONE_NAMESPACES "2114060288" /* 0x7e020000: every namespace flag of clone(2) */

static bool has(const struct str_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], name) == 0)
            return true;
    return false;
}

static void out_names(struct json_out *o, const char *names)
{
    json_out_array(o, "names");
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        json_out_strn(o, NULL, p, n);
        p += n + (p[n] == ' ');
    }
    json_out_end_array(o);
}

static void out_allow(struct json_out *o, const char *names)
{
    json_out_object(o, NULL);
    out_names(o, names);
    json_out_str(o, "action", "SCMP_ACT_ALLOW");
    json_out_end_object(o);
}

static void out_allow_arg(struct json_out *o, const char *name, const char *op, const char *v, const char *v2)
{
    json_out_object(o, NULL);
    out_names(o, name);
    json_out_str(o, "action", "SCMP_ACT_ALLOW");
    json_out_array(o, "args");
    json_out_object(o, NULL);
    json_out_int(o, "index", 0);
    json_out_raw(o, "value", v, strlen(v));
    if (v2)
        json_out_raw(o, "valueTwo", v2, strlen(v2));
    json_out_str(o, "op", op);
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_end_object(o);
}

static void out_rules(struct json_out *o, const struct str_list *caps)
{
    out_allow(o, always);
    for (size_t i = 0; i < ARRAY_SIZE(with_cap); i++)
        if (has(caps, with_cap[i].cap))
            out_allow(o, with_cap[i].names);
    for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
        out_allow_arg(o, "personality", "SCMP_CMP_EQ", personalities[i], NULL);
    out_allow_arg(o, "socket", "SCMP_CMP_LT", FAMILY_KEY, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        out_allow_arg(o, "socket", "SCMP_CMP_EQ", families[i], NULL);
    if (has(caps, "CAP_SYS_ADMIN"))
        return;
    out_allow_arg(o, "clone", "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES, "0");
    json_out_object(o, NULL);
    out_names(o, "clone3");
    json_out_str(o, "action", "SCMP_ACT_ERRNO");
    json_out_int(o, "errnoRet", 38);
    json_out_end_object(o);
}

static void out_architectures(struct json_out *o)
{
    json_out_array(o, "architectures");
#if defined(__x86_64__)
    json_out_str(o, NULL, "SCMP_ARCH_X86_64");
    json_out_str(o, NULL, "SCMP_ARCH_X86");
    json_out_str(o, NULL, "SCMP_ARCH_X32");
#elif defined(__aarch64__)
    json_out_str(o, NULL, "SCMP_ARCH_AARCH64");
    json_out_str(o, NULL, "SCMP_ARCH_ARM");
#endif
    json_out_end_array(o);
}

struct err *seccomp_default(struct arena *a, const struct str_list *caps, const struct json **ret)
{
    auto_buf b = BUF_INIT(SECCOMP_PROFILE_MAX);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "defaultAction", "SCMP_ACT_ERRNO");
    json_out_int(&o, "defaultErrnoRet", 1);
    out_architectures(&o);
    json_out_array(&o, "syscalls");
    out_rules(&o, caps);
    json_out_end_array(&o);
    json_out_end_object(&o);
    TRY(buf_check(&b, "seccomp profile"));
    return json_parse(a, buf_str(&b), b.len, NULL, ret);
}

struct err *seccomp_localhost(struct arena *a, const char *dir, const char *name, const struct json **ret)
{
    auto_free char *text = NULL;
    size_t n;
    int fd;
    auto_close dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct err *e = dirfd < 0 ? err_new(ERR_NOT_FOUND, "no such file or directory") : NULL;
    if (!e)
        e = file_open_beneath(dirfd, name, O_RDONLY, 0, &fd);
    if (!e) {
        e = file_read_fd(fd, SECCOMP_PROFILE_MAX, &text, &n);
        close(fd);
    }
    if (!e)
        e = json_parse(a, text, n, NULL, ret);
    struct oci_seccomp checked;
    if (!e)
        e = fields_decode(&oci_seccomp_fields, a, *ret, &checked);
    return err_wrap(e, "cannot load seccomp profile \"%s/%s\"", dir, name);
}
