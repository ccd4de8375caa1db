/* fork, a pipe of fixed-size notes, waitpid. */
#include "images/worker.h"
#include "images/interrupt.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTE_EVERY_MS 90
#define MESSAGE_BYTES 2048

enum note_kind { NOTE_PROGRESS, NOTE_DONE, NOTE_FAILED };

struct note { /* smaller than PIPE_BUF: written and read whole */
    enum note_kind kind;
    uint64_t done;
    struct worker_result result;
    enum err_kind error;
    char message[MESSAGE_BYTES];
};
_Static_assert(sizeof(struct note) <= 4096, "a note is atomic");

struct worker_self {
    int notes;
    int64_t last;
};

/* --- the child --- */

void worker_note(struct worker_self *self, uint64_t done)
{
    int64_t now = clock_mono_ms();
    if (now - self->last < NOTE_EVERY_MS)
        return;
    self->last = now;
    struct note n = {.kind = NOTE_PROGRESS, .done = done};
    if (write(self->notes, &n, sizeof n) < 0)
        return; /* full: the next one says more */
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void close_gap(unsigned from, unsigned to)
{
    if (from <= to)
        syscall(SYS_close_range, from, to, 0);
}

/* /dev/null, to read from, for 0 and 1 (a forged result line would be ours); stderr; what the work needs. */
static void keep_only(const int *keep, size_t n, int notes)
{
    int all[512];
    size_t count = 0;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || n >= ARRAY_SIZE(all) || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        _exit(127);
    for (size_t i = 0; i < n; i++)
        all[count++] = keep[i];
    all[count++] = notes;
    qsort(all, count, sizeof *all, by_number);
    unsigned next = 3;
    for (size_t i = 0; i < count; i++)
        if (all[i] >= 3) {
            close_gap(next, (unsigned)all[i] - 1);
            next = (unsigned)all[i] + 1;
        }
    close_gap(next, ~0U);
}

static void child(const struct worker_opts *o, int notes, pid_t parent)
{
    struct note n = {.kind = NOTE_DONE};
    struct worker_self self = {.notes = notes};
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent)
        _exit(127);
    keep_only(o->keep, o->n_keep, notes);
    fcntl(notes, F_SETFL, O_NONBLOCK);
    struct err *e = o->run(o->arg, &self, &n.result);
    if (e) {
        n.kind = NOTE_FAILED;
        n.error = err_kind(e);
        snprintf(n.message, sizeof n.message, "%s", err_message(e));
    }
    fcntl(notes, F_SETFL, 0);
    _exit(write(notes, &n, sizeof n) == (ssize_t)sizeof n ? 0 : 127);
}

/* --- the parent --- */

struct err *worker_start(const struct worker_opts *o, struct worker *ret)
{
    int p[2];
    pid_t parent = getpid();
    if (pipe2(p, O_CLOEXEC))
        return err_sys(errno, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        child(o, p[1], parent);
    int failed = errno;
    close(p[1]);
    if (pid < 0) {
        close(p[0]);
        return err_sys(failed, "fork");
    }
    *ret = (struct worker){pid, p[0]};
    return NULL;
}

void worker_kill(struct worker *w)
{
    int status;
    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (w->notes >= 0)
        close(w->notes);
    *w = (struct worker){0, -1};
}

void worker_cleanup(struct worker *w)
{
    worker_kill(w);
}

/* *ret_end: no more notes. */
static struct err *next_note(struct worker *w, uint64_t stall_ms, struct note *ret, bool *ret_end)
{
    struct pollfd p = {.fd = w->notes, .events = POLLIN};
    int r;
    do {
        TRY(interrupt_check());
        r = poll(&p, 1, (int)stall_ms);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return err_sys(errno, "poll");
    if (r == 0)
        return err_new(ERR_TIMEOUT, "no progress for %llu s", (unsigned long long)stall_ms / 1000);
    ssize_t n = read(w->notes, ret, sizeof *ret);
    *ret_end = n != (ssize_t)sizeof *ret;
    return NULL;
}

static struct err *died(struct worker *w)
{
    int status = 0;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
    if (WIFSIGNALED(status))
        return err_new(ERR_SYSTEM, "the unpacking process died of signal %d", WTERMSIG(status));
    return err_new(ERR_SYSTEM, "the unpacking process ended early (status %d)", WEXITSTATUS(status));
}

struct err *worker_wait(struct worker *w, uint64_t stall_ms, void (*progress)(void *arg, uint64_t done),
    void *arg, struct worker_result *ret)
{
    struct note n;
    bool end;
    for (;;) {
        TRY(next_note(w, stall_ms, &n, &end));
        if (end)
            return died(w);
        if (n.kind != NOTE_PROGRESS)
            break;
        if (progress)
            progress(arg, n.done);
    }
    worker_kill(w); /* it has said its last word */
    if (n.kind == NOTE_FAILED) {
        n.message[sizeof n.message - 1] = '\0';
        return err_new(n.error <= ERR_BUG ? n.error : ERR_BUG, "%s", n.message);
    }
    *ret = n.result;
    ret->digest[sizeof ret->digest - 1] = '\0';
    return NULL;
}
