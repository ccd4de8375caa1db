/*
 * Starting a process. clone(CLONE_VM | CLONE_VFORK): the child runs on a stack of its own in our memory until
 * it execs, so that a large parent costs nothing and a failure is told through that memory. Until then only
 * system calls are made there. All signals are blocked meanwhile, and the child puts their handlers back to
 * the default before it unblocks them: no handler of ours ever runs in the child.
 */
#include "lib/spawn_child.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

enum { STACK_BYTES = 64 * 1024, CHUNK = 64 * 1024, DRAIN_CHUNKS = 32, FDS_MAX = 64 };

/* What the child reads, and where it says what failed. */
struct start {
    const char *const *argv, *const *envp;
    const char *cwd;
    int from[FDS_MAX]; /* its descriptors 0, 1, ... are these of ours */
    size_t n;
    bool daemon;
    sigset_t *mask;
    char *stack; /* of the daemon, one further down */
    pid_t daemon_pid;
    const char *failed; /* NULL: nothing did */
    int errnum;
};

static int give_up(struct start *s, const char *what)
{
    s->errnum = errno;
    s->failed = what;
    return 127;
}

static void default_signals(void)
{
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction now;
        if (sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_DFL) {
            struct sigaction dfl = {.sa_handler = SIG_DFL};
            sigaction(sig, &dfl, NULL);
        }
    }
}

/* Puts descriptors in place. They are first moved out of the way of each other. */
static bool place_descriptors(struct start *s)
{
    int high[FDS_MAX];
    for (size_t i = 0; i < s->n; i++) {
        high[i] = fcntl(s->from[i], F_DUPFD_CLOEXEC, (int)s->n);
        if (high[i] < 0)
            return false;
    }
    for (size_t i = 0; i < s->n; i++)
        if (dup2(high[i], (int)i) < 0)
            return false;
    return syscall(SYS_close_range, (unsigned)s->n, ~0u, 0) == 0;
}

static int run_child(void *arg)
{
    struct start *s = arg;
    default_signals();
    if ((s->daemon ? setsid() : setpgid(0, 0)) < 0)
        return give_up(s, "make a process group for");
    if (s->cwd && chdir(s->cwd) < 0)
        return give_up(s, "change the working directory for");
    if (!place_descriptors(s))
        return give_up(s, "pass descriptors to");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(s->argv[0], (char *const *)s->argv, (char *const *)(s->envp ? s->envp : (void *)environ));
    return give_up(s, "run");
}

/* The process in between: it ends at once, and leaves the daemon to init. */
static int run_between(void *arg)
{
    struct start *s = arg;
    s->daemon_pid = clone(run_child, s->stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, s);
    if (s->daemon_pid < 0)
        return give_up(s, "fork");
    return 0;
}

