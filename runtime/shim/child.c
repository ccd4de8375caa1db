/* Children: see child.h. */
#include "runtime/shim/child.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    struct child *next;
    struct children *all;
    pid_t pid;
    bool adopted, timed_out;
    bool ended; /* adopted, and its exit had come before */
    int status;
    child_done_fn *done;
    void *arg;
    struct poll_timer deadline;
};

extern char **environ;

/* ---- between vfork and exec: raw calls on our own stack and the child's descriptors only ---- */

enum { HIGH_FD = 64 }; /* above every number that is going to be assigned */

static int arrange_fds(const struct child_spec *s)
{
    int want[3 + CHILD_FDS_MAX] = {s->in, s->out, s->err};
    size_t n = 3 + s->n_fds;
    for (size_t i = 0; i < s->n_fds; i++)
        want[3 + i] = s->fds[i];
    for (size_t i = 0; i < n; i++) {
        int fd = want[i] >= 0 ? want[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        want[i] = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
        if (want[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (dup2(want[i], (int)i) < 0)
            return -1;
    return 0;
}

/* What the shim changed for itself is not the container's. Raising oom_score_adj needs no capability. */
static void restore_limits(const struct children *c)
{
    setrlimit(RLIMIT_NOFILE, &c->nofile);
    if (c->oom_score_adj == INT_MIN)
        return;
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", c->oom_score_adj);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, text, (size_t)n) < 0)
        errno = 0; /* it stays harder to kill: nothing to be done here */
    if (fd >= 0)
        close(fd);
}

static void default_signals(void)
{
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static __attribute__((noreturn)) void exec_child(
    const struct children *c, const struct child_spec *s, volatile int *ret_errno)
{
    setpgid(0, 0);
    default_signals();
    restore_limits(c);
    if (arrange_fds(s) == 0)
        execve(s->argv[0], (char *const *)s->argv, environ);
    *ret_errno = errno;
    _exit(127);
}

/* Parent and child share memory until the exec, so that nothing is copied: hence a frame of its own. */
static __attribute__((noinline)) pid_t spawn_vfork(
    const struct children *c, const struct child_spec *s, volatile int *ret_errno)
{
    pid_t pid = vfork();
    if (pid == 0)
        exec_child(c, s, ret_errno);
    if (pid < 0)
        *ret_errno = errno;
    return pid;
}

/* ---- the list ---- */

static void on_deadline(struct poll_timer *t)
{
    struct child *ch = container_of(t, struct child, deadline);
    ch->timed_out = true;
    child_kill_group(ch);
}

static struct child *child_track(struct children *c, pid_t pid, child_done_fn *done, void *arg)
{
    struct child *ch = mem_new(struct child);
    *ch = (struct child){.next = c->list, .all = c, .pid = pid, .done = done, .arg = arg};
    ch->deadline.fire = on_deadline;
    c->list = ch;
    return ch;
}

static struct child *track_job(
    struct children *c, pid_t pid, child_done_fn *done, void *arg, int64_t deadline_ms)
{
    struct child *ch = child_track(c, pid, done, arg);
    poll_arm(c->poll, &ch->deadline, deadline_ms);
    c->jobs++;
    return ch;
}

struct err *child_spawn(
    struct children *c, const struct child_spec *spec, child_done_fn *done, void *arg, struct child **ret)
{
    volatile int failed = 0;
    pid_t pid = spawn_vfork(c, spec, &failed);
    if (failed) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return err_sys(failed, "run %s", spec->argv[0]);
    }
    *ret = track_job(c, pid, done, arg, spec->deadline_ms);
    return NULL;
}

struct err *child_fork(struct children *c, int (*work)(void *), void *work_arg, int64_t deadline_ms,
    child_done_fn *done, void *arg, struct child **ret)
{
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(errno, "fork");
    if (pid == 0) {
        setpgid(0, 0);
        default_signals();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(work(work_arg));
    }
    *ret = track_job(c, pid, done, arg, deadline_ms);
    return NULL;
}

static bool take_early(struct children *c, pid_t pid, int *ret_status)
{
    unsigned n = c->n_early < CHILD_EARLY_MAX ? c->n_early : CHILD_EARLY_MAX;
    for (unsigned i = 0; i < n; i++)
        if (c->early[i].pid == pid) {
            c->early[i].pid = 0;
            *ret_status = c->early[i].status;
            return true;
        }
    return false;
}

struct err *child_adopt(struct children *c, pid_t pid, child_done_fn *done, void *arg, struct child **ret)
{
    siginfo_t info = {0};
    bool ours = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    int status = 0;
    if (!ours && !take_early(c, pid, &status))
        return err_new(ERR_NOT_FOUND, "process %d is not a child of the shim", (int)pid);
    struct child *ch = child_track(c, pid, done, arg);
    ch->adopted = true;
    ch->ended = !ours;
    ch->status = status;
    if (ch->ended)
        kill(getpid(), SIGCHLD); /* it comes through the loop, like every other exit */
    *ret = ch;
    return NULL;
}

static void child_unlink(struct children *c, struct child *ch)
{
    struct child **at = &c->list;
    while (*at != ch)
        at = &(*at)->next;
    *at = ch->next;
    poll_disarm(c->poll, &ch->deadline);
    if (!ch->adopted && --c->jobs == 0)
        c->n_early = 0;
}

static void child_finish(struct children *c, struct child *ch, int status)
{
    /* After done(), not before: while it adopts, what ended early must still be known. */
    c->jobs += !ch->adopted;
    child_unlink(c, ch);
    if (ch->done)
        ch->done(ch->arg, status, ch->timed_out);
    if (!ch->adopted && --c->jobs == 0)
        c->n_early = 0;
    free(ch);
}

static struct child *child_find(const struct children *c, pid_t pid)
{
    struct child *ch = c->list;
    while (ch && (ch->pid != pid || ch->ended))
        ch = ch->next;
    return ch;
}

static struct child *next_ended(const struct children *c)
{
    struct child *ch = c->list;
    while (ch && !ch->ended)
        ch = ch->next;
    return ch;
}

void children_reap(struct children *c)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct child *ch = child_find(c, pid);
        if (ch) {
            child_finish(c, ch, status);
        } else if (c->jobs) {
            unsigned i = c->n_early++ % CHILD_EARLY_MAX;
            c->early[i].pid = pid;
            c->early[i].status = status;
        }
    }
    for (struct child *ch; (ch = next_ended(c));)
        child_finish(c, ch, ch->status);
}

pid_t child_pid(const struct child *ch)
{
    return ch->pid;
}

int child_signal(struct child *ch, int sig)
{
    if (ch->ended)
        return -ESRCH;
    return kill(ch->pid, sig) < 0 ? -errno : 0;
}

void child_kill_group(struct child *ch)
{
    kill(-ch->pid, SIGKILL);
    kill(ch->pid, SIGKILL); /* it may not have come to setpgid() yet */
}
