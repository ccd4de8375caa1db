/* delete: all that is left of a stopped container; with --force of one in any state, a half-made one too. */
#include "runtime/verbs/delete.h"
#include "lib/args.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/cgroup/rdt.h"
#include "runtime/process/hooks.h"
#include "runtime/record.h"
#include "runtime/verbs/record_list.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_MS 10000

static struct err *kill_init(const struct record *r)
{
    auto_close pidfd = record_pidfd(r);
    if (pidfd < 0)
        return errno == ESRCH ? NULL : err_sys(errno, "look for init");
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return err_sys(errno, "kill init");
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int rc = poll(&p, 1, END_MS);
    if (rc < 0)
        return err_sys(errno, "wait for init");
    if (rc == 0)
        return err_new(ERR_TIMEOUT, "init did not end in %d s", END_MS / 1000);
    return NULL;
}

/* A paused container would not die; a joined pid namespace does not die with init. */
static struct err *empty_cgroups(struct cgroups *c, const struct record *r, bool force)
{
    bool others = force || !record_has_pids(r); /* there may be */
    if (others)
        cgroups_lookup(c, r->cgroup);
    if (force && cgroups_is_frozen(c))
        TRY(cgroups_freeze(c, false));
    TRY(kill_init(r));
    return others ? cgroups_kill(c, r->cgroup) : NULL;
}

static struct err *remove_cgroups(const struct record *r, bool force)
{
    struct cgroups c;
    if (!r->cgroup) /* half-made, or made without */
        return force ? kill_init(r) : NULL;
    TRY(cgroups_open(&c));
    struct err *e = empty_cgroups(&c, r, force);
    if (!e)
        e = cgroups_remove(&c, r->cgroup);
    cgroups_close(&c);
    return e;
}

struct err *delete_container(const struct globals *g, const char *id, bool force)
{
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    auto_close root = -1;
    auto_close dir = -1;
    struct record r;
    TRY(record_check_id(id));
    TRY(record_root(g->root, false, &root));
    struct err *e = record_load(root, id, a, &dir, &r);
    if (e && force && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    TRY(record_lock(dir));
    enum record_status s = record_status(&r, dir);
    if (!force && s != RECORD_STOPPED && s != RECORD_CREATED)
        return err_new(
            ERR_CONFLICT, "cannot delete container %s that is not stopped: %s", id, record_status_name(s));
    TRY_WRAP(remove_cgroups(&r, force || s == RECORD_CREATED), "delete container %s", id);
    TRY_WRAP(rdt_release(a, r.intel_rdt, id), "delete container %s", id);
    struct oci_state stopped = record_state(&r, RECORD_STOPPED);
    hooks_poststop(r.hooks, &stopped);
    return record_remove(root, id);
}

static struct err *visit(const struct globals *g, const char *id, void *arg)
{
    return delete_container(g, id, *(const bool *)arg);
}

struct err *verb_delete(const struct globals *g, int argc, char **argv, int *ret_status)
{
    bool force = false, regex = false;
    const struct arg_option options[] = {
        {"force", 'f', ARG_FLAG, &force, NULL, "kill it first; no error where there is none"},
        {"regex", 'r', ARG_FLAG, &regex, NULL, "all whose ids match this extended regular expression"},
        {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime delete [--force] [--regex] ID",
        .about = "Removes what is left of a container.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    *ret_status = 0;
    return record_each(g, operands[0], regex, visit, &force);
}
