/* See namespaces.h. */
#include "runtime/user/namespaces.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* The user namespace comes last: joining it gives up the rights that the others may need. */
const struct ns_kind ns_kinds[] = {
    {"ipc", "ipc", CLONE_NEWIPC},
    {"uts", "uts", CLONE_NEWUTS},
    {"network", "net", CLONE_NEWNET},
    {"pid", "pid", CLONE_NEWPID},
    {"cgroup", "cgroup", CLONE_NEWCGROUP},
    {"time", "time", CLONE_NEWTIME},
    {"mount", "mnt", CLONE_NEWNS},
    {"user", "user", CLONE_NEWUSER},
    {NULL, NULL, 0},
};

const struct ns_kind *namespaces_kind(const char *name)
{
    for (const struct ns_kind *k = ns_kinds; k->name; k++)
        if (!strcmp(k->name, name))
            return k;
    return NULL;
}

static struct err *plan_one(const struct oci_namespace *n, struct ns_plan *p)
{
    const struct ns_kind *k = namespaces_kind(n->type);
    if (!k)
        return err_new(ERR_INVALID, "type: unknown namespace \"%s\"", n->type);
    if (p->within & k->flag)
        return err_new(ERR_INVALID, "type: \"%s\" is listed twice", n->type);
    p->within |= k->flag;
    if (!n->path || !*n->path) {
        p->make |= k->flag;
        return NULL;
    }
    if (n->path[0] != '/')
        return err_new(ERR_INVALID, "path: \"%s\" is not absolute", n->path);
    p->join[p->n_join++] = (struct ns_join){.kind = k, .path = n->path, .fd = -1};
    return NULL;
}

struct err *namespaces_plan(const struct oci_linux *l, struct ns_plan *ret)
{
    struct ns_plan p = {0};
    for (size_t i = 0; l && i < l->namespaces.n; i++)
        TRY_WRAP(plan_one(&l->namespaces.v[i], &p), "linux.namespaces[%zu]", i);
    if (!(p.make & CLONE_NEWNS))
        return err_new(ERR_INVALID, "linux.namespaces: a new mount namespace is needed");
    bool maps = l->uid_mappings.n || l->gid_mappings.n;
    if (p.make & CLONE_NEWUSER && (!l->uid_mappings.n || !l->gid_mappings.n))
        return err_new(
            ERR_INVALID, "linux.namespaces: a new user namespace needs uidMappings and gidMappings");
    /* engines repeat the maps of a namespace that they have joined: those are the ones it has, not ours to
     * write */
    if (maps && !(p.within & CLONE_NEWUSER))
        return err_new(ERR_INVALID, "linux.uidMappings: there is no user namespace to use them");
    if (l->time_offsets && !(p.make & CLONE_NEWTIME))
        return err_new(ERR_INVALID, "linux.timeOffsets: there is no new time namespace to use them");
    *ret = p;
    return NULL;
}

static bool is_ours(const struct ns_kind *k, int fd)
{
    char path[32];
    struct stat own, st;
    snprintf(path, sizeof(path), "/proc/self/ns/%s", k->file);
    return !stat(path, &own) && !fstat(fd, &st) && own.st_dev == st.st_dev && own.st_ino == st.st_ino;
}

struct err *namespaces_open(struct ns_plan *p)
{
    for (int i = 0; i < p->n_join; i++) {
        struct ns_join *j = &p->join[i];
        auto_close fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return err_sys(errno, "%s namespace: open %s", j->kind->name, j->path);
        int kind = ioctl(fd, NS_GET_NSTYPE);
        if (kind != j->kind->flag)
            return err_new(
                ERR_INVALID, "%s namespace: %s is not a %s namespace", j->kind->name, j->path, j->kind->name);
        if (is_ours(j->kind, fd))
            p->ours |= kind;
        j->fd = take_fd(fd);
    }
    return NULL;
}

struct err *namespaces_join(const struct ns_plan *p, int flags)
{
    for (const struct ns_kind *k = ns_kinds; k->name; k++)
        for (int i = 0; i < p->n_join; i++) {
            const struct ns_join *j = &p->join[i];
            if (j->kind == k && k->flag & flags && setns(j->fd, k->flag) < 0)
                return err_sys(errno, "join %s namespace %s", k->name, j->path);
        }
    return NULL;
}

int namespaces_fd(const struct ns_plan *p, int flag)
{
    for (int i = 0; i < p->n_join; i++)
        if (p->join[i].kind->flag == flag)
            return p->join[i].fd;
    return -1;
}

enum ns_listed namespaces_lists(const struct oci_linux *l, int flag)
{
    for (size_t i = 0; l && i < l->namespaces.n; i++) {
        const struct oci_namespace *n = &l->namespaces.v[i];
        const struct ns_kind *k = namespaces_kind(n->type);
        if (k && k->flag == flag)
            return n->path && *n->path ? NAMESPACE_JOINED : NAMESPACE_NEW;
    }
    return NAMESPACE_NOT;
}
