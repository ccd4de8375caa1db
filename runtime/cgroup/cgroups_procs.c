/* What happens to the processes of a container's cgroups: listing, killing, freezing; and removal, which
 * waits for them to be gone. */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 2000
#define DEPTH_MAX 64

/* The hierarchy that is sure to hold every process of the container: cgroup2, where they were born; else one
 * in which they stay, since nothing in a container moves between v1 freezer cgroups. */
static struct cgroups_hierarchy *census(struct cgroups *c)
{
    struct cgroups_hierarchy *h = cgroups_unified(c);
    if (h && h->dir >= 0)
        return h;
    static const char *const order[] = {"freezer", "devices", "pids", "systemd", "memory", "cpu"};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        h = cgroups_find(c, order[i]);
        if (h && h->dir >= 0)
            return h;
    }
    return NULL;
}

/* --- walking a tree of cgroups, the deepest first */

typedef struct err *visit_fn(int dir, void *arg);

static struct err *walk(int dirfd_, unsigned depth, visit_fn *visit, void *arg)
{
    if (depth > DEPTH_MAX)
        return err_new(ERR_LIMIT, "cgroups nested deeper than %d", DEPTH_MAX);
    int fd = openat(dirfd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open cgroup");
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return err_sys(errno, "open cgroup");
    }
    struct err *e = NULL;
    for (struct dirent *ent; !e && (ent = readdir(d));) {
        if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
            continue;
        auto_close sub = openat(fd, ent->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (sub >= 0)
            e = walk(sub, depth + 1, visit, arg);
    }
    closedir(d);
    return e ? e : visit(dirfd_, arg);
}

struct pid_set {
    struct arena *a;
    pid_t *v;
    size_t n, room;
};

static struct err *add_pids(int dir, void *arg)
{
    struct pid_set *s = arg;
    auto_free char *text = NULL;
    auto_err *e = file_read(dir, "cgroup.procs", 4 << 20, &text, NULL);
    if (e)
        return NULL; /* threaded (EOPNOTSUPP) or just removed */
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        pid_t pid = atoi(line);
        if (pid <= 0)
            continue;
        if (s->n == s->room) {
            size_t room = s->room ? 2 * s->room : 64;
            pid_t *v = arena_array(s->a, room, sizeof(*v));
            if (s->n)
                memcpy(v, s->v, s->n * sizeof(*v));
            s->v = v;
            s->room = room;
        }
        s->v[s->n++] = pid;
    }
    return NULL;
}

struct err *cgroups_pids(struct cgroups *c, struct arena *a, pid_t **ret, size_t *ret_n)
{
    struct pid_set s = {.a = a};
    struct cgroups_hierarchy *h = census(c);
    if (h)
        TRY_WRAP(walk(h->dir, 0, add_pids, &s), "processes of the cgroup");
    *ret = s.v;
    *ret_n = s.n;
    return NULL;
}

/* --- killing */

static void pause_ms(int ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

/* Signals everyone again and again: whoever forks meanwhile is caught in the next round. */
static struct err *kill_each(struct cgroups *c)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    for (int round = 0; clock_mono_ms() < end; round++) {
        auto_arena *a = arena_new();
        pid_t *pids;
        size_t n;
        TRY(cgroups_pids(c, a, &pids, &n));
        if (!n)
            return NULL;
        for (size_t i = 0; i < n; i++)
            kill(pids[i], SIGKILL);
        auto_err *thaw = cgroups_freeze(c, false); /* a frozen v1 cgroup would not die */
        (void)thaw;
        pause_ms(round < 5 ? 1 : 10);
    }
    return err_new(ERR_TIMEOUT, "processes of the cgroup did not end in %d ms", WAIT_MS);
}

/* Until the kernel says populated 0: it sends POLLPRI when that changes. */
static struct err *wait_empty(int dir)
{
    auto_close fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NULL : err_sys(errno, "open cgroup.events");
    for (int64_t end = clock_mono_ms() + WAIT_MS;;) {
        char text[256] = "";
        if (pread(fd, text, sizeof(text) - 1, 0) < 0)
            return errno == ENODEV ? NULL : err_sys(errno, "read cgroup.events");
        if (strstr(text, "populated 0"))
            return NULL;
        int64_t left = end - clock_mono_ms();
        if (left <= 0)
            return err_new(ERR_TIMEOUT, "processes of the cgroup did not end in %d ms", WAIT_MS);
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        poll(&p, 1, (int)left);
    }
}

struct err *cgroups_kill(struct cgroups *c, const char *path)
{
    struct cgroups_hierarchy *h = cgroups_unified(c);
    if (h && h->dir >= 0) {
        auto_err *e = file_put(h->dir, "cgroup.kill", "1");
        if (!e)
            return err_wrap(wait_empty(h->dir), "kill cgroup %s", path);
    }
    return err_wrap(kill_each(c), "kill cgroup %s", path);
}

/* --- removing */

