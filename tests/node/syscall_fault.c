/*
 * Runs a command and spoils one system call of it and of the processes that it makes, counted in the order in
 * which they are entered. A process of the command that executes another program (the container's, a hook's)
 * is let go: it is not the command's any more.
 *
 *     syscall_fault [-e ERRNO | -k | -s A:B] [-a PID] [-r REPORT] K COMMAND ARGUMENT...
 *
 * -e: the K-th call does nothing and returns ERRNO (a number; 5 is EIO). -k: whoever enters it gets SIGKILL.
 * -s: before it is entered the files A and B change places, which hits the window before it for certain. -a:
 * the process PID is followed too. The report is one line: how many calls there were, the number of the
 * spoilt one (-1: K was not reached), whether the command itself made it, and the processes that were still
 * there when the command had ended. Exits as the command, 128 + signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 64
#define OPTIONS                                                                                              \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |                \
        PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static struct process {
    pid_t pid;
    bool spoilt; /* it is inside the call that is to fail */
} processes[PROCESSES];

static long at, count, spoilt = -1;
static int error;
static char *one, *other;                /* that change places */
static bool kills, by_command, executed; /* the command has begun */
static pid_t command, attached;

static void die(const char *what)
{
    perror(what);
    exit(125);
}

static struct process *find(pid_t pid)
{
    struct process *unused = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if (processes[i].pid == pid)
            return &processes[i];
        if (!processes[i].pid && !unused)
            unused = &processes[i];
    }
    if (!unused)
        die("too many processes");
    *unused = (struct process){.pid = pid};
    return unused;
}

/* These do not fail in the kernel, and libc does not believe it when they do. */
static bool cannot_fail(long call)
{
    return call == SYS_geteuid || call == SYS_getuid || call == SYS_getpid || call == SYS_exit ||
           call == SYS_exit_group || call == SYS_rt_sigreturn;
}

static void set_register(const struct process *p, size_t offset, long value)
{
    ptrace(PTRACE_POKEUSER, p->pid, offset, value);
}

static void enter(struct process *p, long call)
{
    if (!executed || ++count != at || (!error && !kills && !one))
        return;
    spoilt = call;
    by_command = p->pid == command;
    if (one) {
        if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
            die("exchange");
    } else if (kills) {
        kill(p->pid, SIGKILL);
    } else if (call == SYS_brk) {
        set_register(
            p, offsetof(struct user_regs_struct, rdi), 0); /* this is how it fails: the break stays */
    } else if (call == SYS_close) {
        p->spoilt = true; /* closed it is, whatever it says */
    } else if (!cannot_fail(call)) {
        p->spoilt = true;
        set_register(p, offsetof(struct user_regs_struct, orig_rax), -1); /* no such call: nothing is done */
    }
}

static void leave(struct process *p)
{
    if (p->spoilt)
        set_register(p, offsetof(struct user_regs_struct, rax), -error);
    p->spoilt = false;
}

static void at_call(struct process *p)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        enter(p, (long)info.entry.nr);
    else
        leave(p);
}

/* What a stopped process is to be resumed with: a signal, 0; -1: it was let go. */
static int stopped(struct process *p, int status)
{
    int sig = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_EXEC && p->pid != command) {
        ptrace(PTRACE_DETACH, p->pid, NULL, NULL);
        p->pid = 0;
        return -1;
    }
    executed |= event == PTRACE_EVENT_EXEC;
    if (sig == (SIGTRAP | 0x80)) {
        at_call(p);
        return 0;
    }
    if (sig == SIGSEGV ||
        sig == SIGABRT) { /* from a tracer's hand the first of a pid namespace would survive it */
        kill(p->pid, SIGKILL);
        return 0;
    }
    /* births and the stop in which a new process is first seen */
    return event || sig == SIGTRAP ? 0 : sig;
}

/* Until the command itself has ended: its status. */
static int follow(void)
{
    for (int status, ended = -1;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return ended;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            find(pid)->pid = 0;
            if (pid == command)
                return status;
            continue;
        }
        int sig = stopped(find(pid), status);
        if (sig >= 0)
            ptrace(PTRACE_SYSCALL, pid, NULL, sig);
    }
}

/* Only a stopped process can be let go. One that dies is heard of here, too, whichever comes first: the init
 * of a pid namespace does not end before somebody has waited for the last of those that we follow in it. */
static void let_go(FILE *report)
{
    int status;
    for (struct process *p = processes; p < processes + PROCESSES; p++)
        if (p->pid)
            ptrace(PTRACE_INTERRUPT, p->pid, NULL, NULL);
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
        struct process *p = pid > 0 ? find(pid) : NULL;
        int sig = p && WIFSTOPPED(status) ? stopped(p, status) : 0;
        if (p && p->pid && WIFSTOPPED(status)) {
            ptrace(PTRACE_DETACH, pid, NULL, sig);
            fprintf(report, " %d", (int)pid);
        }
        if (p)
            p->pid = 0;
    }
}

static pid_t start(char **argv)
{
    int ready[2];
    char c = 0;
    if (pipe(ready) < 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        close(ready[1]);
        if (read(ready[0], &c, 1) < 0)
            _exit(125);
        close(ready[0]);
        execvp(argv[0], argv);
        die(argv[0]);
    }
    if (ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS) < 0)
        die("ptrace");
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
        die("ptrace");
    close(ready[0]);
    close(ready[1]);
    return pid;
}

int main(int argc, char **argv)
{
    const char *file = "/dev/null";
    for (int o; (o = getopt(argc, argv, "+e:ks:a:r:")) != -1;) {
        if (o == 'e')
            error = atoi(optarg);
        else if (o == 'k')
            kills = true;
        else if (o == 's')
            other = one = optarg;
        else if (o == 'a')
            attached = atoi(optarg);
        else if (o == 'r')
            file = optarg;
        else
            return 125;
    }
    if (argc - optind < 2)
        return 125;
    strsep(&other, ":");
    at = atol(argv[optind]);
    command = start(argv + optind + 1);
    if (attached && (ptrace(PTRACE_SEIZE, attached, NULL, OPTIONS) < 0 ||
                        ptrace(PTRACE_INTERRUPT, attached, NULL, NULL) < 0))
        die("attach");
    FILE *report = fopen(file, "we");
    if (!report)
        die(file);
    int status = follow();
    fprintf(report, "%ld %ld %s", count, spoilt, by_command ? "command" : "child");
    let_go(report);
    fprintf(report, "\n");
    return fclose(report) ? 125 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
