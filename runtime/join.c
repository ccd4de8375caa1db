/*
 * See join.h. Two steps, so that nothing of the host is ever visible inside: a helper, which shares our
 * memory while we sleep (as vfork(2)), enters the cgroups and the namespaces, and only then is the process
 * itself born, in the container's pid namespace, as our child (CLONE_PARENT). When somebody in the container
 * can first see it, its root is the container's, it cannot be looked into (PR_SET_DUMPABLE), and its
 * privileges go before it waits for anyone.
 *
 * The steps of the process are the last ones of init.c; what they have in common is in process.h.
 */
#include "runtime/join.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/rdt.h"
#include "runtime/clone.h"
#include "runtime/handover.h"
#include "runtime/process/console.h"
#include "runtime/process/descriptors.h"
#include "runtime/process/listener.h"
#include "runtime/process/oom_score.h"
#include "runtime/report.h"
#include "runtime/seal.h"
#include "runtime/sync.h"
#include "runtime/tree/procfs.h"
#include "runtime/user/namespaces.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define HELPER_STACK (64 << 10)

struct way {
    struct join *j;
    int sync[2];
    int tasks[CGROUPS_MAX], n_tasks;
    int cgroup; /* of the unified hierarchy, -1 */
    int namespaces;
    int procfs; /* the host's, and nobody else's; -1 */
    pid_t helper;
    struct err *e; /* the helper's, in our memory */
};

static void warn(void *arg, const char *name)
{
    struct way *w = arg;
    char text[200];
    snprintf(
        text, sizeof(text), "process.rlimits: %s cannot be raised so far without CAP_SYS_RESOURCE", name);
    err_free(sync_send(w->sync[1], SYNC_WARN, text, NULL, 0));
}

/* --- the process */

static struct err *become_member(struct way *w)
{
    /* joining a time namespace is refused to whoever shares memory, as the helper did */
    if (w->namespaces & CLONE_NEWTIME && setns(w->j->init, CLONE_NEWTIME) < 0)
        return err_sys(errno, "join the time namespace");
    if (w->namespaces & CLONE_NEWUSER)
        TRY(process_enter_userns(&w->j->process));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(errno, "PR_SET_DUMPABLE");
    if (setsid() < 0)
        return err_sys(errno, "setsid");
    return process_keyring(w->j->record->id, w->j->no_new_keyring);
}

static struct err *take_terminal(struct way *w)
{
    if (!w->j->process.terminal)
        return NULL;
    auto_close root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close slave = -1;
    if (root < 0)
        return err_sys(errno, "open /");
    return err_wrap(console_make(root, w->j->console, &w->j->process, &slave), "process.terminal");
}

/* At once: what it is done with shows the host's processes. */
static struct err *confine(struct way *w)
{
    auto_close procfs = take_fd(w->procfs);
    return lsm_apply(&w->j->process.lsm, procfs);
}

static struct err *steps(struct way *w)
{
    struct process_plan *p = &w->j->process;
    struct sync_message m;
    const char *path;
    TRY(become_member(w));
    TRY(confine(w));
    TRY(take_terminal(w));
    int *keep[] = {&w->sync[1]};
    TRY(descriptors_close(w->j->preserve, keep, 1));
    TRY(scheduling_set_cpus(&w->j->final));
    TRY(scheduling_apply(&p->scheduling));
    TRY(process_rlimits(p, warn, w));
    process_home(p, w->j->arena);
    umask(022);
    TRY(process_identity(p));
    TRY(process_chdir(p));
    TRY(process_find(p, w->j->arena, &path));
    TRY(sync_expect(w->sync[1], SYNC_GO, &m));
    TRY(process_install_filter(p, w->sync[1]));
    return process_exec(p, path);
}

static void process_main(struct way *w) __attribute__((noreturn));
static void process_main(struct way *w)
{
    seal_release();
    struct err *e = steps(w);
    err_free(sync_send_error(w->sync[1], e));
    _exit(255);
}

/* --- the helper */

/* In a user namespace nobody may put a process into a cgroup that was given to its user (delegation.h): the
 * helper goes there before, and the process is born where it stands. That costs what cgroups.h tells, so only
 * there. */
static struct err *enter_delegated(struct way *w)
{
    struct stat st;
    if (w->cgroup < 0 || !(w->namespaces & CLONE_NEWUSER))
        return NULL;
    if (fstatat(w->cgroup, "cgroup.procs", &st, 0) < 0)
        return err_sys(errno, "cgroup.procs");
    if (st.st_uid == geteuid())
        return NULL;
    TRY_WRAP(file_put(w->cgroup, "cgroup.procs", "0"), "adding pid %d to cgroups", (int)getpid());
    w->cgroup = -1;
    return NULL;
}

