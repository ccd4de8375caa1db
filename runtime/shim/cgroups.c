/* See cgroups.h. A container's cgroup is the Pod's plus its id. */
#include "runtime/shim/cgroups.h"
#include "lib/cgroup.h"
#include "lib/mem.h"
#include "runtime/shim/shim.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMOVE_MS = 2000,
    ROUNDS = 4
}; /* processes that fork faster than this are the runtime's delete's business */

/* "oom_kill 3" in a line of its own, on v1 (memory.oom_control) as on v2 (memory.events). */
static uint64_t read_counter(const char *text)
{
    static const char key[] = "oom_kill ";
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, sizeof(key) - 1))
            return strtoull(line + sizeof(key) - 1, NULL, 10);
    }
    return 0;
}

uint64_t cgroups_oom_kills(const struct shim *s, const char *id)
{
    if (!s->cgroup)
        return 0;
    bool v2 = cgroup_host_mode(s->cgroups) == CGROUP_V2;
    auto_free char *path = mem_printf("%s/%s", s->cgroup, id);
    auto_free char *text = NULL;
    auto_err *e = cgroup_read(s->cgroups, "memory", path, v2 ? "memory.events" : "memory.oom_control", &text);
    return e ? 0 : read_counter(text);
}

static struct err *signal_round(const struct shim *s, const char *path, int sig, size_t *ret_n)
{
    auto_free pid_t *pids = NULL;
    TRY(cgroup_pids(s->cgroups, path, &pids, ret_n));
    for (size_t i = 0; i < *ret_n; i++)
        if (kill(pids[i], sig) < 0 && errno != ESRCH)
            return err_sys(errno, "kill %d", (int)pids[i]);
    return NULL;
}

struct err *cgroups_signal(const struct shim *s, const char *id, int sig)
{
    if (!s->cgroup)
        return err_new(ERR_UNSUPPORTED, "the sandbox has no cgroup");
    auto_free char *path = mem_printf("%s/%s", s->cgroup, id);
    if (sig == SIGKILL && cgroup_host_mode(s->cgroups) == CGROUP_V2) {
        struct err *e = cgroup_write(s->cgroups, "cgroup2", path, "cgroup.kill", "1");
        if (!e)
            return NULL;
        err_free(e); /* before 5.14 */
    }
    size_t n = 1;
    for (int i = 0; i < (sig == SIGKILL ? ROUNDS : 1) && n; i++)
        TRY(signal_round(s, path, sig, &n));
    return NULL;
}

struct err *cgroups_remove(const struct shim *s, const char *id)
{
    if (!s->cgroup)
        return NULL;
    auto_free char *path = mem_printf("%s/%s", s->cgroup, id);
    return cgroup_remove(s->cgroups, path, REMOVE_MS);
}
