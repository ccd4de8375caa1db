/*
 * Making, entering and removing cgroups.
 *
 * Entering is the expensive part. A write to cgroup.procs takes a lock over all threads of the host for
 * writing, and that waits for an RCU grace period: measured on Linux 6.18 (two cores, ten hierarchies), the
 * first write costs 6 to 20 ms, each further one soon after 15 to 40 us, because the lock is still in its
 * slow mode. A thread that moves only itself does not take that lock: "0" written to v1's `tasks`, 15 to 80
 * us, all nine v1 hierarchies together 0.3 ms. cgroup2 has no such door; but clone3(CLONE_INTO_CGROUP) makes
 * a process there without any of this. So the cheap way into a container is: clone3() into the cgroup2 (where
 * there is one), and cgroup_attach(h, path, 0) by that process itself, which finds itself in the cgroup2
 * already.
 */
#include "lib/cgroup.h"
#include "lib/cgroup_host.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_blank(int dir, const char *file)
{
    auto_free char *text = NULL;
    auto_err *e = file_read(dir, file, CGROUP_FILE_MAX, &text, NULL);
    return !e && !text[strspn(text, " \n")];
}

static struct err *copy_file(int from, int to, const char *file)
{
    auto_free char *text = NULL;
    TRY(file_read(from, file, CGROUP_FILE_MAX, &text, NULL));
    return file_put(to, file, text);
}

/* A new v1 cpuset has no CPU and no memory node, and admits no process until it has both.
 * cgroup.clone_children makes the kernel copy them, for all levels below the one where it is set. */
static struct err *fill_cpuset(int parent, int dir)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    bool copied = false;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (!is_blank(dir, files[i]))
            continue;
        TRY(copy_file(parent, dir, files[i]));
        copied = true;
    }
    return copied ? file_put(dir, "cgroup.clone_children", "1") : NULL;
}

/* Until Linux 5.11 a memory cgroup counted what is below it only if told to, before it had children. */
static void count_hierarchically(int dir)
{
    auto_free char *text = NULL;
    auto_err *e = file_read(dir, "memory.use_hierarchy", 64, &text, NULL);
    if (!e && text[0] == '0')
        err_free(file_put(dir, "memory.use_hierarchy", "1"));
}

/* Whatever dir may give to the cgroups below it and does not yet give. */
static void enable_controllers(int dir)
{
    auto_free char *offered = NULL, *enabled = NULL;
    auto_err *e = file_read(dir, "cgroup.controllers", CGROUP_FILE_MAX, &offered, NULL);
    auto_err *e2 = file_read(dir, "cgroup.subtree_control", CGROUP_FILE_MAX, &enabled, NULL);
    if (e || e2)
        return;
    auto_free char *known = mem_printf(" %.*s ", (int)strcspn(enabled, "\n"), enabled);
    char *save;
    for (char *c = strtok_r(offered, " \n", &save); c; c = strtok_r(NULL, " \n", &save)) {
        auto_free char *word = mem_printf(" %s ", c), *plus = mem_printf("+%s", c);
        if (strstr(known, word))
            continue;
        auto_err *failed = file_put(dir, "cgroup.subtree_control", plus);
        if (err_errno(failed) == EBUSY) /* processes are in dir itself: it will give nothing */
            return;
    }
}

/* Goes down to relative, making what is not there. */
static struct err *create_in(
    const struct cgroup_host *h, const struct cgroup_hierarchy *g, const char *relative)
{
    bool cpuset = !g->unified && cgroup_has(g, "cpuset"), memory = !g->unified && cgroup_has(g, "memory");
    bool controls = g->unified && h->mode == CGROUP_V2;
    if (!cpuset && !controls && (!memory || strchr(relative, '/'))) { /* mostly only the last name is new */
        if (mkdirat(g->fd, relative, 0755) == 0 || errno == EEXIST)
            return NULL;
    }
    auto_close dir = openat(g->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_free char *copy = mem_strdup(relative);
    char *save;
    bool top = true;
    for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save), top = false) {
        if (controls)
            enable_controllers(dir);
        if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
            return err_sys(errno, "mkdir %s in %s", relative, g->unified ? "cgroup2" : g->controllers);
        auto_close next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return err_sys(errno, "open %s in %s", relative, g->unified ? "cgroup2" : g->controllers);
        if (cpuset)
            TRY(fill_cpuset(dir, next));
        if (memory && top)
            count_hierarchically(next);
        close(dir);
        dir = take_fd(next);
    }
    return NULL;
}

