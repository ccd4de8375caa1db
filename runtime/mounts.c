/* See mounts.h. */
#include "runtime/mounts.h"
#include "lib/mem.h"
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum option_kind { ATTR, RATTR, PROPAGATION, BIND, FSFLAG, COPYUP, NOTHING };

static const struct option {
    const char *name;
    enum option_kind kind;
    uint64_t set, clear;
} options[] = {
    {"ro", ATTR, MOUNT_ATTR_RDONLY, 0},
    {"rw", ATTR, 0, MOUNT_ATTR_RDONLY},
    {"nosuid", ATTR, MOUNT_ATTR_NOSUID, 0},
    {"suid", ATTR, 0, MOUNT_ATTR_NOSUID},
    {"nodev", ATTR, MOUNT_ATTR_NODEV, 0},
    {"dev", ATTR, 0, MOUNT_ATTR_NODEV},
    {"noexec", ATTR, MOUNT_ATTR_NOEXEC, 0},
    {"exec", ATTR, 0, MOUNT_ATTR_NOEXEC},
    {"noatime", ATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"strictatime", ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nodiratime", ATTR, MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", ATTR, 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"rro", RATTR, MOUNT_ATTR_RDONLY, 0},
    {"rrw", RATTR, 0, MOUNT_ATTR_RDONLY},
    {"rnosuid", RATTR, MOUNT_ATTR_NOSUID, 0},
    {"rsuid", RATTR, 0, MOUNT_ATTR_NOSUID},
    {"rnodev", RATTR, MOUNT_ATTR_NODEV, 0},
    {"rdev", RATTR, 0, MOUNT_ATTR_NODEV},
    {"rnoexec", RATTR, MOUNT_ATTR_NOEXEC, 0},
    {"rexec", RATTR, 0, MOUNT_ATTR_NOEXEC},
    {"rnoatime", RATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"ratime", RATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"rrelatime", RATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"rnorelatime", RATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"rstrictatime", RATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"rnostrictatime", RATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"rnodiratime", RATTR, MOUNT_ATTR_NODIRATIME, 0},
    {"rdiratime", RATTR, 0, MOUNT_ATTR_NODIRATIME},
    {"rnosymfollow", RATTR, MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"rsymfollow", RATTR, 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", PROPAGATION, MS_PRIVATE, 0},
    {"rprivate", PROPAGATION, MS_PRIVATE | MS_REC, 0},
    {"shared", PROPAGATION, MS_SHARED, 0},
    {"rshared", PROPAGATION, MS_SHARED | MS_REC, 0},
    {"slave", PROPAGATION, MS_SLAVE, 0},
    {"rslave", PROPAGATION, MS_SLAVE | MS_REC, 0},
    {"unbindable", PROPAGATION, MS_UNBINDABLE, 0},
    {"runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC, 0},
    {"bind", BIND, 0, 0},
    {"rbind", BIND, MS_REC, 0},
    {"sync", FSFLAG, 1, 0},
    {"async", FSFLAG, 0, 0},
    {"dirsync", FSFLAG, 1, 0},
    {"mand", FSFLAG, 1, 0},
    {"nomand", FSFLAG, 0, 0},
    {"lazytime", FSFLAG, 1, 0},
    {"nolazytime", FSFLAG, 0, 0},
    {"iversion", FSFLAG, 1, 0},
    {"noiversion", FSFLAG, 0, 0},
    {"silent", NOTHING, 0, 0},
    {"loud", NOTHING, 0, 0},
    {"defaults", NOTHING, 0, 0},
    {"remount", NOTHING, 0, 0},
    {"tmpcopyup", COPYUP, 0, 0},
};

const char *mounts_option_name(size_t i)
{
    return i < ARRAY_SIZE(options) ? options[i].name : NULL;
}

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (!strcmp(options[i].name, name))
            return &options[i];
    return NULL;
}

uint64_t mounts_propagation(const char *name)
{
    const struct option *o = find_option(name);
    return o && o->kind == PROPAGATION ? o->set : 0;
}

static void add_param(struct mount_plan *m, const char *key, const char *value)
{
    m->params[m->n_params++] = (struct mount_param){key, value};
}

/* What comes later wins: "ro,rw" is rw. */
static void merge(uint64_t *set, uint64_t *clear, const struct option *o)
{
    *set = (*set & ~o->clear) | o->set;
    *clear = (*clear & ~o->set) | o->clear;
}

static struct err *apply_option(struct arena *a, struct mount_plan *m, const char *text)
{
    const struct option *o = find_option(text);
    if (!o) {
        const char *eq = strchr(text, '=');
        if (!*text)
            return err_new(ERR_INVALID, "empty");
        add_param(m, eq ? arena_strndup(a, text, (size_t)(eq - text)) : text, eq ? eq + 1 : NULL);
        return NULL;
    }
    switch (o->kind) {
    case ATTR:
        merge(&m->set, &m->clear, o);
        break;
    case RATTR:
        merge(&m->rset, &m->rclear, o);
        break;
    case PROPAGATION:
        m->propagation = o->set & ~(uint64_t)MS_REC;
        m->rpropagation = o->set & MS_REC;
        break;
    case BIND:
        m->kind = MOUNT_BIND;
        m->recursive = o->set;
        break;
    case FSFLAG:
        if (o->set)
            add_param(m, o->name, NULL);
        break;
    case COPYUP:
        m->copy_up = true;
        break;
    case NOTHING:
        break;
    }
    return NULL;
}

/* File systems of which a mount is read-only or not, never the superblock: theirs is shared or must first be
 * filled. */
static bool superblock_is_ours(const char *type)
{
    static const char *const virtual[] = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "overlay"};
    for (size_t i = 0; i < ARRAY_SIZE(virtual); i++)
        if (!strcmp(type, virtual[i]))
            return false;
    return true;
}