static struct err *helper_steps(struct way *w)
{
    int flags = w->namespaces & ~CLONE_NEWTIME;
    if (w->j->initial.set)
        TRY(scheduling_set_cpus(&w->j->initial));
    TRY(cgroups_enter(w->tasks, w->n_tasks));
    TRY(enter_delegated(w));
    if (flags && setns(w->j->init, flags) < 0)
        return err_sys(errno, "join the namespaces of the container");
    pid_t pid = clone_raw(CLONE_PARENT, w->cgroup, NULL);
    if (pid < 0 && errno == EBUSY &&
        w->cgroup >= 0) /* it hands controllers down: only cgroups below it hold processes */
        return err_sys(errno, "adding pid %d to cgroups", (int)getpid());
    if (pid < 0)
        return err_sys(errno, "clone into the container");
    if (pid == 0)
        process_main(w);
    w->j->pid = pid;
    return NULL;
}

static int helper(void *arg)
{
    struct way *w = arg;
    w->e = helper_steps(w);
    _exit(0);
}

/* It has let go of our memory, and the process is waiting for us: its end is not. */
static void reap_helper(struct way *w)
{
    while (waitpid(w->helper, NULL, 0) < 0 && errno == EINTR)
        ;
}

static struct err *send_helper(struct way *w)
{
    static _Alignas(16) char stack[HELPER_STACK];
    w->helper = clone(helper, stack + HELPER_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, w);
    if (w->helper < 0)
        return err_sys(errno, "clone");
    if (!w->e && w->j->pid <= 0)
        w->e = err_new(ERR_SYSTEM, "what was to join the container for us was killed");
    if (w->e)
        reap_helper(w);
    return take_ptr(w->e);
}

/* --- our side */

/* Where init is now: it may have moved itself deeper, to hand controllers down, and then nothing else enters
 * the cgroup that it came from. */
static int cgroup_of_init(const struct record *r, const struct cgroups_hierarchy *h)
{
    char file[40];
    snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)r->pid.v);
    auto_free char *text = NULL;
    auto_err *e = file_read(AT_FDCWD, file, 64 << 10, &text, NULL);
    const char *path = e ? NULL : cgroups_path_of(text);
    return path && file_exists(h->root, path) ? openat(h->root, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static struct err *open_cgroups(struct way *w, struct cgroups *c)
{
    const char *path = w->j->record->cgroup;
    struct cgroups_hierarchy *h;
    TRY(cgroups_open(c));
    if (!w->j->cgroups.n) {
        h = cgroups_unified(c);
        if (h && path)
            h->dir = openat(h->root, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
    } else {
        cgroups_lookup(c, path);
        TRY(subcgroups_lookup(c, &w->j->cgroups));
        h = cgroups_unified(c);
        path = NULL;
    }
    w->cgroup = h ? h->dir : -1;
    int deeper = c->pure_v2 && !w->j->cgroups.n ? cgroup_of_init(w->j->record, h) : -1;
    if (deeper >= 0)
        w->cgroup = deeper;
    return cgroups_tasks(c, path, w->tasks, &w->n_tasks);
}

static struct err *await_exec(struct way *w)
{
    const struct join *j = w->j;
    struct listener_peer p = {j->record, RECORD_RUNNING, j->pid, j->pidfd, w->sync[0]};
    return listener_await_exec(&p);
}

static struct err *start(struct way *w)
{
    struct join *j = w->j;
    TRY(send_helper(w));
    close(take_fd(w->sync[1]));
    j->pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0);
    struct err *e = j->pidfd < 0 ? err_sys(errno, "pidfd of the process")
                                 : oom_score_set(j->pid, j->process.oci->oom_score_adj);
    if (!e)
        e = rdt_join(j->arena, j->record->intel_rdt, j->record->id, j->pid);
    report_debug("container %s: a further process is %d", j->record->id, (int)j->pid);
    if (!e)
        e = handover_pidfd(j->pidfd_socket, "setns", j->pidfd);
    if (!e)
        e = sync_send(w->sync[0], SYNC_GO, NULL, NULL, 0);
    reap_helper(w);
    seal_release();
    if (e && err_errno(e) == EPIPE) { /* it has failed already, and says why */
        err_free(e);
        e = NULL;
    }
    if (!e)
        e = await_exec(w);
    if (e) {
        kill(j->pid, SIGKILL);
        waitpid(j->pid, NULL, 0);
    }
    return e;
}

struct err *join_start(struct join *j)
{
    struct way w = {.j = j, .cgroup = -1, .procfs = -1};
    struct cgroups c = {0};
    for (size_t i = 0; i < j->record->namespaces.n; i++) {
        const struct ns_kind *k = namespaces_kind(j->record->namespaces.v[i]);
        w.namespaces |= k ? k->flag : 0;
    }
    TRY(open_cgroups(&w, &c));
    struct err *e = lsm_wanted(&j->process.lsm) ? procfs_private(&w.procfs) : NULL;
    if (!e)
        e = sync_pair(w.sync);
    if (!e) {
        e = start(&w);
        close(w.sync[0]);
    }
    cgroups_close(&c);
    return e;
}
