/*
 * wherry-shim: one per Pod. Holds its namespaces, parents its containers, owns their terminals and logs,
 * outlives the kubelet. What it is asked, and by whom, is lib/api/shim.h.
 *
 * A request goes server.c -> ops.c -> container.c (life.c decides) or exec.c -> runtime.c -> child.c; what a
 * container writes goes streams.c -> crilog.c and attach.c. At rest nothing runs.
 */
#include "lib/args.h"
#include "lib/cgroup.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "runtime/shim/sandbox.h"
#include "runtime/shim/shim.h"
#include "runtime/shim/state.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READY_FD = 3, OOM_SCORE = -998, NOFILE = 16384 };

static struct shim shim;
static int64_t runtime_timeout = 120;
static const char *log_level = "info", *log_format = "text";

static struct err *parse_args(int argc, char **argv)
{
    const struct arg_option options[] = {
        {"run-dir", 0, ARG_STR, &shim.run_dir, "DIR", "the Pod's folder: sandbox.json in, shim.sock out"},
        {"runtime", 0, ARG_STR, &shim.runtime, "FILE", "an OCI runtime with runc's command line"},
        {"runtime-root", 0, ARG_STR, &shim.runtime_root, "DIR", "where it keeps its state"},
        {"runtime-timeout", 0, ARG_INT, &runtime_timeout, "SECONDS",
            "one run of the runtime is given this long (120)"},
        {"log-level", 0, ARG_STR, &log_level, "LEVEL", "error, warn, info, debug"},
        {"log-format", 0, ARG_STR, &log_format, "FORMAT", "text, json"},
        {0},
    };
    const struct arg_spec spec = {.usage = "wherry-shim --run-dir DIR --runtime FILE --runtime-root DIR",
        .about = "Holds the sandbox of one Pod. Started by wherry-kubelet.",
        .options = options};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (!shim.run_dir || *shim.run_dir != '/')
        return err_new(ERR_INVALID, "--run-dir: an absolute path is needed");
    if (!shim.runtime || *shim.runtime != '/')
        return err_new(ERR_INVALID, "--runtime: an absolute path is needed");
    if (!shim.runtime_root || *shim.runtime_root != '/')
        return err_new(ERR_INVALID, "--runtime-root: an absolute path is needed");
    if (runtime_timeout < 1 || runtime_timeout > 3600)
        return err_new(ERR_INVALID, "--runtime-timeout: not 1 to 3600");
    shim.job_deadline_ms = runtime_timeout * 1000;
    return NULL;
}

static void on_signal(struct poll_source *src, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    while (read(src->fd, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGCHLD)
            children_reap(&shim.children);
        else
            shim_stop(&shim, NULL);
}

static struct err *watch_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return err_sys(errno, "sigprocmask");
    shim.signals =
        (struct poll_source){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = on_signal};
    if (shim.signals.fd < 0)
        return err_sys(errno, "signalfd");
    return poll_add(&shim.poll, &shim.signals, EPOLLIN);
}

/* Room for many containers, and harder to kill than they are; children get both back. */
static void set_limits(void)
{
    getrlimit(RLIMIT_NOFILE, &shim.children.nofile);
    struct rlimit more = shim.children.nofile;
    if (more.rlim_cur < NOFILE)
        more.rlim_cur = more.rlim_max < NOFILE ? more.rlim_max : NOFILE;
    setrlimit(RLIMIT_NOFILE, &more);
    shim.children.oom_score_adj = INT_MIN;
    auto_free char *old = NULL;
    auto_err *e = file_read(AT_FDCWD, "/proc/self/oom_score_adj", 32, &old, NULL);
    auto_free char *text = mem_printf("%d", OOM_SCORE);
    auto_err *denied = e ? NULL : file_put(AT_FDCWD, "/proc/self/oom_score_adj", text);
    if (!e && !denied)
        shim.children.oom_score_adj = atoi(old);
    else /* without CAP_SYS_RESOURCE: it can be killed like others */
        log_debug("", "oom_score_adj stays as it is");
}

static struct err *begin(int argc, char **argv)
{
    shim.run_fd = open(shim.run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (shim.run_fd < 0)
        return err_sys(errno, "open %s", shim.run_dir);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return err_sys(errno, "become a subreaper");
    set_limits();
    shim.children.poll = &shim.poll;
    TRY(state_own_start_time(&shim.start_time));
    TRY(poll_init(&shim.poll));
    TRY(sandbox_make(&shim, argc, argv));
    TRY(watch_signals());
    TRY(server_init(&shim));
    return state_save(&shim);
}

static void tell_starter(const struct err *e)
{
    const char *text = e ? err_message(e) : "\n";
    err_free(file_write_all(READY_FD, text, strlen(text))); /* nobody listens: nobody is told */
    close(READY_FD);
}

static struct err *run(void)
{
    while (!shim.stopped) {
        TRY(poll_turn(&shim.poll));
        if (shim.state_changed && !shim.stopped) {
            shim.state_changed = false;
            log_err(LOG_ERROR, "", state_save(&shim));
            malloc_trim(0); /* a change is when memory was used; at rest it is given back */
        }
    }
    return shim.failure;
}

/* The starter's pipe; without one nothing else must get its number. */
static void settle_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd < READY_FD)
        fd = fcntl(fd, F_DUPFD, fd + 1); /* standard streams stay open too */
    if (fd > READY_FD)
        close(fd);
    fcntl(READY_FD, F_SETFD, FD_CLOEXEC);
    close_range(
        READY_FD + 1, ~0U, 0); /* what a careless starter has left open would live as long as the Pod */
}

int main(int argc, char **argv)
{
    settle_descriptors();
    umask(022); /* an upper folder's mode is that of the container's root folder */
    log_init("wherry-shim", LOG_INFO, LOG_TEXT);
    struct err *e = parse_args(argc, argv);
    if (!e)
        e = log_init_text("wherry-shim", log_level, log_format);
    if (!e)
        e = begin(argc, argv);
    tell_starter(e);
    if (e)
        sandbox_remove(&shim);
    else
        e = run();
    int status = e ? 1 : 0;
    log_err(LOG_ERROR, "", e);
    return status;
}
