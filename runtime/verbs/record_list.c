/* See record_list.h. */
#include "runtime/verbs/record_list.h"
#include "lib/mem.h"
#include "runtime/record.h"
#include "runtime/report.h"
#include <dirent.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTAINERS_MAX 100000

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct err *record_list(int root, struct arena *a, struct str_list *ret)
{
    struct str_list l = {.v = arena_array(a, 64, sizeof(*l.v))};
    size_t room = 64;
    *ret = l;
    if (root < 0)
        return NULL;
    int fd = dup(root);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "--root");
    for (struct dirent *ent; (ent = readdir(d)) && l.n < CONTAINERS_MAX;) {
        auto_err *e = record_check_id(ent->d_name); /* what begins with a dot is no container */
        if (e)
            continue;
        if (l.n == room) {
            const char **v = arena_array(a, room *= 2, sizeof(*v));
            memcpy(v, l.v, l.n * sizeof(*v));
            l.v = v;
        }
        l.v[l.n++] = arena_strdup(a, ent->d_name);
    }
    closedir(d);
    qsort(l.v, l.n, sizeof(*l.v), by_name);
    *ret = l;
    return NULL;
}

static struct err *compile(regex_t *re, const char *text)
{
    char why[128];
    int rc = regcomp(re, text, REG_EXTENDED | REG_NOSUB);
    if (!rc)
        return NULL;
    regerror(rc, re, why, sizeof(why));
    return err_new(ERR_INVALID, "--regex: \"%s\": %s", text, why);
}

static void keep_first(struct err **first, struct err *e)
{
    if (e && *first) {
        report_warning("%s", err_message(e));
        err_free(e);
    } else if (e) {
        *first = e;
    }
}

struct err *record_each(
    const struct globals *g, const char *id, bool is_regex, record_visit_fn *visit, void *arg)
{
    if (!is_regex)
        return visit(g, id, arg);
    auto_arena *a = arena_new();
    auto_close root = -1;
    struct str_list ids;
    regex_t re;
    TRY(record_root(g->root, false, &root));
    TRY(record_list(root, a, &ids));
    TRY(compile(&re, id));
    struct err *first = NULL;
    for (size_t i = 0; i < ids.n; i++)
        if (!regexec(&re, ids.v[i], 0, NULL, 0))
            keep_first(&first, visit(g, ids.v[i], arg));
    regfree(&re);
    return first;
}
