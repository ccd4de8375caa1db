/* See subcgroups.h. */
#include "runtime/cgroup/subcgroups.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct err *add(struct subcgroup_list *l, const char *controller, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->v[i].controller, controller))
            return err_new(ERR_INVALID,
                "invalid --cgroup argument(s): controller %s specified multiple times", controller);
    l->v[l->n++] = (struct subcgroup){controller, path};
    return NULL;
}

static struct err *parse_one(struct arena *a, const char *arg, struct subcgroup_list *l)
{
    const char *colon = strchr(arg, ':');
    if (strchr(colon + 1, ':'))
        return err_new(ERR_INVALID, "invalid --cgroup argument: %s", arg);
    char *names = arena_strndup(a, arg, (size_t)(colon - arg)), *save = NULL;
    if (!*names)
        return err_new(ERR_INVALID, "invalid --cgroup argument: %s (no controller before the colon)", arg);
    for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
        TRY(add(l, name, colon + 1));
    return NULL;
}

struct err *subcgroups_parse(struct arena *a, const struct str_list *args, struct subcgroup_list *ret)
{
    size_t most = 1;
    for (size_t i = 0; i < args->n; i++)
        most += strlen(args->v[i]);
    struct subcgroup_list l = {.v = arena_array(a, most, sizeof(*l.v))};
    for (size_t i = 0; i < args->n; i++) {
        if (strchr(args->v[i], ':'))
            TRY(parse_one(a, args->v[i], &l));
        else if (args->n > 1)
            return err_new(
                ERR_INVALID, "invalid --cgroup argument: %s (missing <controller>: prefix)", args->v[i]);
        else
            l.v[l.n++] = (struct subcgroup){NULL, args->v[i]};
    }
    *ret = l;
    return NULL;
}

static struct err *descend(struct cgroups_hierarchy *h, int top, const char *path)
{
    const char *below = path + strspn(path, "/");
    int dir;
    struct err *e = file_open_beneath(top, *below ? below : ".", O_PATH | O_DIRECTORY, 0, &dir);
    if (e && err_errno(e) == EXDEV) {
        err_free(e);
        return err_new(ERR_INVALID, "bad sub cgroup path: %s is not a sub cgroup path", path);
    }
    TRY_WRAP(e, "adding pid to cgroups: %s", *h->name ? h->name : "cgroup2");
    if (h->dir != top)
        close(h->dir);
    h->dir = dir;
    return NULL;
}

static struct cgroups_hierarchy *named(struct cgroups *c, const char *controller)
{
    struct cgroups_hierarchy *h = cgroups_find(c, controller);
    if (h && h->v2 && strcmp(h->name, controller)) /* what no v1 hierarchy has */
        return NULL;
    return h && h->dir >= 0 ? h : NULL;
}

struct err *subcgroups_lookup(struct cgroups *c, const struct subcgroup_list *l)
{
    int top[CGROUPS_MAX]; /* cpu and cpuacct may be one hierarchy: both descend from the same place */
    struct err *e = NULL;
    for (int i = 0; i < c->n; i++)
        top[i] = c->at[i].dir;
    for (size_t i = 0; !e && i < l->n; i++) {
        const struct subcgroup *s = &l->v[i];
        struct cgroups_hierarchy *one = s->controller ? named(c, s->controller) : NULL;
        if (s->controller && !one)
            e = err_new(ERR_INVALID, "unknown controller %s in SubCgroupPaths", s->controller);
        for (int k = 0; !e && k < c->n; k++)
            if (top[k] >= 0 && (!s->controller || one == &c->at[k]))
                e = descend(&c->at[k], top[k], s->path);
    }
    for (int i = 0; i < c->n; i++)
        if (c->at[i].dir != top[i])
            close(top[i]);
    return err_wrap(e, "--cgroup");
}
