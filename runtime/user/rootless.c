/* See rootless.h. */
#include "runtime/user/rootless.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include "runtime/tree/procfs.h"
#include "runtime/user/idmap.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TOOL_MS 10000

bool rootless_user(void)
{
    return geteuid() != 0;
}

/* The host's own map is the one that leaves nothing out. */
bool rootless(void)
{
    auto_free char *text = NULL;
    unsigned in, out, size;
    if (rootless_user())
        return true;
    auto_err *e = file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &text, NULL);
    return !e && (sscanf(text, "%u %u %u", &in, &out, &size) != 3 || in || out || size != 0xffffffffU);
}

struct err *rootless_tolerate(struct err *e)
{
    bool refused = e && (err_kind(e) == ERR_DENIED || err_errno(e) == EROFS || err_errno(e) == ENOENT);
    if (!refused || !rootless())
        return e;
    err_free(e);
    return NULL;
}

void rootless_open_to_user(bool open)
{
    if (rootless_user())
        prctl(PR_SET_DUMPABLE, open, 0, 0, 0);
}

/* --- the tools */

static bool is_own(const struct oci_id_map *v, size_t n, uid_t id)
{
    return n == 1 && opt_int_or(v[0].size, 0) == 1 && opt_int_or(v[0].host_id, -1) == (int64_t)id;
}

static struct err *find_tool(struct arena *a, const char *name, const char **ret)
{
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/bin"; *p; p += *p == ':') {
        size_t n = strcspn(p, ":");
        *ret = arena_printf(a, "%.*s/%s", (int)n, p, name);
        if (n && *p == '/' && !access(*ret, X_OK))
            return NULL;
        p += n;
    }
    return err_new(ERR_UNSUPPORTED, "more than one's own id needs %s, which is not in $PATH", name);
}

/* TOOL PID INSIDE OUTSIDE SIZE... */
static struct err *run_tool(
    struct arena *a, const char *name, pid_t pid, const struct oci_id_map *v, size_t n)
{
    const char **argv = arena_array(a, 3 * n + 3, sizeof(*argv));
    size_t at = 1;
    TRY(find_tool(a, name, &argv[0]));
    argv[at++] = arena_printf(a, "%d", (int)pid);
    for (size_t i = 0; i < n; i++) {
        argv[at++] = arena_printf(a, "%lld", (long long)opt_int_or(v[i].container_id, 0));
        argv[at++] = arena_printf(a, "%lld", (long long)opt_int_or(v[i].host_id, 0));
        argv[at++] = arena_printf(a, "%lld", (long long)opt_int_or(v[i].size, 0));
    }
    struct spawn_opts o = {.argv = argv, .out_max = 4096, .err_max = 4096, .deadline_ms = TOOL_MS};
    struct spawn_result r;
    TRY(spawn_run(&o, &r));
    struct err *e = spawn_result_err(&r, name);
    spawn_result_done(&r);
    return e;
}

/* --- the maps */

static struct err *write_gids(
    struct arena *a, const struct oci_linux *l, pid_t pid, int proc, const char *text)
{
    const struct oci_id_map *v = l->gid_mappings.v;
    if (rootless_user() && !is_own(v, l->gid_mappings.n, getegid()))
        return run_tool(a, "newgidmap", pid, v, l->gid_mappings.n);
    if (rootless_user()) /* else a group that forbids something to its members could be left */
        TRY(procfs_put(proc, "setgroups", "deny"));
    return procfs_put(proc, "gid_map", text);
}

struct err *rootless_write_maps(struct arena *a, const struct oci_linux *l, pid_t pid)
{
    const struct oci_id_map *v = l->uid_mappings.v;
    const char *uids, *gids;
    auto_close proc = -1;
    TRY(idmap_text(a, "linux.uidMappings", v, l->uid_mappings.n, &uids));
    TRY(idmap_text(a, "linux.gidMappings", l->gid_mappings.v, l->gid_mappings.n, &gids));
    TRY(procfs_process(pid, &proc));
    bool tool = rootless_user() && !is_own(v, l->uid_mappings.n, geteuid());
    TRY_WRAP(tool ? run_tool(a, "newuidmap", pid, v, l->uid_mappings.n) : procfs_put(proc, "uid_map", uids),
        "linux.uidMappings");
    return err_wrap(write_gids(a, l, pid, proc, gids), "linux.gidMappings");
}