static struct err *finish(
    struct arena *a, struct mount_plan *m, const struct oci_mount *o, const char *bundle)
{
    if (m->kind == MOUNT_BIND) {
        if (!o->source || !*o->source)
            return err_new(ERR_INVALID, "source: a bind mount needs one");
        if (m->n_params)
            return err_new(ERR_INVALID, "options: \"%s\": unknown for a bind mount", m->params[0].key);
        if (m->copy_up)
            return err_new(ERR_INVALID, "options: \"tmpcopyup\": for tmpfs only");
        m->source = o->source[0] == '/' ? o->source : arena_printf(a, "%s/%s", bundle, o->source);
        return NULL;
    }
    if (!m->type || !*m->type)
        return err_new(ERR_INVALID, "type: absent, and the options have neither bind nor rbind");
    if (m->copy_up && strcmp(m->type, "tmpfs"))
        return err_new(ERR_INVALID, "options: \"tmpcopyup\": for tmpfs only");
    if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
        m->kind = MOUNT_CGROUP;
    else if (m->set & MOUNT_ATTR_RDONLY && superblock_is_ours(m->type))
        add_param(m, "ro", NULL);
    return NULL;
}

static struct err *plan_one(
    struct arena *a, const struct oci_mount *o, const char *bundle, struct mount_plan *ret)
{
    struct mount_plan m = {.kind = MOUNT_NEW,
        .destination = o->destination,
        .type = o->type,
        .source_fd = -1,
        .source = o->source};
    if (!o->destination[0])
        return err_new(ERR_INVALID, "destination: empty");
    if (o->uid_mappings.n || o->gid_mappings.n)
        return err_new(ERR_UNSUPPORTED, "uidMappings: idmapped mounts are not supported");
    m.params = arena_array(a, o->options.n + 1, sizeof(*m.params));
    if (m.type && !strcmp(m.type, "bind")) {
        m.kind = MOUNT_BIND;
        m.recursive = true;
    }
    for (size_t i = 0; i < o->options.n; i++)
        TRY_WRAP(apply_option(a, &m, o->options.v[i]), "options[%zu]", i);
    TRY(finish(a, &m, o, bundle));
    *ret = m;
    return NULL;
}

struct err *mounts_plan(
    struct arena *a, const struct oci_config *c, const char *bundle, struct mount_list *ret)
{
    struct mount_list list = {.v = arena_array(a, c->mounts.n, sizeof(*list.v))};
    for (; list.n < c->mounts.n; list.n++)
        TRY_WRAP(plan_one(a, &c->mounts.v[list.n], bundle, &list.v[list.n]), "mounts[%zu]", list.n);
    *ret = list;
    return NULL;
}
