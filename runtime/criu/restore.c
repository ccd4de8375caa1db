/* restore: a container out of the files of a checkpoint. CRIU makes the processes; what is around them
 * (record, cgroups, mount points, terminal, the foreground) is made as for run. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/criu/criu.h"
#include "runtime/criu/criu_options.h"
#include "runtime/handover.h"
#include "runtime/launch.h"
#include "runtime/process/hooks.h"
#include "runtime/tree/rootfs_internal.h"
#include "runtime/verbs/foreground.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG "restore.log"
#define DESCRIPTORS "descriptors.json"
#define ROOT "criu-root" /* in the container's folder */

struct restore {
    struct arena *a;
    struct criu_options criu;
    struct container_options opts;
    const char *lsm_profile, *lsm_mount_context;
    struct launch l;
    int fds[CRIU_FDS], n_fds;
};

/* --- places to mount on, as a first start makes them */

static bool lies_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) && path[n] == '/';
}

/* CRIU brings what is in a tmpfs back; below another's bind mount its folder has them. */
static bool is_elsewhere(const struct mount_list *l, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (lies_below(l->v[at].destination, l->v[i].destination))
            return true;
    return l->v[at].kind == MOUNT_CGROUP;
}

static struct err *make_mount_points(const struct container *c)
{
    auto_close root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(errno, "root.path");
    for (size_t i = 0; i < c->mounts.n; i++) {
        const struct mount_plan *m = &c->mounts.v[i];
        struct stat st;
        auto_close at = -1;
        if (is_elsewhere(&c->mounts, i))
            continue;
        bool is_file = m->kind == MOUNT_BIND && !stat(m->source, &st) && !S_ISDIR(st.st_mode);
        TRY_WRAP(rootfs_target(root, m->destination, !is_file, m->dest_nofollow, &at), "mounts[%zu]", i);
    }
    return NULL;
}

/* --- the request */

static void put_inherited(struct buf *opts, const char *key, int fd)
{
    auto_buf m = BUF_INIT(4096);
    criu_put_str(&m, 1, key);
    criu_put_int(&m, 2, fd);
    criu_put_message(opts, CRIU_INHERIT_FD, &m);
}

/* Pipes that stdio was: criu has ours at the same numbers. */
static struct err *put_pipes(struct restore *r, struct buf *opts)
{
    auto_free char *text = NULL;
    size_t len;
    const struct json *j;
    int fd = 0;
    TRY(file_read(r->criu.images, DESCRIPTORS, 64 << 10, &text, &len));
    TRY_WRAP(json_parse(r->a, text, len, NULL, &j), DESCRIPTORS);
    json_each_item (it, j) {
        const char *s = json_str(it);
        if (s && fd < 3 && !strncmp(s, "pipe:", 5))
            put_inherited(opts, s, fd);
        fd++;
    }
    return NULL;
}

/* Of those that CRIU did not save it gets descriptors; the others it enters. */
static struct err *put_namespace(struct restore *r, const struct oci_namespace *n, struct buf *opts)
{
    static const struct {
        const char *type, *key;
    } saved_by_name[] = {{"network", "extRootNetNS"}, {"pid", "extRootPidNS"}};
    for (size_t i = 0; i < ARRAY_SIZE(saved_by_name); i++) {
        if (strcmp(n->type, saved_by_name[i].type))
            continue;
        int fd = open(n->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return err_sys(errno, "requested %s namespace: %s", n->type, n->path);
        put_inherited(opts, saved_by_name[i].key, 4 + r->n_fds);
        r->fds[r->n_fds++] = fd;
        return NULL;
    }
    if (!strcmp(n->type, "cgroup"))
        return err_new(ERR_UNSUPPORTED, "criu enters no cgroup namespace: %s", n->path);
    criu_put_pair(opts, CRIU_JOIN_NS, strcmp(n->type, "mount") ? n->type : "mnt", n->path);
    return NULL;
}

/* Where the processes are to stand: as criu itself does, which has entered. */
static struct err *put_cgroup_roots(pid_t criu, struct buf *opts)
{
    char path[40], *text = NULL, *save = NULL;
    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)criu);
    TRY(file_read(AT_FDCWD, path, 64 << 10, &text, NULL));
    auto_free char *owned = text;
    for (char *line = strtok_r(owned, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':'), *at = names ? strchr(++names, ':') : NULL, *next = NULL;
        if (!at)
            continue;
        *at++ = '\0';
        if (!*names)
            criu_put_pair(opts, CRIU_CG_ROOT, "", at);
        for (char *name = strtok_r(names, ",", &next); name; name = strtok_r(NULL, ",", &next))
            criu_put_pair(opts, CRIU_CG_ROOT, name, at);
    }
    return NULL;
}