static struct err *start(struct start *s, int (*fn)(void *), pid_t *ret_pid, int *ret_pidfd)
{
    size_t size = 2 * STACK_BYTES;
    char *stack = mmap(
        NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        return err_sys(errno, "map a stack");
    s->stack = stack;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    int pidfd = -1;
    pid_t pid = clone(fn, stack + size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, s, &pidfd);
    int failed = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
#ifdef __SANITIZE_ADDRESS__
    /* The child's frames left their marks: whoever gets this memory next would be told of them. */
    __asan_unpoison_memory_region(stack, size);
#endif
    munmap(stack, size);
    if (pid < 0)
        return err_sys(failed, "fork");
    if (s->failed) {
        waitpid(pid, NULL, 0);
        close(pidfd);
        return err_sys(s->errnum, "%s %s", s->failed, s->argv[0]);
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return NULL;
}

/* A file in memory, at its start: a pipe would have to be filled while the child runs. */
static struct err *make_input(const char *data, size_t n, int *ret_fd)
{
    auto_close fd = data ? memfd_create("stdin", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, data ? "memfd_create" : "open /dev/null");
    if (data) {
        TRY_WRAP(file_write_all(fd, data, n), "stdin");
        if (lseek(fd, 0, SEEK_SET) < 0)
            return err_sys(errno, "seek stdin");
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

/* A pipe where something is to be kept, else /dev/null. */
static struct err *make_output(size_t max, int *ret_ours, int *ret_theirs)
{
    int fds[2] = {-1, -1};
    if (!max)
        fds[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    else if (pipe2(fds, O_CLOEXEC) == 0)
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
    if (fds[1] < 0)
        return err_sys(errno, max ? "make a pipe" : "open /dev/null");
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    return NULL;
}

struct err *spawn_child_start(const struct spawn_opts *o, struct spawn_child *ret)
{
    if (!o->deadline_ms)
        return err_new(ERR_BUG, "run %s: no deadline", o->argv[0]);
    if (o->n_fds + 3 > FDS_MAX)
        return err_new(ERR_BUG, "run %s: %zu descriptors", o->argv[0], o->n_fds);
    auto_close in = -1;
    auto_close out = -1;
    auto_close err = -1;
    struct spawn_child c = {.pidfd = -1, .out = -1, .err = -1};
    struct err *e = make_input(o->in, o->in_len, &in);
    if (!e)
        e = make_output(o->out_max, &c.out, &out);
    if (!e)
        e = make_output(o->err_max, &c.err, &err);
    if (!e) {
        struct start s = {
            .argv = o->argv, .envp = o->envp, .cwd = o->cwd, .from = {in, out, err}, .n = 3 + o->n_fds};
        if (o->n_fds)
            memcpy(s.from + 3, o->fds, o->n_fds * sizeof(int));
        e = start(&s, run_child, &c.pid, &c.pidfd);
    }
    if (e) {
        spawn_child_done(&c);
        return e;
    }
    *ret = c;
    return NULL;
}

struct err *spawn_daemon(
    const char *const *argv, const char *const *envp, int err_fd, int ready_fd, pid_t *ret_pid)
{
    auto_close null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return err_sys(errno, "open /dev/null");
    struct start s = {.argv = argv, .envp = envp, .daemon = true, .n = ready_fd >= 0 ? 4 : 3};
    memcpy(s.from, (int[]){null, null, err_fd >= 0 ? err_fd : null, ready_fd}, 4 * sizeof(int));
    pid_t between;
    auto_close pidfd = -1;
    TRY(start(&s, run_between, &between, &pidfd));
    while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
        continue;
    *ret_pid = s.daemon_pid;
    return NULL;
}

bool spawn_child_read(int fd, struct buf *b)
{
    char chunk[CHUNK];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t room = b->max - b->len;
    buf_add(b, chunk, (size_t)n < room ? (size_t)n : room);
    return n > 0;
}

/* A grandchild may hold the pipe, and may go on writing: what is in the pipe now is read, and that is it. */
static void drain(int *fd, struct buf *b)
{
    int left = 0;
    if (*fd < 0)
        return;
    for (int i = 0; i < DRAIN_CHUNKS && ioctl(*fd, FIONREAD, &left) == 0 && left > 0; i++)
        if (!spawn_child_read(*fd, b))
            break;
    close(*fd);
    *fd = -1;
}

void spawn_child_drain(struct spawn_child *c, struct spawn_result *r)
{
    drain(&c->out, &r->out);
    drain(&c->err, &r->err);
}

void spawn_child_kill(const struct spawn_child *c)
{
    kill(-c->pid, SIGKILL);
}

bool spawn_child_reap(struct spawn_child *c, int *ret_status)
{
    pid_t pid;
    do
        pid = waitpid(c->pid, ret_status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    return pid != 0;
}

void spawn_child_done(struct spawn_child *c)
{
    fd_cleanup(&c->pidfd);
    fd_cleanup(&c->out);
    fd_cleanup(&c->err);
    *c = (struct spawn_child){.pidfd = -1, .out = -1, .err = -1};
}
