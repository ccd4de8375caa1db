/* See rdt.h. */
#include "runtime/cgroup/rdt.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMATA_MAX (64 << 10)

/* --- the plan */

static struct err *add_line(struct rdt *r, const char *name, const char *prefix, const char *line)
{
    if (!line || !*line)
        return NULL;
    if (strncmp(line, prefix, strlen(prefix)))
        return err_new(ERR_INVALID, "%s: \"%s\": must begin with %s", name, line, prefix);
    if (strpbrk(line, "\r\n"))
        return err_new(ERR_INVALID, "%s: must not contain a newline", name);
    r->lines.v[r->lines.n++] = line;
    return NULL;
}

static struct err *plan_class(const struct oci_intel_rdt *r, const char *id, struct rdt *ret)
{
    const char *class = r->clos_id;
    ret->own = !class || !*class;
    ret->class = ret->own ? id : !strcmp(class, "/") ? "." : class;
    if (!ret->own && strcmp(class, "/") &&
        (strpbrk(class, "/\n") || !strcmp(class, ".") || !strcmp(class, "..") || strlen(class) > 255))
        return err_new(ERR_INVALID, "closID: \"%s\": not the name of a class", class);
    return NULL;
}

struct err *rdt_plan(struct arena *a, const struct oci_intel_rdt *r, const char *id, struct rdt *ret)
{
    *ret = (struct rdt){.wanted = r, .id = id};
    if (!r)
        return NULL;
    ret->monitor = opt_bool_or(r->enable_monitoring, false) || opt_bool_or(r->enable_cmt, false) ||
                   opt_bool_or(r->enable_mbm, false);
    ret->lines.v = arena_array(a, r->schemata.n + 2, sizeof(*ret->lines.v));
    TRY_WRAP(plan_class(r, id, ret), "linux.intelRdt");
    TRY_WRAP(add_line(ret, "l3CacheSchema", "L3", r->l3_cache_schema), "linux.intelRdt");
    TRY_WRAP(add_line(ret, "memBwSchema", "MB:", r->mem_bw_schema), "linux.intelRdt");
    for (size_t i = 0; i < r->schemata.n; i++)
        TRY_WRAP(add_line(ret, "schemata", "", r->schemata.v[i]), "linux.intelRdt");
    return NULL;
}

struct err *rdt_plan_update(struct arena *a, const struct oci_intel_rdt *r, const char *id,
    const char *l3_cache, const char *memory_bandwidth, struct rdt *ret)
{
    if (!r)
        return err_new(
            ERR_UNSUPPORTED, "Intel RDT is not enabled: container %s has no class (linux.intelRdt)", id);
    struct oci_intel_rdt other = {
        .clos_id = r->clos_id, .l3_cache_schema = l3_cache, .mem_bw_schema = memory_bandwidth};
    TRY(rdt_plan(a, &other, id, ret));
    if (!strcmp(ret->class, "."))
        return err_new(ERR_UNSUPPORTED, "container %s is in the default class, as the host is", id);
    return NULL;
}

/* --- lines of schemata: NAME:DOMAIN=VALUE;DOMAIN=VALUE... */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* The part up to one of `ends`, without blanks around it. */
static size_t part(const char **p, const char *ends, const char **ret)
{
    *ret = skip_blanks(*p);
    size_t n = strcspn(*ret, ends);
    *p = *ret + n;
    while (n && strchr(" \t\r", (*ret)[n - 1]))
        n--;
    return n;
}

/* Equal as numbers of the same base: "0F" and "f". */
static bool same_value(const char *a, size_t n, const char *b, size_t m)
{
    for (; n > 1 && *a == '0'; n--)
        a++;
    for (; m > 1 && *b == '0'; m--)
        b++;
    return n == m && !strncasecmp(a, b, n);
}

/* Does one domain, "0=f", stand in a line's list? */
static bool list_has(const char *list, const char *domain, size_t n)
{
    const char *eq = memchr(domain, '=', n);
    size_t name = eq ? (size_t)(eq - domain) : n;
    for (const char *p = list, *at; *p && *p != '\n'; p += *p == ';') {
        size_t len = part(&p, ";\n", &at);
        const char *value = memchr(at, '=', len);
        if (eq && value && same_value(at, (size_t)(value - at), domain, name))
            return same_value(value + 1, len - (size_t)(value + 1 - at), eq + 1, n - name - 1);
    }
    return false;
}

bool rdt_has(const char *schemata, const char *line)
{
    const char *p = line, *name, *domain;
    size_t n = part(&p, ":", &name);
    if (*p++ != ':')
        return false;
    for (const char *s = schemata, *at; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        size_t len = part(&s, ":\n", &at);
        if (*s != ':' || len != n || strncmp(at, name, n))
            continue;
        bool all = true;
        while (all && *skip_blanks(p)) {
            size_t size = part(&p, ";", &domain);
            all = list_has(s + 1, domain, size);
            p += *p == ';';
        }
        return all;
    }
    return false;
}

