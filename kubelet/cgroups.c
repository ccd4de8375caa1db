/* The cgroup tree of Pods, see cgroups.h. */
#include "kubelet/cgroups.h"
#include "kubelet/cgroup_levels.h"
#include "kubelet/pods.h"
#include "lib/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CGROUPS_KILL_MS = 2000, CGROUPS_REMOVE_MS = 500 };

static const char *const level_names[] = {
    [POD_BEST_EFFORT] = "/besteffort", [POD_BURSTABLE] = "/burstable", [POD_GUARANTEED] = ""};

int64_t cgroups_shares(int64_t milli_cpu)
{
    int64_t shares = milli_cpu * 1024 / 1000;
    return shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
}

int64_t cgroups_quota(int64_t milli_cpu)
{
    int64_t quota = milli_cpu * 100;
    return milli_cpu <= 0 ? 0 : quota < 1000 ? 1000 : quota;
}

char *cgroups_pod_path(const struct worker *w)
{
    enum pod_qos q = pod_qos(w->desired->pod->spec);
    return mem_printf("%s/kubepods%s/pod%s", w->kubelet->o.cgroup, level_names[q], w->uid);
}

/* One value; a controller that this host lacks was reported once, at start. */
static struct err *put(struct kubelet *k, const char *controller, const char *path, const char *file,
    const char *fmt, long long v)
{
    char text[64];
    if (!cgroup_host_has(k->cgroups, controller))
        return NULL;
    snprintf(text, sizeof(text), fmt, v);
    struct err *e = cgroup_write(k->cgroups, controller, path, file, text);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    return e;
}

static bool is_v2(const struct kubelet *k)
{
    return cgroup_host_mode(k->cgroups) == CGROUP_V2;
}

static struct err *put_shares(struct kubelet *k, const char *path, int64_t milli_cpu)
{
    int64_t shares = cgroups_shares(milli_cpu);
    if (is_v2(k))
        return put(k, "cpu", path, "cpu.weight", "%lld", cgroup_weight(shares));
    return put(k, "cpu", path, "cpu.shares", "%lld", shares);
}

static struct err *put_limits(
    struct kubelet *k, const char *path, int64_t quota, int64_t memory, int64_t pids)
{
    if (quota)
        TRY(is_v2(k) ? put(k, "cpu", path, "cpu.max", "%lld 100000", quota)
                     : put(k, "cpu", path, "cpu.cfs_quota_us", "%lld", quota));
    if (memory)
        TRY(put(k, "memory", path, is_v2(k) ? "memory.max" : "memory.limit_in_bytes", "%lld", memory));
    if (pids)
        TRY(put(k, "pids", path, "pids.max", "%lld", pids));
    return NULL;
}

struct err *cgroups_pod_make(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    const struct pod_spec *s = w->desired->pod->spec;
    auto_free char *path = cgroups_pod_path(w);
    TRY(cgroup_create(k->cgroups, path));
    TRY_WRAP(put_shares(k, path, pod_request(s, "cpu")), "cgroup %s", path);
    TRY_WRAP(
        put_limits(k, path, cgroups_quota(pod_limit(s, "cpu")), pod_limit(s, "memory"), CGROUPS_POD_PIDS),
        "cgroup %s", path);
    cgroups_update_levels(k);
    return NULL;
}

struct err *cgroups_pod_clear(struct worker *w)
{
    auto_free char *path = cgroups_pod_path(w);
    struct err *e = cgroup_remove(w->kubelet->cgroups, path, 0);
    if (!e)
        return NULL;
    err_free(e);
    TRY(cgroup_kill(w->kubelet->cgroups, path, CGROUPS_KILL_MS));
    return cgroup_remove(w->kubelet->cgroups, path, CGROUPS_REMOVE_MS);
}

void cgroups_update_levels(struct kubelet *k)
{
    int64_t milli = 0;
    for (struct worker *w = pods_first(k); w; w = w->next)
        if (!w->terminal && pod_qos(w->desired->pod->spec) == POD_BURSTABLE)
            milli += pod_request(w->desired->pod->spec, "cpu");
    auto_free char *path = mem_printf("%s/kubepods/burstable", k->o.cgroup);
    log_err(LOG_WARN, "", err_wrap(put_shares(k, path, milli), "cgroup %s", path));
}

/* By libcgroup; what it leaves out (name=systemd, hierarchies without a controller) is completed by ours. */
static struct err *make_level(struct kubelet *k, const char *path, int64_t milli_cpu)
{
    int64_t shares = cgroups_shares(milli_cpu);
    if (cgroup_host_has(k->cgroups, "cpu"))
        log_err(LOG_WARN, "",
            cgroup_levels_make(
                path, is_v2(k) ? "cpu.weight" : "cpu.shares", is_v2(k) ? cgroup_weight(shares) : shares));
    TRY(cgroup_create(k->cgroups, path));
    return err_wrap(put_shares(k, path, milli_cpu), "cgroup %s", path);
}

struct err *cgroups_start(struct kubelet *k)
{
    TRY(cgroup_host_new(&k->cgroups));
    auto_free char *top = mem_printf("%s/kubepods", k->o.cgroup);
    auto_free char *best = mem_printf("%s/besteffort", top), *burst = mem_printf("%s/burstable", top);
    TRY(make_level(k, top, 1000 * sysconf(_SC_NPROCESSORS_ONLN)));
    TRY(make_level(k, best, 0));
    return make_level(k, burst, 0);
}

/* Pod cgroups below one level, by any controller's tree (they are the same in all). */
static void clear_level(struct kubelet *k, const char *level)
{
    int fd;
    auto_free char *path = mem_printf("%s/kubepods%s", k->o.cgroup, level);
    struct err *e = cgroup_open(k->cgroups, "memory", path, &fd);
    if (e) {
        err_free(e);
        return;
    }
    int dirfd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(fd);
    auto_closedir *d = dirfd >= 0 ? fdopendir(dirfd) : NULL;
    for (struct dirent *x; d && (x = readdir(d));) {
        if (strncmp(x->d_name, "pod", 3) != 0 || pods_by_uid(k, x->d_name + 3))
            continue;
        auto_free char *pod = mem_printf("%s/%s", path, x->d_name);
        log_info("", "removing the cgroup %s of a Pod that is gone", pod);
        e = cgroup_kill(k->cgroups, pod, CGROUPS_KILL_MS);
        log_err(LOG_WARN, "", e ? e : cgroup_remove(k->cgroups, pod, CGROUPS_REMOVE_MS));
    }
}

void cgroups_clear_orphans(struct kubelet *k)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
        clear_level(k, level_names[i]);
}
