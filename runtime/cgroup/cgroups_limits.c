/* Limits and device rules of a container's cgroups, by descriptor: the plans of resources.h and
 * device_rules.h carried out. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUP_MAX 4
#define CONTROLLERS_MAX 4096
#define DEVICE_LIST_MAX (1 << 20)
#define PROGRAMS_MAX 64 /* BPF_CGROUP_MAX_PROGS */

/* --- files */

/* Why there is no such file: the host lacks the controller, the cgroup was not given it, or the kernel has
 * not the file. */
static struct err *missing(const struct cgroups_hierarchy *h, const struct resource_write *w)
{
    if (!h)
        return err_new(ERR_UNSUPPORTED, "%s: the host has no controller %s", w->file, w->controller);
    if (h->dir < 0)
        return err_new(ERR_UNSUPPORTED,
            "%s: there is no cgroup of the container's in %s: nobody delegated one to this user", w->file,
            w->controller);
    if (h->v2 && strcmp(w->controller, "cgroup")) {
        auto_free char *text = NULL;
        auto_err *e = file_read(h->dir, "cgroup.controllers", CONTROLLERS_MAX, &text, NULL);
        if (!e && !cgroups_lists(text, w->controller))
            return err_new(ERR_UNSUPPORTED,
                "%s: the controller %s is not available in this cgroup: the host has it not, or a cgroup "
                "above holds "
                "processes and cannot hand it down",
                w->file, w->controller);
    }
    return err_new(ERR_UNSUPPORTED, "%s: the controller %s has no such file here", w->file, w->controller);
}

static struct err *put(struct cgroups *c, const struct resource_write *w, bool *ret_missing)
{
    struct cgroups_hierarchy *h = cgroups_find(c, w->controller);
    auto_close fd = h && h->dir >= 0 ? openat(h->dir, w->file, O_WRONLY | O_CLOEXEC) : -1;
    *ret_missing = fd < 0 && (!h || h->dir < 0 || errno == ENOENT);
    if (*ret_missing)
        return w->need == RESOURCE_MUST ? missing(h, w) : NULL;
    if (fd < 0)
        return err_sys(errno, "open %s", w->file);
    size_t len = strlen(w->text);
    if (write(fd, w->text, len) != (ssize_t)len)
        return err_sys(errno, "write \"%s\" to %s", w->text, w->file);
    return NULL;
}

