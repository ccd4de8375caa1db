/* See criu_options.h. */
#include "runtime/criu/criu_options.h"
#include "lib/file.h"
#include "runtime/report.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_MAX (64 << 20)
#define LOG_LEVEL 4
#define QUOTED_MAX 10
#define CONFIG_FILE                                                                                          \
    "/etc/criu/runc.conf" /* what administrators of other runtimes have put there holds here, too */

/* --- folders */

static struct err *open_folder(const char *option, const char *path, bool make, int *ret)
{
    if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_sys(errno, "--%s: make %s", option, path);
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? err_sys(errno, "--%s: open %s", option, path) : NULL;
}

struct err *criu_options_open(struct criu_options *o, bool make)
{
    o->work = -1;
    TRY(open_folder("image-path", o->image_path ? o->image_path : "checkpoint", make, &o->images));
    return o->work_path ? open_folder("work-path", o->work_path, true, &o->work) : NULL;
}

/* --- mounts */

struct gathering {
    struct arena *a;
    struct criu_options *o;
    bool sources;
};

static void add(struct gathering *g, const char *name, const char *source)
{
    g->o->mounts[g->o->n_mounts++] = (struct str_pair){name, g->sources ? source : name};
}

/* As rootfs_cgroup.c has mounted them: on v1 one folder per hierarchy. */
static struct err *add_cgroups(struct gathering *g, const char *destination, const char *cgroup)
{
    struct cgroups host;
    TRY(cgroups_open(&host));
    for (int i = 0; i < host.n; i++) {
        const char *name = host.pure_v2 ? "" : host.at[i].name, *slash = *name ? "/" : "";
        add(g, arena_printf(g->a, "%s%s%s", destination, slash, name),
            arena_printf(g->a, CGROUPS_ROOT "%s%s%s", slash, name, cgroup));
    }
    cgroups_close(&host);
    return NULL;
}

struct err *criu_options_mounts(struct criu_options *o, struct arena *a, const struct mount_list *mounts,
    const char *cgroup, bool sources)
{
    struct gathering g = {a, o, sources};
    o->mounts = arena_array(a, (mounts->n + 1) * CGROUPS_MAX, sizeof(*o->mounts));
    for (size_t i = 0; i < mounts->n; i++) {
        const struct mount_plan *m = &mounts->v[i];
        if (m->kind == MOUNT_BIND)
            add(&g, m->destination, m->source);
        else if (m->kind == MOUNT_CGROUP && cgroup)
            TRY(add_cgroups(&g, m->destination, cgroup));
    }
    add(&g, "/dev/null", "/dev/null"); /* what lies on masked files */
    return NULL;
}

/* --- the request */

static struct err *cgroups_mode(const char *text, int *ret)
{
    static const struct {
        const char *name;
        int mode;
    } modes[] = {{"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}};
    *ret = 6; /* CRIU's default */
    for (size_t i = 0; text && i < ARRAY_SIZE(modes); i++)
        if (!strcmp(text, modes[i].name)) {
            *ret = modes[i].mode;
            return NULL;
        }
    return text ? err_new(
                      ERR_INVALID, "--manage-cgroups-mode: \"%s\": invalid manage-cgroups-mode value", text)
                : NULL;
}

static struct err *put_network_lock(const char *text, struct buf *opts)
{
    int method = !text ? 0 : !strcmp(text, "iptables") ? 1 : !strcmp(text, "nftables") ? 2 : -1;
    if (method < 0)
        return err_new(ERR_INVALID, "--network-lock: \"%s\": must be iptables or nftables", text);
    if (method)
        criu_put_int(opts, CRIU_NETWORK_LOCK, method);
    return NULL;
}

static struct err *put_empty_namespaces(const struct str_list *l, struct buf *opts)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], "network"))
            return err_new(ERR_INVALID, "--empty-ns: \"%s\": only network is supported", l->v[i]);
    if (l->n)
        criu_put_int(opts, CRIU_EMPTY_NS, CLONE_NEWNET);
    return NULL;
}

static void put_config_file(const struct str_map *annotations, struct buf *opts)
{
    const char *file = CONFIG_FILE;
    for (size_t i = 0; i < annotations->n; i++)
        if (!strcmp(annotations->v[i].name, CRIU_CONFIG_ANNOTATION))
            file = annotations->v[i].value;
    if (*file)
        criu_put_str(opts, CRIU_CONFIG_FILE, file);
}

struct err *criu_options_put(
    const struct criu_options *o, const struct str_map *annotations, const char *log_file, struct buf *opts)
{
    int mode;
    TRY(cgroups_mode(o->cgroups, &mode));
    criu_put_int(opts, CRIU_IMAGES_DIR_FD, o->images);
    if (o->work >= 0)
        criu_put_int(opts, CRIU_WORK_DIR_FD, o->work);
    criu_put_int(opts, CRIU_LOG_LEVEL, LOG_LEVEL);
    criu_put_str(opts, CRIU_LOG_FILE, log_file);
    criu_put_flag(opts, CRIU_NOTIFY_SCRIPTS, true);
    criu_put_flag(opts, CRIU_ORPHAN_PTS_MASTER, true);
    criu_put_flag(opts, CRIU_MANAGE_CGROUPS, true);
    criu_put_int(opts, CRIU_MANAGE_CGROUPS_MODE, mode);
    criu_put_flag(opts, CRIU_TCP_ESTABLISHED, o->tcp_established);
    criu_put_flag(opts, CRIU_TCP_CLOSE, o->tcp_close);
    criu_put_flag(opts, CRIU_EXT_UNIX_SK, o->ext_unix);
    criu_put_flag(opts, CRIU_SHELL_JOB, o->shell_job);
    criu_put_flag(opts, CRIU_FILE_LOCKS, o->file_locks);
    criu_put_flag(opts, CRIU_AUTO_DEDUP, o->auto_dedup);
    criu_put_flag(opts, CRIU_LAZY_PAGES, o->lazy_pages);
    for (size_t i = 0; i < o->n_mounts; i++)
        criu_put_pair(opts, CRIU_EXT_MNT, o->mounts[i].name, o->mounts[i].value);
    put_config_file(annotations, opts);
    TRY(put_network_lock(o->network_lock, opts));
    return put_empty_namespaces(&o->empty_ns, opts);
}

/* --- its log */

void criu_options_quote_log(const struct criu_options *o, const char *log_file)
{
    auto_free char *text = NULL;
    auto_err *e = file_read(o->work >= 0 ? o->work : o->images, log_file, LOG_MAX, &text, NULL);
    char *save = NULL;
    int quoted = 0;
    for (char *line = e ? NULL : strtok_r(text, "\n", &save); line && quoted < QUOTED_MAX;
         line = strtok_r(NULL, "\n", &save))
        if (strstr(line, "Error")) {
            report_warning("%s: %s", log_file, line);
            quoted++;
        }
}
