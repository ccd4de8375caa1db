/* The upper levels of the cgroup tree, see cgroup_levels.h. */
#include "kubelet/cgroup_levels.h"
#include "lib/mem.h"
#include <errno.h>
#include <libcgroup.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a Pod's cgroup may need: those that the host has mounted are taken. */
static const char *const controllers[] = {
    "cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "io", "devices", "freezer", "hugetlb"};

static struct err *failed(int code, const char *what, const char *path)
{
    if (code == ECGOTHER)
        return err_sys(cgroup_get_last_errno(), "%s %s", what, path);
    return err_new(ERR_SYSTEM, "%s %s: %s", what, path, cgroup_strerror(code));
}

/* libcgroup reads the mount table once in a process's life. */
static struct err *init(void)
{
    static bool done;
    int code = done ? 0 : cgroup_init();
    if (code)
        return failed(code, "libcgroup", "init");
    done = true;
    return NULL;
}

static bool is_mounted(const char *controller)
{
    char *at = NULL;
    int code = cgroup_get_subsys_mount_point(controller, &at);
    free(at);
    return code == 0;
}

static struct err *fill(struct cgroup *g, const char *path, const char *file, int64_t value)
{
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        if (!is_mounted(controllers[i]))
            continue;
        struct cgroup_controller *c = cgroup_add_controller(g, controllers[i]);
        if (!c)
            return err_new(ERR_SYSTEM, "controller %s of %s", controllers[i], path);
        int code = strcmp(controllers[i], "cpu") == 0 ? cgroup_set_value_uint64(c, file, (uint64_t)value) : 0;
        if (code)
            return failed(code, file, path);
    }
    return NULL;
}

struct err *cgroup_levels_make(const char *path, const char *file, int64_t value)
{
    TRY(init());
    struct cgroup *g = cgroup_new_cgroup(path[0] == '/' ? path + 1 : path);
    if (!g)
        return err_new(ERR_SYSTEM, "cgroup %s: libcgroup refuses the name", path);
    struct err *e = fill(g, path, file, value);
    int code = e ? 0 : cgroup_create_cgroup(g, 1);
    if (code)
        e = failed(code, "create cgroup", path);
    cgroup_free(&g);
    return e;
}
