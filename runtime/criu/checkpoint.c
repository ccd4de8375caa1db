/* checkpoint: a running container into files, by CRIU. What is not to go on running is deleted afterwards. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/container.h"
#include "runtime/criu/criu.h"
#include "runtime/criu/criu_options.h"
#include "runtime/record.h"
#include "runtime/verbs/delete.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG "dump.log"
#define DESCRIPTORS "descriptors.json"

struct options {
    struct criu_options criu;
    const char *parent_path, *page_server;
    bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
    int64_t status_fd;
};

struct checkpoint {
    struct arena *a;
    struct options *o;
    struct record r;
    const struct oci_config *config;
};

/* --- the request */

static struct err *put_page_server(const char *text, struct buf *opts)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    char *end;
    if (!text)
        return NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || colon == text || *end || port <= 0 || port > 65535)
        return err_new(ERR_INVALID, "--page-server: \"%s\": must be ADDRESS:PORT", text);
    auto_buf m = BUF_INIT(4096);
    auto_free char *address = mem_strndup(text, (size_t)(colon - text));
    criu_put_str(&m, 1, address);
    criu_put_int(&m, 2, port);
    criu_put_message(opts, CRIU_PAGE_SERVER, &m);
    return NULL;
}

/* What it reads from and to: the name of the file of a mask goes to the same name as /dev/null. */
static struct err *put_masks(struct checkpoint *k, struct buf *opts)
{
    const struct str_list *l = &k->config->linux_->masked_paths;
    auto_free char *path = mem_printf("/proc/%lld/root", (long long)k->r.pid.v);
    auto_close root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(errno, "open the container's root");
    for (size_t i = 0; i < l->n; i++) {
        auto_close at = -1;
        auto_err *e = file_open_in_root(root, l->v[i], O_PATH, 0, &at);
        struct stat st;
        if (!e && !fstat(at, &st) && !S_ISDIR(st.st_mode))
            criu_put_pair(opts, CRIU_EXT_MNT, l->v[i], "/dev/null");
    }
    return NULL;
}

/* Namespaces that the container was given: they must be there again at the restore, and are not saved. */
static struct err *put_given_namespaces(struct checkpoint *k, struct buf *opts)
{
    static const struct {
        const char *type, *file, *key;
    } kinds[] = {{"network", "net", "extRootNetNS"}, {"pid", "pid", "extRootPidNS"}};
    for (size_t i = 0; i < k->config->linux_->namespaces.n; i++) {
        const struct oci_namespace *n = &k->config->linux_->namespaces.v[i];
        for (size_t j = 0; n->path && j < ARRAY_SIZE(kinds); j++) {
            struct stat st;
            auto_free char *path = mem_printf("/proc/%lld/ns/%s", (long long)k->r.pid.v, kinds[j].file);
            if (strcmp(n->type, kinds[j].type))
                continue;
            if (stat(path, &st) < 0)
                return err_sys(errno, "%s", path);
            criu_put_str(opts, CRIU_EXTERNAL,
                arena_printf(
                    k->a, "%s[%llu]:%s", kinds[j].file, (unsigned long long)st.st_ino, kinds[j].key));
        }
    }
    return NULL;
}

static struct err *put_freezer(struct checkpoint *k, struct buf *opts)
{
    struct cgroups c;
    if (!k->r.cgroup)
        return NULL;
    TRY(record_cgroups(&k->r, &c));
    struct cgroups_hierarchy *h = cgroups_find(&c, "freezer");
    if (h && h->dir >= 0)
        criu_put_str(opts, CRIU_FREEZE_CGROUP,
            arena_printf(
                k->a, CGROUPS_ROOT "%s%s%s", c.pure_v2 ? "" : "/", c.pure_v2 ? "" : h->name, k->r.cgroup));
    cgroups_close(&c);
    return NULL;
}

static struct err *encode(struct checkpoint *k, struct buf *opts)
{
    struct options *o = k->o;
    struct mount_list mounts;
    TRY(mounts_plan(k->a, k->config, k->r.bundle, &mounts));
    if (!o->pre_dump) {
        TRY(criu_options_mounts(&o->criu, k->a, &mounts, k->r.cgroup, false));
        TRY(put_masks(k, opts));
    }
    TRY(criu_options_put(&o->criu, &k->r.annotations, LOG, opts));
    criu_put_str(opts, CRIU_ROOT, k->r.rootfs);
    criu_put_int(opts, CRIU_PID, k->r.pid.v);
    criu_put_flag(opts, CRIU_LEAVE_RUNNING, o->leave_running);
    criu_put_flag(opts, CRIU_TCP_SKIP_IN_FLIGHT, o->tcp_skip_in_flight);
    criu_put_flag(opts, CRIU_LINK_REMAP, o->link_remap);
    if (o->parent_path) {
        criu_put_str(opts, CRIU_PARENT_IMG, o->parent_path);
        criu_put_flag(opts, CRIU_TRACK_MEM, true);
    }
    TRY(put_page_server(o->page_server, opts));
    TRY(put_given_namespaces(k, opts));
    return put_freezer(k, opts);
}

/* --- what it needs of us */

