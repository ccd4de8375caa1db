/*
 * Makes system calls that a default seccomp profile is to refuse, and says how each ended: "ABI NAME ERRNO",
 * 0 for one that was made. Arguments are such that nothing happens where they are not refused; those that
 * would change this process come last. i386 calls by int 0x80, x32 ones by their bit.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL(name)                                                                                           \
    {                                                                                                        \
#name, SYS_##name                                                                                    \
    }

static const struct call {
    const char *name;
    long number;
} calls[] = {CALL(mount), CALL(umount2), CALL(pivot_root), CALL(setns), CALL(fsopen), CALL(fsconfig),
    CALL(fsmount), CALL(fspick), CALL(move_mount), CALL(open_tree), CALL(mount_setattr),
    CALL(open_by_handle_at), CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(io_uring_setup),
    CALL(io_uring_enter), CALL(io_uring_register), CALL(keyctl), CALL(add_key), CALL(request_key),
    CALL(kexec_load), CALL(kexec_file_load), CALL(init_module), CALL(finit_module), CALL(delete_module),
    CALL(reboot), CALL(swapon), CALL(swapoff), CALL(acct), CALL(settimeofday), CALL(clock_settime),
    CALL(iopl), CALL(ioperm), CALL(quotactl), CALL(sethostname), CALL(setdomainname), CALL(syslog),
    CALL(fanotify_init), CALL(mbind), CALL(set_mempolicy), CALL(move_pages), CALL(migrate_pages),
    CALL(lookup_dcookie), CALL(nfsservctl), CALL(_sysctl), CALL(uselib), CALL(ustat), CALL(sysfs),
    CALL(create_module), CALL(get_kernel_syms), CALL(query_module), CALL(chroot), CALL(kcmp), CALL(clone3)};

static const struct call i386[] = {{"mount", 21}, {"reboot", 88}, {"init_module", 128}, {"vm86", 166},
    {"kexec_load", 283}, {"add_key", 286}, {"keyctl", 288}, {"perf_event_open", 336},
    {"open_by_handle_at", 342}, {"bpf", 357}, {"userfaultfd", 374}, {"io_uring_setup", 425},
    {"move_mount", 429}, {"fsopen", 430}, {"socketcall", 102}};

static long old_call(long number, long a, long b)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(-1L), "S"(-1L), "D"(-1L)
                     : "memory");
    return result;
}

static void say(const char *abi, const char *name, long result)
{
    printf("%s %s %ld\n", abi, name, result < 0 ? -result : 0);
    fflush(stdout);
}

static long direct(long number, long a, long b, long c)
{
    long result = syscall(number, a, b, c, -1L, -1L, -1L);
    return result < 0 ? -errno : result;
}

int main(void)
{
    static const struct call families[] = {
        {"AF_KEY", AF_KEY}, {"AF_RXRPC", AF_RXRPC}, {"AF_ALG", AF_ALG}, {"AF_VSOCK", AF_VSOCK}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        say("x86_64", calls[i].name, direct(calls[i].number, -1, -1, -1));
        say("x32", calls[i].name, direct(calls[i].number | 0x40000000, -1, -1, -1));
    }
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        say("x86_64", families[i].name, direct(SYS_socket, families[i].number, SOCK_SEQPACKET, 0));
        say("i386", families[i].name, old_call(359, families[i].number, SOCK_SEQPACKET));
    }
    for (size_t i = 0; i < sizeof(i386) / sizeof(*i386); i++)
        say("i386", i386[i].name, old_call(i386[i].number, -1, -1));
    long pid = direct(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0);
    if (pid == 0)
        _exit(0);
    say("x86_64", "clone", pid);
    pid = fork(); /* each in a process of its own: nobody is let in a second time */
    if (pid == 0)
        say("i386", "unshare", old_call(310, CLONE_NEWUSER, 0));
    else
        say("x86_64", "unshare", direct(SYS_unshare, CLONE_NEWUSER, 0, 0));
    return pid == 0 || waitpid((pid_t)pid, NULL, 0) == pid ? 0 : 1;
}