static struct err *remove_children(int dir, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return err_new(ERR_LIMIT, "cgroups nested deeper than %d", DEPTH_MAX);
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "open cgroup");
    struct err *e = NULL;
    for (struct dirent *ent; !e && (ent = readdir(d));) {
        if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
            continue;
        auto_close sub = openat(fd, ent->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (sub >= 0)
            e = remove_children(sub, depth + 1);
        if (!e && unlinkat(fd, ent->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            e = err_sys(errno, "remove cgroup %s", ent->d_name);
    }
    closedir(d);
    return e;
}

static struct err *remove_one(struct cgroups_hierarchy *h, const char *path)
{
    for (int64_t end = clock_mono_ms() + WAIT_MS;;) {
        if (!unlinkat(h->root, path + 1, AT_REMOVEDIR) || errno == ENOENT)
            return NULL;
        if (errno != EBUSY && errno != ENOTEMPTY)
            return err_sys(errno, "remove cgroup %s%s", h->name, path);
        auto_close dir = openat(h->root, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            continue;
        auto_err *e = remove_children(dir, 0);
        if (!e && !unlinkat(h->root, path + 1, AT_REMOVEDIR))
            return NULL;
        if (clock_mono_ms() > end)
            return err_new(ERR_CONFLICT, "remove cgroup %s%s: it still holds processes", h->name, path);
        pause_ms(1); /* v1 has no event for the last exit */
    }
}

struct err *cgroups_remove(struct cgroups *c, const char *path)
{
    struct err *first = NULL;
    for (int i = 0; i < c->n; i++) {
        struct err *e = remove_one(&c->at[i], path);
        if (!first)
            first = e;
        else
            err_free(e);
    }
    return first;
}

/* --- freezing */

static struct cgroups_hierarchy *freezer(struct cgroups *c)
{
    struct cgroups_hierarchy *h = cgroups_find(c, "freezer");
    return h && h->dir >= 0 ? h : NULL;
}

static struct err *freeze_v1(int dir, bool frozen)
{
    const char *want = frozen ? "FROZEN" : "THAWED";
    for (int64_t end = clock_mono_ms() + WAIT_MS;;) {
        TRY(file_put(dir, "freezer.state", want)); /* said again: a fork may have slipped out */
        auto_free char *text = NULL;
        TRY(file_read(dir, "freezer.state", 64, &text, NULL));
        if (!strncmp(text, want, 6))
            return NULL;
        if (clock_mono_ms() > end)
            return err_new(ERR_TIMEOUT, "the cgroup is still %.8s after %d ms", text, WAIT_MS);
        pause_ms(1);
    }
}

static struct err *freeze_v2(int dir, bool frozen)
{
    TRY(file_put(dir, "cgroup.freeze", frozen ? "1" : "0"));
    auto_close fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open cgroup.events");
    for (int64_t end = clock_mono_ms() + WAIT_MS;;) {
        char text[256] = "";
        if (pread(fd, text, sizeof(text) - 1, 0) < 0)
            return err_sys(errno, "read cgroup.events");
        if (strstr(text, frozen ? "frozen 1" : "frozen 0"))
            return NULL;
        int64_t left = end - clock_mono_ms();
        if (left <= 0)
            return err_new(ERR_TIMEOUT, "not %s after %d ms", frozen ? "frozen" : "thawed", WAIT_MS);
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        poll(&p, 1, (int)left);
    }
}

struct err *cgroups_freeze(struct cgroups *c, bool frozen)
{
    struct cgroups_hierarchy *h = freezer(c);
    if (!h)
        return err_new(ERR_UNSUPPORTED, "the container has no freezer cgroup");
    return err_wrap(
        h->v2 ? freeze_v2(h->dir, frozen) : freeze_v1(h->dir, frozen), frozen ? "pause" : "resume");
}

bool cgroups_is_frozen(struct cgroups *c)
{
    struct cgroups_hierarchy *h = freezer(c);
    if (!h)
        return false;
    auto_free char *text = NULL;
    auto_err *e = file_read(h->dir, h->v2 ? "cgroup.freeze" : "freezer.state", 64, &text, NULL);
    return !e && (h->v2 ? text[0] == '1' : !strncmp(text, "FROZEN", 6) || !strncmp(text, "FREEZING", 8));
}

/* 1: frozen or on the way, 0: not, -1: there is no such file. */
static int state_in(const char *hierarchy, const char *path, const char *name)
{
    char state[16];
    auto_free char *file = mem_printf(CGROUPS_ROOT "%s%s/%s", hierarchy, path, name);
    auto_close fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, state, sizeof(state));
    if (n <= 0)
        return -1;
    return state[0] == '1' || !strncmp(state, "FR", 2); /* FROZEN, FREEZING; not THAWED */
}

bool cgroups_was_frozen(const char *path)
{
    return state_in("/freezer", path, "freezer.state") > 0 || state_in("", path, "cgroup.freeze") > 0;
}

bool cgroups_is_frozen_at(const char *path)
{
    struct cgroups c;
    int state = state_in("/freezer", path, "freezer.state");
    if (state >= 0)
        return state;
    auto_err *e = cgroups_open(&c);
    if (e)
        return false;
    cgroups_lookup(&c, path);
    bool frozen = cgroups_is_frozen(&c);
    cgroups_close(&c);
    return frozen;
}