struct err *cgroup_create(const struct cgroup_host *h, const char *path)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    for (size_t i = 0; i < h->n; i++)
        TRY_WRAP(create_in(h, &h->list[i], relative), "create cgroup %s", path);
    return NULL;
}

/* Whether /proc/PID/cgroup ("4:memory:/a/b" lines) has the process at relative in this hierarchy. */
static bool is_there(const char *memberships, const struct cgroup_hierarchy *g, const char *relative)
{
    auto_free char *want = mem_printf(
        ":%s:%s%s%s\n", g->unified ? "" : g->controllers, strcmp(g->root, "/") ? g->root : "", "/", relative);
    return strstr(memberships, want) != NULL;
}

/* v1 `tasks` moves one thread: as good as the process where that has no other. */
static bool has_one_thread(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

struct err *cgroup_attach(const struct cgroup_host *h, const char *path, pid_t pid)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    char text[16], proc[40] = "/proc/self/cgroup";
    snprintf(text, sizeof(text), "%d", (int)pid);
    if (pid)
        snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)pid);
    bool alone = !pid && has_one_thread();
    auto_free char *memberships = NULL;
    auto_err *unknown = file_read(AT_FDCWD, proc, CGROUP_FILE_MAX, &memberships, NULL);
    for (size_t i = 0; i < h->n; i++) {
        const struct cgroup_hierarchy *g = &h->list[i];
        if (!unknown && is_there(memberships, g, relative))
            continue;
        auto_free char *file = mem_printf("%s/%s", relative, alone && !g->unified ? "tasks" : "cgroup.procs");
        TRY_WRAP(file_put(g->fd, file, text), "enter cgroup %s", path);
    }
    return NULL;
}

static int remove_in(int parent, const char *name, unsigned depth);

/* Everything below dir; 0 or an errno. */
static int remove_children(int parent, const char *name, unsigned depth)
{
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? 0 : errno;
    auto_closedir *d = fdopendir(dir);
    if (!d) {
        close(dir);
        return ENOMEM;
    }
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(d)) && !failed;)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            failed = remove_in(dir, entry->d_name, depth + 1);
    return failed;
}

static int remove_in(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY && errno != ENOTEMPTY)
        return errno;
    if (depth == CGROUP_DEPTH)
        return ELOOP;
    int failed = remove_children(parent, name, depth);
    if (failed)
        return failed;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

static struct err *remove_from(const struct cgroup_hierarchy *g, const char *relative, int64_t until)
{
    for (;;) {
        int failed = remove_in(g->fd, relative, 0);
        if (!failed)
            return NULL;
        const char *where = g->unified ? "cgroup2" : g->controllers;
        if (failed != EBUSY)
            return err_sys(failed, "remove %s from %s", relative, where);
        if (clock_mono_ms() >= until || !cgroup_wait_empty(g, relative, until))
            return err_new(ERR_TIMEOUT, "remove %s from %s: processes are in it", relative, where);
        /* empty, yet busy a moment ago: the last process was between leaving and gone */
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

struct err *cgroup_remove(const struct cgroup_host *h, const char *path, unsigned timeout_ms)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    int64_t until = clock_mono_ms() + timeout_ms;
    struct err *first = NULL; /* one busy hierarchy does not keep the others */
    for (size_t i = 0; i < h->n; i++) {
        struct err *e = remove_from(&h->list[i], relative, until);
        if (first)
            err_free(e);
        else
            first = e;
    }
    return err_wrap(first, "cgroup %s", path);
}
