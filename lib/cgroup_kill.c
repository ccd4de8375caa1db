/*
 * Processes of a cgroup: listing, waiting for their end, freezing and killing.
 *
 * cgroup2 (alone or beside v1) has cgroup.kill, cgroup.freeze and cgroup.events, whose changes poll(2) tells
 * as POLLPRI. On v1 a process is waited for by its pidfd; killing freezes first, so that nothing can fork
 * away between the list and the signals.
 */
#include "lib/cgroup.h"
#include "lib/cgroup_host.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FREEZE_MS = 5000, WAIT_PIDS = 64 };

struct pids {
    pid_t *v;
    size_t n, cap;
};

static void add_pid(struct pids *p, pid_t pid)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 32;
        p->v = mem_realloc(p->v, p->cap, sizeof(*p->v));
    }
    p->v[p->n++] = pid;
}

/* A cgroup that goes away meanwhile has no processes. */
static struct err *list_below(int parent, const char *name, unsigned depth, struct pids *out)
{
    if (depth == CGROUP_DEPTH)
        return err_new(ERR_LIMIT, "cgroups nested deeper than %d", CGROUP_DEPTH);
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? NULL : err_sys(errno, "open %s", name);
    auto_closedir *d = fdopendir(dir);
    if (!d) {
        close(dir);
        return err_sys(errno, "opendir %s", name);
    }
    auto_free char *text = NULL;
    auto_err *e = file_read(dir, "cgroup.procs", 16 << 20, &text, NULL);
    if (!e) { /* else: gone, or threaded, with its processes named further up */
        char *save;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            add_pid(out, (pid_t)strtol(line, NULL, 10));
    }
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            TRY(list_below(dir, entry->d_name, depth + 1, out));
    return NULL;
}

struct err *cgroup_list_pids(
    const struct cgroup_hierarchy *g, const char *relative, pid_t **ret, size_t *ret_n)
{
    struct pids p = {0};
    struct err *e = list_below(g->fd, relative, 0, &p);
    if (e) {
        free(p.v);
        return e;
    }
    *ret = p.v ? p.v : mem_array(1, sizeof(pid_t));
    *ret_n = p.n;
    return NULL;
}

static bool stands(const struct cgroup_hierarchy *g, const char *relative)
{
    return g && file_exists(g->fd, relative);
}

const struct cgroup_hierarchy *cgroup_tracker(const struct cgroup_host *h, const char *relative)
{
    static const char *const order[] = {"cgroup2", "freezer", "pids", "memory", "name=systemd"};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const struct cgroup_hierarchy *g = cgroup_find(h, order[i]);
        if (stands(g, relative))
            return g;
    }
    return NULL;
}

struct err *cgroup_pids(const struct cgroup_host *h, const char *path, pid_t **ret, size_t *ret_n)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    const struct cgroup_hierarchy *g = cgroup_tracker(h, relative);
    if (!g)
        return err_new(ERR_NOT_FOUND, "cgroup %s does not exist", path);
    return err_wrap(cgroup_list_pids(g, relative, ret, ret_n), "cgroup %s", path);
}

static int remaining(int64_t until)
{
    int64_t left = until - clock_mono_ms();
    return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

/* Waits until cgroup.events has the line ("populated 0"). The cgroup's end counts too. The kernel tells at
 * most one change per 10 ms, and a second one late: the first few waits are short. */
static bool wait_event(
    const struct cgroup_hierarchy *g, const char *relative, const char *line, int64_t until)
{
    auto_free char *name = mem_printf("%s/cgroup.events", relative);
    auto_close fd = openat(g->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    for (int round = 0;; round++) {
        char text[256];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = 0;
        if (n <= 0 || strstr(text, line))
            return true;
        struct pollfd p = {fd, POLLPRI, 0};
        int left = remaining(until);
        if (!left)
            return false;
        (void)poll(&p, 1, round < 12 && left > 1 ? 1 : left);
    }
}

/* Waits for the end of the first processes of the list, by pidfd. */
static void wait_exits(const pid_t *pids, size_t n, int64_t until)
{
    for (size_t i = 0; i < n && i < WAIT_PIDS; i++) {
        auto_close fd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        struct pollfd p = {fd, POLLIN, 0};
        if (fd >= 0)
            (void)poll(&p, 1, remaining(until));
    }
}

bool cgroup_wait_empty(const struct cgroup_hierarchy *g, const char *relative, int64_t until)
{
    if (g->unified)
        return wait_event(g, relative, "populated 0", until);
    for (;;) {
        auto_free pid_t *pids = NULL;
        size_t n = 0;
        auto_err *e = cgroup_list_pids(g, relative, &pids, &n);
        if (!e && !n)
            return true;
        if (e || !remaining(until))
            return false;
        wait_exits(pids, n, until);
        pause_ms(1); /* pids of other namespaces read as 0, and cannot be waited for */
    }
}

static struct err *put(
    const struct cgroup_hierarchy *g, const char *relative, const char *file, const char *text)
{
    auto_free char *name = mem_printf("%s/%s", relative, file);
    return file_put(g->fd, name, text);
}

static bool has_file(const struct cgroup_hierarchy *g, const char *relative, const char *file)
{
    auto_free char *name = mem_printf("%s/%s", relative, file);
    return file_exists(g->fd, name);
}

/* v1 tells nobody when FREEZING becomes FROZEN: reading the state is what moves it on. */
static struct err *freeze_v1(const struct cgroup_hierarchy *g, const char *relative, bool frozen)
{
    int64_t until = clock_mono_ms() + FREEZE_MS;
    auto_free char *name = mem_printf("%s/freezer.state", relative);
    for (long ms = 1;; ms = ms < 20 ? ms * 2 : ms) {
        auto_free char *state = NULL;
        /* again and again: a process that forks while it freezes can hold the whole at FREEZING */
        TRY(file_put(g->fd, name, frozen ? "FROZEN" : "THAWED"));
        TRY(file_read(g->fd, name, 64, &state, NULL));
        if (!strncmp(state, frozen ? "FROZEN" : "THAWED", 6))
            return NULL;
        if (!remaining(until))
            break;
        pause_ms(ms);
    }
    if (frozen)
        err_free(file_put(g->fd, name, "THAWED"));
    return err_new(
        ERR_TIMEOUT, "%s: still not %s after %d ms", name, frozen ? "frozen" : "thawed", FREEZE_MS);
}

static struct err *freeze_v2(const struct cgroup_hierarchy *g, const char *relative, bool frozen)
{
    TRY(put(g, relative, "cgroup.freeze", frozen ? "1" : "0"));
    if (!frozen || wait_event(g, relative, "frozen 1", clock_mono_ms() + FREEZE_MS))
        return NULL;
    err_free(put(g, relative, "cgroup.freeze", "0"));
    return err_new(ERR_TIMEOUT, "%s: still not frozen after %d ms", relative, FREEZE_MS);
}

struct err *cgroup_freeze(const struct cgroup_host *h, const char *path, bool frozen)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    const struct cgroup_hierarchy *g = cgroup_find(h, "cgroup2");
    if (g && has_file(g, relative, "cgroup.freeze"))
        return err_wrap(freeze_v2(g, relative, frozen), "freeze cgroup %s", path);
    g = cgroup_find(h, "freezer");
    if (!g)
        return err_new(ERR_UNSUPPORTED, "freeze cgroup %s: this host has no freezer", path);
    return err_wrap(freeze_v1(g, relative, frozen), "freeze cgroup %s", path);
}

/* A pid from the list may be another's by now: the signal goes by pidfd, to what /proc, asked after that was
 * opened, says is in the cgroup. */
static void signal_one(pid_t pid, const char *relative)
{
    char proc[40];
    auto_free char *memberships = NULL;
    auto_free char *below = mem_printf("/%s", relative);
    auto_close fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)pid);
    auto_err *e = file_read(AT_FDCWD, proc, CGROUP_FILE_MAX, &memberships, NULL);
    if (!e && strstr(memberships, below))
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

