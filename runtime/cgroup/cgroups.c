/*
 * Finding, making, entering and removing cgroups: see cgroups.h. What is written into their files is in
 * cgroups_limits.c, what happens to their processes in cgroups_procs.c.
 */
#include "runtime/cgroup/cgroups.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct err *add(struct cgroups *c, int parent, const char *name)
{
    if (c->n == CGROUPS_MAX)
        return err_new(ERR_LIMIT, "more than %d hierarchies", CGROUPS_MAX);
    auto_close fd = openat(parent, *name ? name : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statfs fs;
    if (fd < 0 || fstatfs(fd, &fs) < 0)
        return err_sys(errno, "%s", name);
    if (fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != CGROUP_SUPER_MAGIC)
        return NULL;
    struct cgroups_hierarchy *h = &c->at[c->n];
    if (snprintf(h->name, sizeof(h->name), "%s", name) >= (int)sizeof(h->name))
        return err_new(ERR_LIMIT, "%s: the name is too long", name);
    h->v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
    h->root = take_fd(fd);
    h->dir = -1;
    c->n++;
    return NULL;
}

struct err *cgroups_open(struct cgroups *c)
{
    c->n = 0;
    struct statfs fs;
    if (statfs(CGROUPS_ROOT, &fs) < 0)
        return err_sys(errno, CGROUPS_ROOT);
    c->pure_v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
    if (c->pure_v2)
        return err_wrap(add(c, AT_FDCWD, CGROUPS_ROOT), "cgroup hierarchies");
    DIR *d = opendir(CGROUPS_ROOT);
    if (!d)
        return err_sys(errno, "open " CGROUPS_ROOT);
    struct err *e = NULL;
    errno = 0; /* what tells the end from an error */
    for (struct dirent *ent; !e && (ent = readdir(d)); errno = 0)
        if (ent->d_type == DT_DIR &&
            ent->d_name[0] != '.') /* links (cpu -> cpu,cpuacct) are the same again */
            e = add(c, dirfd(d), ent->d_name);
    if (!e && errno)
        e = err_sys(errno, "read " CGROUPS_ROOT);
    closedir(d);
    if (!e && !c->n)
        e = err_new(ERR_UNSUPPORTED, "no cgroup hierarchy is mounted below " CGROUPS_ROOT);
    return err_wrap(e, "cgroup hierarchies");
}

void cgroups_close(struct cgroups *c)
{
    for (int i = 0; i < c->n; i++) {
        close(c->at[i].root);
        if (c->at[i].dir >= 0)
            close(c->at[i].dir);
    }
    c->n = 0;
}

struct cgroups_hierarchy *cgroups_unified(struct cgroups *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->at[i].v2)
            return &c->at[i];
    return NULL;
}

struct cgroups_hierarchy *cgroups_find(struct cgroups *c, const char *controller)
{
    size_t len = strlen(controller);
    for (int i = 0; i < c->n; i++) {
        if (c->at[i].v2)
            continue;
        for (const char *p = c->at[i].name; p; p = strchr(p, ',')) {
            p += *p == ',';
            if (!strncmp(p, controller, len) && (p[len] == '\0' || p[len] == ','))
                return &c->at[i];
        }
    }
    return cgroups_unified(c);
}

bool cgroups_is_v2(const void *c, const char *controller)
{
    struct cgroups_hierarchy *h = cgroups_find((struct cgroups *)c, controller);
    return h && h->v2;
}

struct err *cgroups_path(struct arena *a, const char *text, const char *id, const char **ret)
{
    if (!text || !*text)
        text = id;
    if (strchr(text, ':'))
        return err_new(ERR_UNSUPPORTED,
            "linux.cgroupsPath: \"%s\": the form slice:prefix:name needs systemd, which is not supported",
            text);
    for (const char *p = text; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
            return err_new(ERR_INVALID, "linux.cgroupsPath: \"%s\": must not contain ..", text);
    }
    while (*text == '/')
        text++;
    if (!*text)
        return err_new(ERR_INVALID, "linux.cgroupsPath: the root cgroup is not a container's");
    *ret = arena_printf(a, "/%s", text);
    return NULL;
}

/* --- making */

bool cgroups_lists(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = text; *p; p += strspn(p, " \n")) {
        size_t n = strcspn(p, " \n");
        if (n == len && !strncmp(p, name, len))
            return true;
        p += n;
    }
    return false;
}

const char *cgroups_path_of(char *text)
{
    char *line = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
    if (!line)
        return NULL;
    char *path = strstr(line, "0::/") + 4;
    path[strcspn(path, "\n")] = '\0';
    return path;
}

