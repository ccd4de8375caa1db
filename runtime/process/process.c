/* The steps of process.h, taken by the process itself inside the container. */
#include "runtime/process/process.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/process/listener.h"
#include "runtime/report.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD_MAX (1 << 20)

struct err *process_keyring(const char *id, bool keep)
{
    if (keep)
        return NULL;
    char name[300];
    snprintf(name, sizeof(name), "_ses.%s", id);
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS && errno != EPERM)
        return err_sys(errno, "session keyring (--no-new-keyring does without)");
    return NULL;
}

struct err *process_rlimits(const struct process_plan *p, process_warn_fn *warn, void *arg)
{
    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct process_rlimit *r = &p->rlimits[i];
        if (!setrlimit((__rlimit_resource_t)r->resource, &r->limit))
            continue;
        if (errno != EPERM)
            return err_sys(errno, "process.rlimits: %s", r->name);
        /* without CAP_SYS_RESOURCE a hard limit can only go down: the nearest to what was asked for */
        struct rlimit now;
        getrlimit((__rlimit_resource_t)r->resource, &now);
        now.rlim_cur = r->limit.rlim_cur < now.rlim_max ? r->limit.rlim_cur : now.rlim_max;
        setrlimit((__rlimit_resource_t)r->resource, &now);
        warn(arg, r->name);
    }
    return NULL;
}

/* --- HOME */

static const char *env_value(const struct process_plan *p, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = p->n_env; i-- > 0;) /* of doubles the last counts */
        if (!strncmp(p->envp[i], name, len) && p->envp[i][len] == '=')
            return p->envp[i] + len + 1;
    return NULL;
}

void process_home(struct process_plan *p, struct arena *a)
{
    const char *home = env_value(p, "HOME");
    if (home && *home) /* an empty one is none, as it is for runc */
        return;
    auto_free char *text = NULL;
    auto_err *e = file_read(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text, NULL);
    process_setenv(p, a, "HOME", e ? "/" : process_home_of(text, p->uid, a));
}

/* --- identity */

static struct err *ids(const struct process_plan *p)
{
    /* raw: glibc's setgroups() looks for threads; a namespace with setgroups denied has nothing to set */
    if (!p->keep_groups && syscall(SYS_setgroups, p->n_groups, p->groups) < 0 &&
        (errno != EPERM || p->n_groups))
        return err_sys(errno, "set additional groups");
    if (syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0)
        return err_sys(errno, "process.user.gid: %u", p->gid);
    if (syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0)
        return err_sys(errno, "process.user.uid: %u", p->uid);
    return NULL;
}

void process_warn_caps(const struct process_plan *p)
{
    const struct oci_capabilities *c = p->oci->capabilities;
    const uint64_t raisable = p->caps.permitted & p->caps.inheritable;
    if (p->unknown_cap)
        report_warning("ignoring unknown or unavailable capabilities: [%s]", p->unknown_cap);
    for (size_t i = 0; c && i < c->ambient.n; i++) {
        int v = caps_number(c->ambient.v[i]);
        if (v >= 0 && !(raisable >> v & 1))
            report_warning("can't raise ambient capability %s: it must be permitted and inheritable, too",
                c->ambient.v[i]);
    }
}

struct err *process_enter_userns(const struct process_plan *p)
{
    if (!syscall(SYS_setresgid, 0, 0, 0) && !syscall(SYS_setresuid, 0, 0, 0))
        return NULL;
    /* 0 is not mapped. What we may do does not come from the ids here; who owns what we make does. */
    if (errno != EINVAL || syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0 ||
        syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0)
        return err_sys(errno, "become root of the user namespace");
    return NULL;
}

static uint64_t kept_for_filter(const struct process_plan *p)
{
    return p->filter.n && !p->no_new_privs ? UINT64_C(1) << CAP_SYS_ADMIN : 0;
}

struct err *process_identity(const struct process_plan *p)
{
    if (p->oci->user && p->oci->user->umask.set)
        umask((mode_t)p->oci->user->umask.v);
    TRY(caps_bound(&p->caps));
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return err_sys(errno, "keep capabilities");
    TRY(ids(p));
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return err_sys(errno, "keep capabilities");
    /* the kernel forgets this at a change of ids */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(errno, "PR_SET_DUMPABLE");
    TRY(caps_apply(&p->caps, kept_for_filter(p)));
    if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(errno, "process.noNewPrivileges");
    return NULL;
}

/* The directory must be inside: the kernel writes "(unreachable)" before the path of one that is not, as a
 * cwd of /proc/self/fd/N would get us (CVE-2024-21626). */
struct err *process_chdir(const struct process_plan *p)
{
    char now[4096];
    if (chdir(p->cwd) < 0)
        return err_sys(errno, "process.cwd: chdir to \"%s\"", p->cwd);
    if (syscall(SYS_getcwd, now, sizeof(now)) < 0)
        return err_sys(errno, "process.cwd: \"%s\"", p->cwd);
    if (now[0] != '/')
        return err_new(ERR_DENIED, "process.cwd: \"%s\" is outside of the container", p->cwd);
    return NULL;
}

static struct err *install(const struct process_plan *p, unsigned long flags, int sync)
{
    if (!p->filter.n)
        return NULL;
    uint64_t kept = kept_for_filter(p);
    if (kept)
        TRY(caps_raise(kept));
    struct sock_fprog prog = {.len = p->filter.n, .filter = p->filter.v};
    long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
    if (listener < 0)
        return err_sys(errno, "install the seccomp filter");
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
        TRY(listener_hand_over(sync, (int)listener));
    return kept ? caps_apply(&p->caps, 0) : NULL;
}

struct err *process_install_filter(const struct process_plan *p, int sync)
{
    return install(p, p->filter.flags, sync);
}

struct err *process_filter_hook(const struct process_plan *p)
{
    const unsigned long agent = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    return install(p, p->filter.flags & ~agent, -1);
}

/* --- the program. The texts are those that engines know from runc. */

static struct err *executable(const char *name, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_sys(errno, "exec: \"%s\": stat %s", name, path);
    if (S_ISDIR(st.st_mode))
        return err_sys(
            EACCES, "exec: \"%s\": is a directory", name); /* execve's answer; engines exit 126 for it */
    if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        return err_sys(S_ISREG(st.st_mode) ? errno : EACCES, "exec: \"%s\"", name);
    return NULL;
}

/* As the shell goes on searching; what fails for another reason may be there. */
static bool is_elsewhere(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == EISDIR || errnum == ELOOP ||
           errnum == ENAMETOOLONG;
}

struct err *process_find(const struct process_plan *p, struct arena *a, const char **ret_path)
{
    const char *name = p->argv[0];
    if (strchr(name, '/')) {
        *ret_path = name;
        return executable(name, name);
    }
    const char *path = env_value(p, "PATH");
    for (const char *at = path; at && *name; at = *at ? at + 1 : NULL) {
        size_t len = strcspn(at, ":");
        const char *try =
            len ? arena_printf(a, "%.*s/%s", (int)len, at, name) : arena_printf(a, "./%s", name);
        at += len;
        auto_err *e = executable(name, try);
        if (!e) {
            *ret_path = try;
            return NULL;
        }
        if (!is_elsewhere(err_errno(e)))
            return take_ptr(e);
        if (!*at)
            break;
    }
    return err_new(ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
}

struct err *process_exec(const struct process_plan *p, const char *path)
{
    sigset_t none;
    sigemptyset(&none); /* whoever stays with a container has blocked them */
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, (char *const *)p->argv, (char *const *)p->envp);
    return err_sys(errno, "exec %s", path);
}