/* --- resctrl */

char *rdt_mount_point(const char *mountinfo)
{
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end = line + strcspn(line, "\n"), *type = strstr(line, " - resctrl ");
        if (!type || type > end)
            continue;
        const char *p = line;
        for (int field = 0; field < 4; field++)
            p += strcspn(p, " ") + 1;
        return mem_strndup(p, strcspn(p, " "));
    }
    return NULL;
}

struct err *rdt_open(int *ret_root)
{
    auto_free char *text = NULL;
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL));
    auto_free char *point = rdt_mount_point(text);
    if (!point)
        return err_new(ERR_UNSUPPORTED,
            "linux.intelRdt: is specified, but Intel RDT is not supported or enabled: "
            "no resctrl is mounted");
    *ret_root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_root < 0 ? err_sys(errno, "linux.intelRdt: open %s", point) : NULL;
}

static struct err *check_lines(int class, const struct rdt *r)
{
    auto_free char *text = NULL;
    TRY(file_read(class, "schemata", SCHEMATA_MAX, &text, NULL));
    for (size_t i = 0; i < r->lines.n; i++)
        if (!rdt_has(text, r->lines.v[i]))
            return err_new(ERR_CONFLICT, "\"%s\" is not what its schemata says", r->lines.v[i]);
    return NULL;
}

static struct err *write_lines(int class, const struct rdt *r)
{
    auto_buf b = BUF_INIT(SCHEMATA_MAX);
    for (size_t i = 0; i < r->lines.n; i++)
        buf_addf(&b, "%s\n", r->lines.v[i]);
    TRY(buf_check(&b, "schemata"));
    return b.len ? file_put(class, "schemata", buf_str(&b)) : NULL;
}

static struct err *make_class(int root, const struct rdt *r, bool *ret_made)
{
    *ret_made = (r->own || r->lines.n) && !mkdirat(root, r->class, 0755);
    if (!*ret_made && (r->own || (r->lines.n && errno != EEXIST)))
        return err_sys(errno, "make the class");
    auto_close class = openat(root, r->class, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (class < 0)
        return err_sys(errno, "open the class");
    return *ret_made ? write_lines(class, r) : check_lines(class, r);
}

struct err *rdt_update(int root, const struct rdt *r)
{
    auto_close class = openat(root, r->class, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct err *e = class < 0 ? err_sys(errno, "open it") : write_lines(class, r);
    return err_wrap(e, "linux.intelRdt: class %s", r->class);
}

static void monitor_path(const struct rdt *r, char *path, size_t n)
{
    snprintf(path, n, "%s/mon_groups/%s", r->class, r->id);
}

struct err *rdt_make(int root, const struct rdt *r)
{
    bool made;
    char path[600];
    monitor_path(r, path, sizeof(path));
    struct err *e = make_class(root, r, &made);
    if (!e && r->monitor && mkdirat(root, path, 0755) < 0)
        e = err_sys(errno, "make the monitoring group");
    if (e && made)
        unlinkat(root, r->class, AT_REMOVEDIR);
    return err_wrap(e, "linux.intelRdt: class %s", r->class);
}

struct err *rdt_enter(int root, const struct rdt *r, pid_t pid)
{
    char path[600], text[16];
    snprintf(text, sizeof(text), "%d", (int)pid);
    snprintf(path, sizeof(path), "%s/tasks", r->class);
    TRY_WRAP(file_put(root, path, text), "linux.intelRdt");
    if (!r->monitor)
        return NULL;
    snprintf(path, sizeof(path), "%s/mon_groups/%s/tasks", r->class, r->id);
    return err_wrap(file_put(root, path, text), "linux.intelRdt");
}

struct err *rdt_remove(int root, const struct rdt *r)
{
    char path[600];
    monitor_path(r, path, sizeof(path));
    if (r->monitor && unlinkat(root, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(errno, "linux.intelRdt: remove %s", path);
    if (r->own && unlinkat(root, r->class, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(errno, "linux.intelRdt: remove class %s", r->class);
    return NULL;
}

struct err *rdt_join(struct arena *a, const struct oci_intel_rdt *r, const char *id, pid_t pid)
{
    struct rdt plan;
    auto_close root = -1;
    TRY(rdt_plan(a, r, id, &plan));
    if (!plan.wanted)
        return NULL;
    TRY(rdt_open(&root));
    return rdt_enter(root, &plan, pid);
}

/* Where resctrl is gone, so is all that was in it. */
struct err *rdt_release(struct arena *a, const struct oci_intel_rdt *r, const char *id)
{
    struct rdt plan;
    auto_close root = -1;
    TRY(rdt_plan(a, r, id, &plan));
    struct err *e = plan.wanted ? rdt_open(&root) : NULL;
    if (e && err_kind(e) == ERR_UNSUPPORTED) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    return plan.wanted ? rdt_remove(root, &plan) : NULL;
}