struct err *cgroups_number(int dir, const char *file, int64_t *ret)
{
    auto_free char *text = NULL;
    TRY(file_read(dir, file, 4096, &text, NULL));
    *ret = strncmp(text, "max", 3) ? strtoll(text, NULL, 10) : -1;
    return NULL;
}

/* A v2 cgroup has the controllers that each of its ancestors hands down. All are asked for at once: one that
 * holds processes refuses (EBUSY), and would, asked for one alone that can be had by threads, become a cgroup
 * that nothing can be below. Of others one may be refused that the rest is not. Who needs what is missing is
 * told by cgroups_limits.c; nothing here is tried again. */
static void hand_down(int dir)
{
    auto_free char *have = NULL, *on = NULL;
    auto_err *eh = file_read(dir, "cgroup.controllers", 4096, &have, NULL);
    auto_err *eo = file_read(dir, "cgroup.subtree_control", 4096, &on, NULL);
    if (eh || eo)
        return;
    auto_buf all = BUF_INIT(8192);
    char *save = NULL;
    for (char *name = strtok_r(have, " \n", &save); name; name = strtok_r(NULL, " \n", &save))
        if (!cgroups_lists(on, name))
            buf_addf(&all, "+%s ", name);
    auto_err *e = all.len ? file_put(dir, "cgroup.subtree_control", buf_str(&all)) : NULL;
    if (!e || err_errno(e) == EBUSY)
        return;
    for (char *one = strtok_r(all.data, " ", &save); one; one = strtok_r(NULL, " ", &save))
        err_free(file_put(dir, "cgroup.subtree_control", one));
}

/* A v1 cpuset starts with nothing, and nothing can enter it: it gets what its parent has. */
static struct err *fill_cpuset(int parent, int dir)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        auto_free char *own = NULL, *from = NULL;
        TRY(file_read(dir, files[i], 4096, &own, NULL));
        if (own[0] != '\n')
            continue;
        TRY_WRAP(file_read(parent, files[i], 4096, &from, NULL), "the folder above");
        TRY(file_put(dir, files[i], from));
    }
    return NULL;
}

static struct err *make_steps(struct cgroups_hierarchy *h, const char *path)
{
    bool cpuset = !strcmp(h->name, "cpuset") || strstr(h->name, "cpuset,") || strstr(h->name, ",cpuset");
    auto_free char *copy = mem_strdup(path);
    auto_close at = dup(h->root);
    if (at < 0)
        return err_sys(errno, "make cgroup %s%s", h->name, path);
    char *save = NULL;
    for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
        if (h->v2)
            hand_down(at);
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
            return err_sys(errno, "make cgroup %s%s", h->name, path);
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (next < 0)
            return err_sys(errno, "open cgroup %s%s", h->name, path);
        struct err *e = NULL;
        if (cpuset)
            e = fill_cpuset(at, next);
        close(at);
        at = next;
        TRY_WRAP(e, "make cgroup %s%s", h->name, path);
    }
    h->dir = take_fd(at);
    return NULL;
}

struct err *cgroups_make(struct cgroups_hierarchy *h, const char *path)
{
    if (h->v2 || !strcmp(h->name, "cpuset"))
        return make_steps(h, path);
    if (mkdirat(h->root, path + 1, 0755) < 0 && errno != EEXIST)
        return make_steps(h, path);
    h->dir = openat(h->root, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return h->dir < 0 ? err_sys(errno, "open cgroup %s%s", h->name, path) : NULL;
}

void cgroups_lookup(struct cgroups *c, const char *path)
{
    for (int i = 0; path && i < c->n; i++)
        c->at[i].dir = openat(c->at[i].root, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* --- entering */

struct err *cgroups_tasks(struct cgroups *c, const char *path, int fds[CGROUPS_MAX], int *ret_n)
{
    auto_free char *below = path ? mem_printf("%s/tasks", path + 1) : NULL;
    *ret_n = 0;
    for (int i = 0; i < c->n; i++) {
        const struct cgroups_hierarchy *h = &c->at[i];
        bool open = h->dir >= 0;
        if (h->v2 || (!open && !below))
            continue;
        int fd = openat(open ? h->dir : h->root, open ? "tasks" : below, O_WRONLY | O_CLOEXEC);
        if (fd < 0 && !open && errno == ENOENT)
            continue;
        if (fd < 0)
            return err_sys(errno, "open cgroup %s: tasks", h->name);
        fds[(*ret_n)++] = fd;
    }
    return NULL;
}

struct err *cgroups_enter(const int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        if (write(fds[i], "0", 1) < 0)
            return err_sys(errno, "enter a cgroup");
        close(fds[i]);
    }
    return NULL;
}
