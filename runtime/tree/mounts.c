/* See mounts.h. */
#include "runtime/tree/mounts.h"
#include "lib/mem.h"
#include "runtime/annotations.h"
#include "runtime/user/idmap.h"
#include "runtime/user/namespaces.h"
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum option_kind { ATTR, RATTR, PROPAGATION, BIND, FSFLAG, REMOUNT, COPYUP, SYMLINK, IDMAP, NOTHING };
enum { COPY_SYMLINK, SOURCE_NOFOLLOW, DEST_NOFOLLOW };

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
    /* a file system of today has these always, or never: fsconfig(2) has no words for them */
    {"iversion", NOTHING, 0, 0},
    {"noiversion", NOTHING, 0, 0},
    {"acl", NOTHING, 0, 0},
    {"noacl", NOTHING, 0, 0},
    {"silent", NOTHING, 0, 0},
    {"loud", NOTHING, 0, 0},
    {"defaults", NOTHING, 0, 0},
    {"remount", REMOUNT, 0, 0},
    {"tmpcopyup", COPYUP, 0, 0},
    {"idmap", IDMAP, 0, 0},
    {"ridmap", IDMAP, 1, 0},
    /* crun's */
    {"copy-symlink", SYMLINK, COPY_SYMLINK, 0},
    {"src-nofollow", SYMLINK, SOURCE_NOFOLLOW, 0},
    {"dest-nofollow", SYMLINK, DEST_NOFOLLOW, 0},
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

static void apply_symlink(struct mount_plan *m, uint64_t which)
{
    m->copy_symlink |= which == COPY_SYMLINK;
    m->source_nofollow |= which == SOURCE_NOFOLLOW;
    m->dest_nofollow |= which == DEST_NOFOLLOW;
}

static void apply_known(struct mount_plan *m, const struct option *o)
{
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
    case REMOUNT:
        m->kind = m->kind == MOUNT_BIND ? MOUNT_BIND : MOUNT_REMOUNT;
        break;
    case COPYUP:
        m->copy_up = true;
        break;
    case SYMLINK:
        apply_symlink(m, o->set);
        break;
    case IDMAP:
        m->idmap = (struct mount_idmap){.wanted = true, .recursive = o->set};
        break;
    case NOTHING:
        break;
    }
}

/* "idmap=uids=0-1000-10;gids=0-1000-10", crun's way to say uidMappings and gidMappings. */
static struct err *apply_idmap(
    struct arena *a, struct mount_plan *m, const struct oci_linux *l, const char *text)
{
    struct idmap_list uids, gids;
    m->idmap = (struct mount_idmap){.wanted = true, .recursive = *text == 'r'};
    TRY(idmap_parse(a, l, strchr(text, '=') + 1, &uids, &gids));
    TRY(idmap_text(a, "uids", uids.v, uids.n, &m->idmap.uids));
    return idmap_text(a, "gids", gids.v, gids.n, &m->idmap.gids);
}