/* Writes that hold each other: in the order in which some pass, others do, too. */
static struct err *put_group(struct cgroups *c, const struct resource_write *w, size_t n)
{
    bool absent, refused[GROUP_MAX] = {false};
    if (n > GROUP_MAX)
        return err_new(ERR_BUG, "%zu writes hold each other", n);
    for (size_t i = 0; i < n; i++) {
        auto_err *e = put(c, &w[i], &absent);
        refused[i] = e != NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (refused[i])
            TRY(put(c, &w[i], &absent));
    return NULL;
}

static size_t group_length(const struct resource_writes *w, size_t at)
{
    size_t n = 1;
    while (w->v[at].group && at + n < w->n && w->v[at + n].group == w->v[at].group)
        n++;
    return n;
}

/* v1 refuses a limit below what is in use where it cannot reclaim; v2 would kill. */
static struct err *check_memory(struct cgroups *c, int64_t below)
{
    struct cgroups_hierarchy *h = cgroups_find(c, "memory");
    int64_t used = 0;
    if (!below || !h || h->dir < 0)
        return NULL;
    auto_err *unknown = cgroups_number(h->dir, "memory.current", &used);
    if (!unknown && used >= below)
        return err_new(ERR_CONFLICT, "memory: the limit %lld is not above the %lld bytes in use",
            (long long)below, (long long)used);
    return NULL;
}

struct err *cgroups_limit(struct cgroups *c, const struct resource_writes *w)
{
    TRY_WRAP(check_memory(c, w->memory_below), "cgroup limits");
    for (size_t i = 0, n; i < w->n; i += n) {
        bool absent = false;
        n = group_length(w, i);
        TRY_WRAP(n > 1 ? put_group(c, &w->v[i], n) : put(c, &w->v[i], &absent), "cgroup limits");
        if (w->v[i].need == RESOURCE_OR_NEXT && !absent)
            n++;
    }
    return NULL;
}

struct resources_host cgroups_host(struct cgroups *c)
{
    struct resources_host host = {.is_v2 = cgroups_is_v2, .arg = c};
    struct cgroups_hierarchy *memory = cgroups_find(c, "memory"), *cpu = cgroups_find(c, "cpu");
    if (memory && memory->v2 && memory->dir >= 0)
        err_free(cgroups_number(memory->dir, "memory.max", &host.memory_limit));
    if (cpu && cpu->v2 && cpu->dir >= 0)
        err_free(cgroups_number(cpu->dir, "cpu.max", &host.cpu_quota));
    return host;
}

/* --- devices */

static struct err *devices_v1(
    struct cgroups_hierarchy *h, struct arena *a, const struct device_table *t, bool in_force)
{
    auto_close allow = openat(h->dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    auto_close deny = openat(h->dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    if (allow < 0 || deny < 0)
        return err_sys(errno, "open devices.allow");
    auto_free char *list = NULL;
    struct device_table now;
    if (in_force) {
        TRY(file_read(h->dir, "devices.list", DEVICE_LIST_MAX, &list, NULL));
        TRY_WRAP(device_rules_parse(a, list, &now), "devices.list");
    }
    struct str_list lines = device_rules_v1(a, t, in_force ? &now : NULL);
    for (size_t i = 0; i < lines.n; i++) {
        const char *line = lines.v[i];
        if (write(line[0] == 'a' ? allow : deny, line + 1, strlen(line + 1)) < 0)
            return err_sys(errno, "write \"%s\" to devices.%s", line + 1, line[0] == 'a' ? "allow" : "deny");
    }
    return NULL;
}

static int bpf(int cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int program_by_id(unsigned id)
{
    union bpf_attr get = {.prog_id = id};
    return bpf(BPF_PROG_GET_FD_BY_ID, &get);
}

/* In the place of the one that is there. Of several, or before Linux 5.6: beside them, and then they go. What
 * all of them allow is allowed, so there is no gap in between either. */
static struct err *attach(int dir, int prog, const unsigned *old, unsigned n)
{
    union bpf_attr attach = {.target_fd = (unsigned)dir,
        .attach_bpf_fd = (unsigned)prog,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI};
    if (n == 1) {
        auto_close fd = program_by_id(old[0]);
        union bpf_attr replace = attach;
        replace.attach_flags |= BPF_F_REPLACE;
        replace.replace_bpf_fd = (unsigned)fd;
        if (fd >= 0 && !bpf(BPF_PROG_ATTACH, &replace))
            return NULL;
    }
    if (bpf(BPF_PROG_ATTACH, &attach) < 0)
        return err_sys(errno, "attach the device filter");
    for (unsigned i = 0; i < n; i++) {
        auto_close fd = program_by_id(old[i]);
        union bpf_attr detach = {
            .target_fd = (unsigned)dir, .attach_bpf_fd = (unsigned)fd, .attach_type = BPF_CGROUP_DEVICE};
        if (fd >= 0 && bpf(BPF_PROG_DETACH, &detach) < 0)
            return err_sys(errno, "detach the former device filter");
    }
    return NULL;
}

static struct err *devices_v2(struct cgroups_hierarchy *h, struct arena *a, const struct device_table *t)
{
    size_t n;
    struct bpf_insn *insns = device_rules_ebpf(a, t, &n);
    auto_close dir = openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(errno, "open cgroup");
    unsigned old[PROGRAMS_MAX];
    union bpf_attr query = {.query = {.target_fd = (unsigned)dir,
                                .attach_type = BPF_CGROUP_DEVICE,
                                .prog_cnt = PROGRAMS_MAX,
                                .prog_ids = (uintptr_t)old}};
    if (bpf(BPF_PROG_QUERY, &query) < 0)
        return err_sys(errno, "ask for the device filters in force");
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insn_cnt = (unsigned)n,
        .insns = (uintptr_t)insns,
        .license = (uintptr_t) "MIT"};
    auto_close prog = bpf(BPF_PROG_LOAD, &load);
    if (prog < 0)
        return err_sys(errno, "load the device filter");
    return attach(dir, prog, old, query.query.prog_cnt);
}

struct err *cgroups_devices(struct cgroups *c, struct arena *a, const struct device_table *t, bool in_force)
{
    struct cgroups_hierarchy *h = cgroups_find(c, "devices");
    if (!h || h->dir < 0)
        return err_new(ERR_UNSUPPORTED, "device rules: the host has neither the v1 controller nor cgroup2");
    return err_wrap(h->v2 ? devices_v2(h, a, t) : devices_v1(h, a, t, in_force), "device rules");
}
