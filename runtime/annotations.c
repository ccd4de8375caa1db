/* See annotations.h. */
#include "runtime/annotations.h"
#include "lib/mem.h"
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#define TIME_OFFSET "run.oci.timens_offset"
#define RECEIVER "run.oci.seccomp.receiver"
#define FAIL_UNKNOWN "run.oci.seccomp_fail_unknown_syscall"
#define KEEP_GROUPS "run.oci.keep_original_groups"
#define CONTEXT_TYPE "run.oci.mount_context_type"

/* As a line of /proc/PID/timens_offsets. */
static struct err *apply_time_offset(struct arena *a, struct oci_config *c, const char *text)
{
    char clock[16], more;
    long long secs, nanosecs;
    if (sscanf(text, "%15s %lld %lld %c", clock, &secs, &nanosecs, &more) != 3)
        return err_new(ERR_INVALID, "\"%s\": must be a clock, seconds and nanoseconds", text);
    bool monotonic = !strcmp(clock, "monotonic") || !strcmp(clock, "1");
    if (!monotonic && strcmp(clock, "boottime") && strcmp(clock, "7"))
        return err_new(ERR_INVALID, "\"%s\": the clock must be monotonic or boottime", text);
    struct oci_time_offsets *all = arena_new_obj(a, struct oci_time_offsets);
    struct oci_time_offset *one = arena_new_obj(a, struct oci_time_offset);
    if (c->linux_->time_offsets)
        *all = *c->linux_->time_offsets;
    *one = (struct oci_time_offset){{true, secs}, {true, nanosecs}};
    *(monotonic ? &all->monotonic : &all->boottime) = one;
    c->linux_->time_offsets = all;
    return NULL;
}

static struct err *apply_receiver(struct arena *a, struct oci_config *c, const char *path)
{
    if (path[0] != '/')
        return err_new(ERR_INVALID, "\"%s\": must be an absolute path", path);
    if (c->linux_->seccomp)
        c->linux_->seccomp = json_with(a, c->linux_->seccomp, "listenerPath", json_new_str(a, path));
    return NULL;
}

static struct err *check_syscalls(struct arena *a, struct oci_config *c, const char *value)
{
    struct oci_seccomp s;
    (void)value;
    if (!c->linux_->seccomp)
        return NULL;
    TRY(fields_decode(&oci_seccomp_fields, a, c->linux_->seccomp, &s));
    for (size_t i = 0; i < s.syscalls.n; i++)
        for (size_t j = 0; j < s.syscalls.v[i].names.n; j++) {
            const char *name = s.syscalls.v[i].names.v[j];
            if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
                return err_new(
                    ERR_INVALID, "linux.seccomp.syscalls[%zu]: unknown system call \"%s\"", i, name);
        }
    return NULL;
}

static struct err *check_context_type(struct arena *a, struct oci_config *c, const char *type)
{
    static const char *const types[] = {"context", "fscontext", "defcontext", "rootcontext"};
    (void)a, (void)c;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (!strcmp(type, types[i]))
            return NULL;
    return err_new(ERR_INVALID, "\"%s\": must be context, fscontext, defcontext or rootcontext", type);
}

struct err *annotations_apply(struct arena *a, struct oci_config *c)
{
    static const struct {
        const char *name;
        struct err *(*apply)(struct arena *a, struct oci_config *c, const char *value);
    } all[] = {
        {TIME_OFFSET, apply_time_offset},
        {RECEIVER, apply_receiver},
        {FAIL_UNKNOWN, check_syscalls},
        {CONTEXT_TYPE, check_context_type},
    };
    for (size_t i = 0; c->linux_ && i < ARRAY_SIZE(all); i++) {
        const char *value = str_map_get(&c->annotations, all[i].name);
        if (value)
            TRY_WRAP(all[i].apply(a, c, value), "annotations: %s", all[i].name);
    }
    return NULL;
}

bool annotations_keep_groups(const struct str_map *m)
{
    const char *value = str_map_get(m, KEEP_GROUPS);
    return value && !strcmp(value, "1");
}

const char *annotations_context_type(const struct str_map *m)
{
    const char *type = str_map_get(m, CONTEXT_TYPE);
    return type ? type : "context";
}