static struct err *apply_option(
    struct arena *a, struct mount_plan *m, const struct oci_linux *l, const char *text)
{
    const struct option *o = find_option(text);
    const char *eq = strchr(text, '=');
    if (o) {
        apply_known(m, o);
        return NULL;
    }
    if (!*text)
        return err_new(ERR_INVALID, "empty");
    if (!strncmp(text, "idmap=", 6) || !strncmp(text, "ridmap=", 7))
        return err_wrap(apply_idmap(a, m, l, text), "\"%s\"", text);
    add_param(m, eq ? arena_strndup(a, text, (size_t)(eq - text)) : text, eq ? eq + 1 : NULL);
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

/* Flags of a superblock, which a bind mount shares with its source and cannot change. */
static bool is_superblock_flag(const struct mount_param *p)
{
    const struct option *o = find_option(p->key);
    return o && o->kind == FSFLAG;
}

static struct err *finish_bind(
    struct arena *a, struct mount_plan *m, const struct oci_mount *o, const char *bundle)
{
    if (!o->source || !*o->source)
        return err_new(ERR_INVALID, "source: a bind mount needs one");
    for (size_t i = 0; i < m->n_params; i++)
        if (!is_superblock_flag(&m->params[i]))
            return err_new(ERR_INVALID, "options: \"%s\": unknown for a bind mount", m->params[i].key);
    m->source = o->source[0] == '/' ? o->source : arena_printf(a, "%s/%s", bundle, o->source);
    return NULL;
}

/* File systems that SELinux labels by itself. */
static bool has_own_labels(const char *type)
{
    return !strcmp(type, "proc") || !strcmp(type, "sysfs") || !strcmp(type, "mqueue");
}

static struct err *finish(struct arena *a, struct mount_plan *m, const struct oci_mount *o,
    const struct oci_config *c, const char *bundle)
{
    const struct oci_linux *l = c->linux_;
    if (m->copy_up && (m->kind != MOUNT_NEW || !m->type || strcmp(m->type, "tmpfs")))
        return err_new(ERR_INVALID, "options: \"tmpcopyup\": for tmpfs only");
    if (m->kind == MOUNT_BIND)
        return finish_bind(a, m, o, bundle);
    if (m->idmap.wanted)
        return err_new(
            ERR_INVALID, "options: \"idmap\": id-mapped mounts are only supported for bind-mounts");
    if (m->copy_symlink || m->source_nofollow)
        return err_new(ERR_INVALID, "options: \"%s\": for bind mounts only",
            m->copy_symlink ? "copy-symlink" : "src-nofollow");
    if (m->kind == MOUNT_REMOUNT)
        return NULL;
    if (!m->type || !*m->type)
        return err_new(ERR_INVALID, "type: absent, and the options have neither bind nor rbind");
    if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
        m->kind = MOUNT_CGROUP;
    else if (m->set & MOUNT_ATTR_RDONLY && superblock_is_ours(m->type))
        add_param(m, "ro", NULL);
    if (m->kind == MOUNT_NEW && l && l->mount_label && *l->mount_label && !has_own_labels(m->type))
        add_param(m, annotations_context_type(&c->annotations), l->mount_label);
    return NULL;
}

/* Mappings of the mount's own, or those of the container's user namespace: made or joined. */
static struct err *plan_idmap(
    struct arena *a, const struct oci_mount *o, const struct oci_linux *l, struct mount_idmap *m)
{
    const struct oci_id_map *uids = o->uid_mappings.v, *gids = o->gid_mappings.v;
    size_t n_uids = o->uid_mappings.n, n_gids = o->gid_mappings.n;
    if (!n_uids != !n_gids)
        return err_new(ERR_INVALID,
            "%s: absent: id-mapped mounts must have both uid and gid mappings specified",
            n_uids ? "gidMappings" : "uidMappings");
    if (m->uids || (!m->wanted && !n_uids))
        return NULL;
    m->wanted = true;
    if (!n_uids && namespaces_lists(l, CLONE_NEWUSER) == NAMESPACE_JOINED)
        return NULL;
    if (!n_uids) {
        if (namespaces_lists(l, CLONE_NEWUSER) == NAMESPACE_NOT)
            return err_new(ERR_INVALID, "options: \"idmap\": needs uidMappings and gidMappings where the "
                                        "container has no user namespace");
        uids = l->uid_mappings.v, n_uids = l->uid_mappings.n;
        gids = l->gid_mappings.v, n_gids = l->gid_mappings.n;
    }
    TRY(idmap_text(a, "uidMappings", uids, n_uids, &m->uids));
    return idmap_text(a, "gidMappings", gids, n_gids, &m->gids);
}

static struct err *plan_one(struct arena *a, const struct oci_mount *o, const struct oci_config *c,
    const char *bundle, struct mount_plan *ret)
{
    struct mount_plan m = {.kind = MOUNT_NEW,
        .destination = o->destination,
        .type = o->type,
        .source_fd = -1,
        .source = o->source};
    if (!o->destination[0])
        return err_new(ERR_INVALID, "destination: empty");
    m.params = arena_array(a, o->options.n + MOUNT_MORE_PARAMS, sizeof(*m.params));
    if (m.type && !strcmp(m.type, "bind")) {
        m.kind = MOUNT_BIND;
        m.recursive = true;
    }
    for (size_t i = 0; i < o->options.n; i++)
        TRY_WRAP(apply_option(a, &m, c->linux_, o->options.v[i]), "options[%zu]", i);
    TRY(plan_idmap(a, o, c->linux_, &m.idmap));
    TRY(finish(a, &m, o, c, bundle));
    *ret = m;
    return NULL;
}

struct err *mounts_plan(
    struct arena *a, const struct oci_config *c, const char *bundle, struct mount_list *ret)
{
    struct mount_list list = {.v = arena_array(a, c->mounts.n, sizeof(*list.v))};
    for (; list.n < c->mounts.n; list.n++)
        TRY_WRAP(plan_one(a, &c->mounts.v[list.n], c, bundle, &list.v[list.n]), "mounts[%zu]", list.n);
    *ret = list;
    return NULL;
}
