/* Limits and device rules of a container's cgroups, by descriptor: the plans of resources.h and
 * device_rules.h carried out. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroups.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct err *put(struct cgroups *c, const struct resource_write *w)
{
    struct cgroups_hierarchy *h = cgroups_find(c, w->controller);
    if (!h || h->dir < 0)
        return w->optional
                   ? NULL
                   : err_new(ERR_UNSUPPORTED, "%s: the host has no controller %s", w->file, w->controller);
    auto_close fd = openat(h->dir, w->file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return w->optional && errno == ENOENT ? NULL : err_sys(errno, "open %s", w->file);
    size_t len = strlen(w->text);
    if (write(fd, w->text, len) != (ssize_t)len)
        return err_sys(errno, "write \"%s\" to %s", w->text, w->file);
    return NULL;
}

/* Memory and memory+swap hold each other: raised or lowered in the wrong order, the first write is refused.
 */
static struct err *put_pair(
    struct cgroups *c, const struct resource_write *limit, const struct resource_write *swap)
{
    auto_err *first = put(c, limit);
    if (!first)
        return put(c, swap);
    TRY(put(c, swap));
    return put(c, limit);
}

struct err *cgroups_limit(struct cgroups *c, const struct resource_writes *w)
{
    for (size_t i = 0; i < w->n; i++) {
        bool pair = i + 1 < w->n && !strcmp(w->v[i].file, "memory.limit_in_bytes") &&
                    !strcmp(w->v[i + 1].file, "memory.memsw.limit_in_bytes");
        TRY_WRAP(pair ? put_pair(c, &w->v[i], &w->v[i + 1]) : put(c, &w->v[i]), "cgroup limits");
        i += pair;
    }
    return NULL;
}

static struct err *devices_v1(struct cgroups_hierarchy *h, struct arena *a, const struct device_table *t)
{
    auto_close allow = openat(h->dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    auto_close deny = openat(h->dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    if (allow < 0 || deny < 0)
        return err_sys(errno, "open devices.allow");
    struct str_list lines = device_rules_v1(a, t);
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

/* Loads and attaches; what was attached before goes only after the new one is in force. */
static struct err *devices_v2(struct cgroups_hierarchy *h, struct arena *a, const struct device_table *t)
{
    size_t n;
    struct bpf_insn *insns = device_rules_ebpf(a, t, &n);
    auto_close dir = openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(errno, "open cgroup");
    unsigned old[32];
    union bpf_attr query = {.query = {.target_fd = (unsigned)dir,
                                .attach_type = BPF_CGROUP_DEVICE,
                                .prog_cnt = 32,
                                .prog_ids = (uintptr_t)old}};
    if (bpf(BPF_PROG_QUERY, &query) < 0)
        query.query.prog_cnt = 0;
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insn_cnt = (unsigned)n,
        .insns = (uintptr_t)insns,
        .license = (uintptr_t) "MIT"};
    auto_close prog = bpf(BPF_PROG_LOAD, &load);
    if (prog < 0)
        return err_sys(errno, "load the device filter");
    union bpf_attr attach = {.target_fd = (unsigned)dir,
        .attach_bpf_fd = (unsigned)prog,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI};
    if (bpf(BPF_PROG_ATTACH, &attach) < 0)
        return err_sys(errno, "attach the device filter");
    for (unsigned i = 0; i < query.query.prog_cnt; i++) {
        union bpf_attr get = {.prog_id = old[i]};
        auto_close fd = bpf(BPF_PROG_GET_FD_BY_ID, &get);
        union bpf_attr detach = {
            .target_fd = (unsigned)dir, .attach_bpf_fd = (unsigned)fd, .attach_type = BPF_CGROUP_DEVICE};
        if (fd >= 0 && bpf(BPF_PROG_DETACH, &detach) < 0)
            return err_sys(errno, "detach the former device filter");
    }
    return NULL;
}

struct err *cgroups_devices(struct cgroups *c, struct arena *a, const struct device_table *t)
{
    struct cgroups_hierarchy *h = cgroups_find(c, "devices");
    if (!h || h->dir < 0)
        return err_new(ERR_UNSUPPORTED, "device rules: the host has neither the v1 controller nor cgroup2");
    return err_wrap(h->v2 ? devices_v2(h, a, t) : devices_v1(h, a, t), "device rules");
}