static void signal_all(const struct cgroup_hierarchy *g, const char *relative)
{
    auto_free pid_t *pids = NULL;
    size_t n = 0;
    err_free(cgroup_list_pids(g, relative, &pids, &n));
    for (size_t i = 0; i < n; i++)
        if (pids[i] > 0)
            signal_one(pids[i], relative);
}

static void thaw_below(int parent, const char *name, unsigned depth)
{
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_closedir *d = dir < 0 ? NULL : fdopendir(dir);
    auto_free char *state = NULL;
    if (!d) {
        fd_cleanup(&dir);
        return;
    }
    auto_err *e = file_read(dir, "freezer.state", 64, &state, NULL);
    if (!e && strncmp(state, "THAWED", 6))
        err_free(file_put(dir, "freezer.state", "THAWED"));
    for (struct dirent *entry; depth < CGROUP_DEPTH && (entry = readdir(d));)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            thaw_below(dir, entry->d_name, depth + 1);
}

/* SIGKILL wakes what cgroup2 froze, not what v1 froze, here or further down. */
static void thaw_v1(const struct cgroup_host *h, const char *relative)
{
    const struct cgroup_hierarchy *g = cgroup_find(h, "freezer");
    if (g && !g->unified)
        thaw_below(g->fd, relative, 0);
}

/* Freezes (where that works), signals each, thaws, waits; again while something is left. */
static bool kill_by_signal(const struct cgroup_host *h, const struct cgroup_hierarchy *g, const char *path,
    const char *relative, int64_t until)
{
    for (;;) {
        auto_free pid_t *pids = NULL;
        size_t n = 0;
        auto_err *e = cgroup_list_pids(g, relative, &pids, &n);
        if (!e && !n)
            return true;
        if (e || !remaining(until))
            return false;
        err_free(cgroup_freeze(h, path, true));
        signal_all(g, relative);
        err_free(cgroup_freeze(h, path, false));
        thaw_v1(h, relative);
        wait_exits(pids, n, until);
        pause_ms(1);
    }
}

struct err *cgroup_kill(const struct cgroup_host *h, const char *path, unsigned timeout_ms)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    int64_t until = clock_mono_ms() + timeout_ms;
    const struct cgroup_hierarchy *g = cgroup_find(h, "cgroup2");
    bool empty = true;
    if (stands(g, relative)) {
        auto_err *e = put(g, relative, "cgroup.kill", "1"); /* Linux 5.14 */
        thaw_v1(h, relative);
        empty =
            e ? kill_by_signal(h, g, path, relative, until) : wait_event(g, relative, "populated 0", until);
    }
    /* hybrid: who moved a process by hand may have moved it in one tree only */
    static const char *const v1[] = {"freezer", "pids", "memory", "name=systemd"};
    for (size_t i = 0; i < ARRAY_SIZE(v1) && empty; i++) {
        const struct cgroup_hierarchy *other = cgroup_find(h, v1[i]);
        if (other != g && stands(other, relative))
            empty = kill_by_signal(h, other, path, relative, until);
    }
    if (!empty)
        return err_new(ERR_TIMEOUT, "kill cgroup %s: not empty after %u ms", path, timeout_ms);
    return NULL;
}