/* What init's stdio is: at the restore pipes are given again, by these names. */
static struct err *save_descriptors(const struct checkpoint *k)
{
    auto_buf b = BUF_INIT(16 << 10);
    struct json_out o = {.buf = &b};
    json_out_array(&o, NULL);
    for (int fd = 0; fd < 3; fd++) {
        char target[PATH_MAX];
        auto_free char *path = mem_printf("/proc/%lld/fd/%d", (long long)k->r.pid.v, fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        json_out_strn(&o, NULL, target, n < 0 ? 0 : (size_t)n);
    }
    json_out_end_array(&o);
    TRY(buf_check(&b, DESCRIPTORS));
    return file_write_atomic(k->o->criu.images, DESCRIPTORS, b.data, b.len, 0600, FILE_FSYNC);
}

static struct err *notified(void *arg, const struct criu_response *r, int fd)
{
    struct checkpoint *k = arg;
    (void)fd;
    if (!r->script || strcmp(r->script, "status-ready") || k->o->status_fd < 0)
        return NULL;
    /* whoever brings the pages to the other side may begin */
    if (write((int)k->o->status_fd, "", 1) < 0)
        return err_sys(errno, "--status-fd");
    close((int)k->o->status_fd);
    k->o->status_fd = -1;
    return NULL;
}

static struct err *check_features(const struct checkpoint *k)
{
    if (k->o->pre_dump)
        TRY(criu_check(k->a, CRIU_FEATURE_MEM_TRACK, "MemTrack"));
    return k->o->criu.lazy_pages ? criu_check(k->a, CRIU_FEATURE_LAZY_PAGES, "LazyPages") : NULL;
}

/* Found by CRIU from within --image-path. */
static struct err *check_parent(const struct options *o)
{
    struct stat st;
    if (!o->parent_path)
        return NULL;
    if (o->parent_path[0] == '/')
        return err_new(
            ERR_INVALID, "--parent-path: \"%s\": must be relative to --image-path", o->parent_path);
    if (fstatat(o->criu.images, o->parent_path, &st, 0) < 0)
        return err_sys(errno, "--parent-path: %s", o->parent_path);
    return S_ISDIR(st.st_mode) ? NULL
                               : err_new(ERR_INVALID, "--parent-path: %s: not a directory", o->parent_path);
}

static struct err *dump(struct checkpoint *k)
{
    auto_buf opts = BUF_INIT(32 << 10);
    struct criu_start s = {.cgroup = -1};
    struct criu_response r;
    struct criu c;
    TRY(criu_options_open(&k->o->criu, true));
    TRY(check_parent(k->o));
    TRY(encode(k, &opts));
    TRY(check_features(k));
    if (!k->o->pre_dump)
        TRY(save_descriptors(k));
    TRY(criu_begin(k->a, &s, &c));
    struct err *e = criu_request(&c, k->o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, &opts, notified, k, &r);
    criu_end(&c);
    if (e)
        criu_options_quote_log(&k->o->criu, LOG);
    return e;
}

/* --- the verb */

static struct err *check_status_fd(const struct options *o)
{
    int flags = o->status_fd < 0 ? O_WRONLY : fcntl((int)o->status_fd, F_GETFL);
    if (flags < 0)
        return err_sys(errno, "invalid --status-fd argument %lld", (long long)o->status_fd);
    return (flags & O_ACCMODE) == O_RDONLY
               ? err_new(
                     ERR_INVALID, "invalid --status-fd argument %lld: not writable", (long long)o->status_fd)
               : NULL;
}

static struct err *checkpoint(const struct globals *g, const char *id, struct options *o)
{
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct checkpoint k = {.a = a, .o = o};
    TRY(check_status_fd(o));
    TRY(record_find(g->root, id, a, &dir, &k.r));
    TRY(record_lock(dir));
    enum record_status s = record_status(&k.r, dir);
    if (s != RECORD_RUNNING && s != RECORD_PAUSED)
        return err_new(ERR_CONFLICT, "Container cannot be checkpointed in %s state", record_status_name(s));
    TRY(container_config(a, k.r.bundle, k.r.config, &k.config));
    TRY(dump(&k));
    record_unlock(dir);
    return o->leave_running || o->pre_dump ? NULL : delete_container(g, id, true);
}

struct err *verb_checkpoint(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct options o = {.status_fd = -1};
    const struct arg_option options[] = {CRIU_OPTIONS(&o.criu),
        {"parent-path", 0, ARG_STR, &o.parent_path, "DIR", "images of a pre-dump, relative to --image-path"},
        {"page-server", 0, ARG_STR, &o.page_server, "ADDRESS:PORT", "memory goes there"},
        {"status-fd", 0, ARG_INT, &o.status_fd, "N", "gets a zero byte when --lazy-pages is ready"},
        {"leave-running", 0, ARG_FLAG, &o.leave_running, NULL, "it goes on afterwards"},
        {"pre-dump", 0, ARG_FLAG, &o.pre_dump, NULL, "only memory, and it goes on"},
        {"tcp-skip-in-flight", 0, ARG_FLAG, &o.tcp_skip_in_flight, NULL, "leave out connections being made"},
        {"link-remap", 0, ARG_FLAG, &o.link_remap, NULL, "allow deleted files that are open"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime checkpoint [options] ID",
        .about = "Saves a running container to files, with CRIU, and ends it.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    *ret_status = 0;
    return checkpoint(g, operands[0], &o);
}
