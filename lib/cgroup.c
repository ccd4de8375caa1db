/*
 * The host's cgroup hierarchies and single files in them.
 *
 * v1: each controller (or several together) is a hierarchy with a mount of its own. v2: one hierarchy for
 * all. Hybrid: v1 for the controllers, and a cgroup2 mount beside them which has none or few, but knows
 * events, freezing and killing better than v1 does: our cgroups stand there too. Descriptors of the mount
 * points are opened once; everything else is relative to them.
 */
#include "lib/cgroup.h"
#include "lib/cgroup_host.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool in_list(const char *list, const char *word, char separator)
{
    size_t n = strlen(word);
    while (*list) {
        const char *end = strchrnul(list, separator);
        if ((size_t)(end - list) == n && !memcmp(list, word, n))
            return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

/* Of the mount options, those that are v1 controllers. */
static char *v1_controllers(const char *options)
{
    static const char known[] = "cpu,cpuacct,cpuset,memory,devices,freezer,net_cls,net_prio,blkio,perf_event,"
                                "hugetlb,pids,rdma,misc,name=systemd";
    auto_buf b = BUF_INIT(4096);
    auto_free char *copy = mem_strdup(options);
    char *save;
    for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save))
        if (in_list(known, o, ','))
            buf_addf(&b, "%s%s", b.len ? "," : "", o);
    return buf_take(&b);
}

/* cgroup.controllers separates by blanks. */
static char *v2_controllers(int fd)
{
    char *text;
    struct err *e = file_read(fd, "cgroup.controllers", CGROUP_FILE_MAX, &text, NULL);
    if (e) {
        err_free(e);
        return mem_strdup("");
    }
    text[strcspn(text, "\n")] = 0;
    for (char *p = text; *p; p++)
        if (*p == ' ')
            *p = ',';
    return text;
}

/* "\040" and the like, which mountinfo writes for blanks. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = 0;
}

static bool is_known(const struct cgroup_host *h, const char *controllers, bool unified)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].unified == unified && !strcmp(h->list[i].controllers, controllers))
            return true;
    return false;
}

/* One line of mountinfo: ID PARENT DEV ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS */
static struct err *add_mount(struct cgroup_host *h, char *line)
{
    char *tail = strstr(line, " - cgroup");
    if (!tail || h->n == CGROUP_HIERARCHIES)
        return NULL;
    char *field[5], *save, *rest = tail + 3;
    *tail = 0;
    for (int i = 0; i < 5; i++) {
        field[i] = strtok_r(i ? NULL : line, " ", &save);
        if (!field[i])
            return NULL;
    }
    char *type = strtok_r(rest, " ", &save), *source = strtok_r(NULL, " ", &save);
    char *options = strtok_r(NULL, " ", &save);
    if (!type || !source || !options)
        return NULL;
    unescape(field[3]);
    unescape(field[4]);
    bool unified = !strcmp(type, "cgroup2");
    auto_close fd = open(field[4], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open %s", field[4]);
    auto_free char *controllers = unified ? v2_controllers(fd) : v1_controllers(options);
    if (is_known(h, controllers, unified) || (!unified && !*controllers)) /* mounted twice, or foreign */
        return NULL;
    h->list[h->n++] =
        (struct cgroup_hierarchy){take_fd(fd), unified, take_ptr(controllers), mem_strdup(field[3])};
    return NULL;
}

struct err *cgroup_host_new(struct cgroup_host **ret)
{
    auto_free char *mounts = NULL;
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts, NULL));
    struct cgroup_host *h = mem_new(struct cgroup_host);
    char *save;
    for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct err *e = add_mount(h, line);
        if (e) {
            cgroup_host_free(h);
            return e;
        }
    }
    bool v2 = cgroup_find(h, "cgroup2"), v1 = h->n > (v2 ? 1 : 0);
    h->mode = v1 && v2 ? CGROUP_HYBRID : v2 ? CGROUP_V2 : CGROUP_V1;
    if (!h->n) {
        cgroup_host_free(h);
        return err_new(ERR_UNSUPPORTED, "no cgroup hierarchy is mounted");
    }
    *ret = h;
    return NULL;
}

void cgroup_host_free(struct cgroup_host *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++) {
        close(h->list[i].fd);
        free(h->list[i].controllers);
        free(h->list[i].root);
    }
    free(h);
}

enum cgroup_mode cgroup_host_mode(const struct cgroup_host *h)
{
    return h->mode;
}

bool cgroup_has(const struct cgroup_hierarchy *g, const char *controller)
{
    return in_list(g->controllers, controller, ',');
}

const struct cgroup_hierarchy *cgroup_find(const struct cgroup_host *h, const char *controller)
{
    bool tree = !strcmp(controller, "cgroup2");
    for (size_t i = 0; i < h->n; i++)
        if (tree ? h->list[i].unified : cgroup_has(&h->list[i], controller))
            return &h->list[i];
    return NULL;
}

bool cgroup_host_has(const struct cgroup_host *h, const char *controller)
{
    return cgroup_find(h, controller) != NULL;
}

struct err *cgroup_relative(const char *path, const char **ret)
{
    const char *p = path + strspn(path, "/");
    bool bad = !*p;
    for (const char *name = p; *name && !bad;) {
        size_t n = strcspn(name, "/");
        bad = !n || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.');
        name += n;
        if (*name && !*++name)
            bad = true;
    }
    if (bad)
        return err_new(ERR_INVALID, "cgroup path \"%.200s\": not names between slashes", path);
    *ret = p;
    return NULL;
}

/* Finds the hierarchy and makes the path of the file in it. */
static struct err *locate(const struct cgroup_host *h, const char *controller, const char *path,
    const char *file, int *ret_fd, char **ret)
{
    const char *relative;
    TRY(cgroup_relative(path, &relative));
    const struct cgroup_hierarchy *g = cgroup_find(h, controller);
    if (!g)
        return err_new(ERR_NOT_FOUND, "this host has no cgroup controller \"%s\"", controller);
    *ret_fd = g->fd;
    *ret = mem_printf("%s%s%s", relative, file ? "/" : "", file ? file : "");
    return NULL;
}

struct err *cgroup_write(
    const struct cgroup_host *h, const char *controller, const char *path, const char *file, const char *text)
{
    int fd;
    auto_free char *name = NULL;
    TRY(locate(h, controller, path, file, &fd, &name));
    return err_wrap(file_put(fd, name, text), "cgroup %s", controller);
}

struct err *cgroup_read(
    const struct cgroup_host *h, const char *controller, const char *path, const char *file, char **ret)
{
    int fd;
    size_t n;
    auto_free char *name = NULL;
    TRY(locate(h, controller, path, file, &fd, &name));
    TRY_WRAP(file_read(fd, name, CGROUP_FILE_MAX, ret, &n), "cgroup %s", controller);
    if (n && (*ret)[n - 1] == '\n')
        (*ret)[n - 1] = 0;
    return NULL;
}

struct err *cgroup_open(const struct cgroup_host *h, const char *controller, const char *path, int *ret_fd)
{
    int fd;
    auto_free char *name = NULL;
    TRY(locate(h, controller, path, NULL, &fd, &name));
    int opened = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return err_sys(errno, "cgroup %s: open %s", controller, name);
    *ret_fd = opened;
    return NULL;
}