static struct err *encode(struct restore *r, const char *root, struct buf *opts)
{
    struct container *c = &r->l.c;
    TRY(criu_options_mounts(&r->criu, r->a, &c->mounts, c->cgroup, true));
    TRY(criu_options_put(&r->criu, &c->config->annotations, LOG, opts));
    criu_put_str(opts, CRIU_ROOT, root);
    criu_put_flag(opts, CRIU_EVASIVE_DEVICES, true);
    criu_put_flag(opts, CRIU_RST_SIBLING, true); /* the container's init is our child */
    if (r->lsm_profile)
        criu_put_str(opts, CRIU_LSM_PROFILE, r->lsm_profile);
    if (r->lsm_mount_context)
        criu_put_str(opts, CRIU_LSM_MOUNT_CONTEXT, r->lsm_mount_context);
    for (size_t i = 0; i < c->config->linux_->namespaces.n; i++)
        if (c->config->linux_->namespaces.v[i].path)
            TRY(put_namespace(r, &c->config->linux_->namespaces.v[i], opts));
    return put_pipes(r, opts);
}

/* --- what it needs of us */

static struct err *notified(void *arg, const struct criu_response *n, int fd)
{
    struct restore *r = arg;
    struct launch *l = &r->l;
    const char *what = n->script ? n->script : "";
    if (!strcmp(what, "setup-namespaces")) {
        l->pid = (pid_t)n->pid;
        return launch_outer_hooks(l);
    }
    if (!strcmp(what, "post-restore")) {
        l->pid = (pid_t)n->pid;
        return launch_record(l);
    }
    if (!strcmp(what, "orphan-pts-master") && fd >= 0 && l->c.console >= 0)
        return handover_send(l->c.console, "/dev/ptmx", fd);
    return NULL;
}

static struct err *converse(struct restore *r, struct criu *criu, struct buf *opts)
{
    struct criu_response answer;
    TRY(put_cgroup_roots(criu->pid, opts));
    TRY(criu_request(criu, CRIU_RESTORE, opts, notified, r, &answer));
    r->l.pid = (pid_t)answer.pid;
    r->l.pidfd = (int)syscall(SYS_pidfd_open, r->l.pid, 0);
    return r->l.pidfd < 0 ? err_sys(errno, "the restored init") : NULL;
}

static struct err *restore(struct restore *r)
{
    struct launch *l = &r->l;
    struct container *c = &l->c;
    int tasks[CGROUPS_MAX];
    struct cgroups_hierarchy *h = cgroups_unified(&l->cgroups);
    const char *root = arena_printf(r->a, "/proc/self/fd/%d/" ROOT, c->dir);
    auto_buf opts = BUF_INIT(32 << 10);
    struct criu criu;
    char real[4096];
    if (mkdirat(c->dir, ROOT, 0755) < 0 || !realpath(root, real))
        return err_sys(errno, "make " ROOT);
    TRY(make_mount_points(c));
    TRY(encode(r, real, &opts));
    TRY(launch_cgroups(l));
    struct criu_start s = {.cgroup = h ? h->dir : -1,
        .tasks = tasks,
        .fds = r->fds,
        .n_fds = r->n_fds,
        .root = real,
        .rootfs = c->rootfs};
    TRY(cgroups_tasks(&l->cgroups, NULL, tasks, &s.n_tasks));
    TRY(criu_begin(r->a, &s, &criu));
    struct err *e = converse(r, &criu, &opts);
    criu_end(&criu);
    if (e)
        criu_options_quote_log(&r->criu, LOG);
    if (c->console >= 0) /* nothing more comes */
        close(take_fd(c->console));
    return e;
}

/* --- the verb */

static struct err *run(const struct globals *g, struct restore *r, int *ret_status)
{
    struct foreground fg;
    TRY(criu_options_open(&r->criu, false));
    if (!r->opts.detach)
        TRY(foreground_begin(&fg, !r->opts.no_subreaper));
    TRY(launch_prepare(g, &r->opts, r->a, &r->l));
    struct err *e = restore(r);
    if (e) {
        err_free(launch_destroy(&r->l));
        return e;
    }
    *ret_status = 0;
    if (r->opts.detach)
        return NULL;
    TRY(foreground_stay(&fg, r->l.pid, r->l.pidfd, r->l.console, ret_status));
    return launch_finish(&r->l);
}

struct err *verb_restore(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct restore r = {.opts = {.root = g->root, .no_cgroups = g->no_cgroups}};
    struct container_options *o = &r.opts;
    const struct arg_option options[] = {CRIU_OPTIONS(&r.criu),
        {"bundle", 'b', ARG_STR, &o->bundle, "DIR", "folder with config.json (the current one)"},
        {"console-socket", 0, ARG_STR, &o->console_socket, "PATH",
            "unix socket that gets the terminal's master"},
        {"pid-file", 0, ARG_STR, &o->pid_file, "FILE", "where to write init's pid"},
        {"detach", 'd', ARG_FLAG, &o->detach, NULL, "do not stay with the container"},
        {"no-subreaper", 0, ARG_FLAG, &o->no_subreaper, NULL, "orphans of the container are not ours"},
        {"no-pivot", 0, ARG_FLAG, &o->no_pivot, NULL, "accepted: CRIU changes the root"},
        {"lsm-profile", 0, ARG_STR, &r.lsm_profile, "TYPE:NAME", "another LSM profile than the saved one"},
        {"lsm-mount-context", 0, ARG_STR, &r.lsm_mount_context, "CONTEXT",
            "another SELinux context of mounts"},
        {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime restore [options] ID",
        .about = "Makes a container of what checkpoint has saved, with CRIU.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    o->id = operands[0];
    auto_arena *a = arena_new();
    r.a = a;
    return run(g, &r, ret_status);
}
