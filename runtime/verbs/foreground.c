/* See foreground.h. */
#include "runtime/verbs/foreground.h"
#include "lib/mem.h"
#include "runtime/process/console.h"
#include "runtime/report.h"
#include "runtime/verbs/relay.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct err *foreground_begin(struct foreground *f, bool reaps)
{
    sigset_t all;
    *f = (struct foreground){.reaps = reaps, .notify.sock = -1};
    if (reaps && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return err_sys(errno, "PR_SET_CHILD_SUBREAPER");
    sigfillset(&all);
    int except[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < ARRAY_SIZE(except); i++)
        sigdelset(&all, except[i]);
    if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
        return err_sys(errno, "block signals");
    f->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    return f->signals < 0 ? err_sys(errno, "signalfd") : NULL;
}

/* Others than the one that we stay with: its end is read from its pidfd. */
static void reap(pid_t pid)
{
    for (siginfo_t i = {0}; !waitid(P_ALL, 0, &i, WEXITED | WNOHANG | WNOWAIT) && i.si_pid && i.si_pid != pid;
         i.si_pid = 0)
        waitpid(i.si_pid, NULL, 0);
}

static void forward(struct foreground *f, pid_t pid, struct relay *r)
{
    for (struct signalfd_siginfo s; read(f->signals, &s, sizeof(s)) == sizeof(s);) {
        if (s.ssi_signo == SIGWINCH && r)
            relay_resize(r);
        else if (s.ssi_signo == SIGCHLD && f->reaps)
            reap(pid);
        else if (s.ssi_signo != SIGCHLD && s.ssi_signo != SIGPIPE && s.ssi_signo != SIGURG)
            kill(pid, (int)s.ssi_signo);
    }
}

static void forward_notify(struct foreground *f)
{
    bool done;
    auto_err *e = notify_forward(&f->notify, getpid(), &done);
    if (e) /* the container is none the worse for it */
        report_warning("%s", err_message(e));
}

static struct err *loop(struct foreground *f, pid_t pid, int pidfd, struct relay *r)
{
    for (;;) {
        struct pollfd p[3 + RELAY_FDS] = {{.fd = pidfd, .events = POLLIN},
            {.fd = f->signals, .events = POLLIN}, {.fd = f->notify.sock, .events = POLLIN}};
        nfds_t n = 3;
        if (r)
            n += relay_want(r, p + 3);
        if (poll(p, n, -1) < 0 && errno != EINTR)
            return err_sys(errno, "poll");
        if (p[1].revents)
            forward(f, pid, r);
        if (r)
            relay_move(r, p + 3);
        if (p[2].revents)
            forward_notify(f);
        if (p[0].revents)
            return NULL;
    }
}

static struct err *with_terminal(struct foreground *f, pid_t pid, int pidfd, int console)
{
    struct relay r;
    auto_close master = -1;
    TRY(console_receive(console, &master));
    TRY(relay_begin(&r, master));
    struct err *e = loop(f, pid, pidfd, &r);
    relay_end(&r);
    return e;
}

struct err *foreground_stay(struct foreground *f, pid_t pid, int pidfd, int console, int *ret_status)
{
    int status;
    TRY(console >= 0 ? with_terminal(f, pid, pidfd, console) : loop(f, pid, pidfd, NULL));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(errno, "wait for process %d", (int)pid);
    *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return NULL;
}
