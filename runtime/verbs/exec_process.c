/* See exec_process.h. */
#include "runtime/verbs/exec_process.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/process/caps.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PROCESS_MAX (1 << 20)

/* Decimal digits, all of them, in range; anything else is an error and never 0. */
static bool read_id(const char *text, size_t len, int64_t *ret)
{
    if (!len || len > 10 || strspn(text, "0123456789") < len)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v * 10 + (text[i] - '0');
    if (v >= 0xffffffffLL)
        return false;
    *ret = v;
    return true;
}

struct err *exec_user(const char *text, struct oci_user *u)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    int64_t uid, gid;
    if (!read_id(text, len, &uid) || (colon && !read_id(colon + 1, strlen(colon + 1), &gid)))
        return err_new(ERR_INVALID, "--user: \"%s\": must be UID or UID:GID", text);
    u->uid = (struct opt_int){true, uid};
    if (colon)
        u->gid = (struct opt_int){true, gid};
    return NULL;
}

static struct str_list joined(struct arena *a, struct str_list x, struct str_list y)
{
    struct str_list out = {.n = x.n + y.n, .v = arena_array(a, x.n + y.n, sizeof(*out.v))};
    if (x.n)
        memcpy(out.v, x.v, x.n * sizeof(*out.v));
    if (y.n)
        memcpy(out.v + x.n, y.v, y.n * sizeof(*out.v));
    return out;
}

static struct err *add_caps(struct arena *a, const struct exec_options *o, struct oci_process *p)
{
    for (size_t i = 0; i < o->caps.n; i++)
        if (caps_number(o->caps.v[i]) < 0)
            return err_new(ERR_INVALID, "--cap: unknown capability \"%s\"", o->caps.v[i]);
    struct oci_capabilities *c = arena_new_obj(a, struct oci_capabilities);
    if (p->capabilities)
        *c = *p->capabilities;
    c->bounding = joined(a, c->bounding, o->caps);
    c->effective = joined(a, c->effective, o->caps);
    c->permitted = joined(a, c->permitted, o->caps);
    p->capabilities = c; /* never inheritable */
    return NULL;
}

static struct err *add_gids(struct arena *a, const struct exec_options *o, struct oci_user *u)
{
    struct int_list l = {.v = arena_array(a, u->additional_gids.n + o->gids.n, sizeof(*l.v))};
    for (; l.n < u->additional_gids.n; l.n++)
        l.v[l.n] = u->additional_gids.v[l.n];
    for (size_t i = 0; i < o->gids.n; i++)
        if (!read_id(o->gids.v[i], strlen(o->gids.v[i]), &l.v[l.n++]))
            return err_new(ERR_INVALID, "--additional-gids: \"%s\": no group id", o->gids.v[i]);
    u->additional_gids = l;
    return NULL;
}

static struct err *from_options(struct arena *a, const struct exec_options *o, const struct oci_process *own,
    char **args, int n, struct oci_process *p)
{
    *p = *own;
    if (n < 1)
        return err_new(ERR_INVALID, "which command? (or --process FILE)");
    p->args = (struct str_list){.n = (size_t)n, .v = (const char **)args};
    p->terminal = (struct opt_bool){true, o->tty};
    p->env = joined(a, p->env, o->env);
    struct oci_user *u = arena_new_obj(a, struct oci_user);
    if (p->user)
        *u = *p->user;
    p->user = u;
    if (o->user)
        TRY(exec_user(o->user, u));
    if (o->cwd)
        p->cwd = o->cwd;
    if (o->no_new_privs)
        p->no_new_privileges = (struct opt_bool){true, true};
    if (o->label)
        p->selinux_label = o->label;
    if (o->apparmor)
        p->apparmor_profile = o->apparmor;
    TRY(add_gids(a, o, u));
    return o->caps.n ? add_caps(a, o, p) : NULL;
}

static struct err *from_file(struct arena *a, const struct exec_options *o, struct oci_process *p)
{
    auto_free char *text = NULL;
    size_t len;
    auto_close fd = open(o->process, O_RDONLY | O_CLOEXEC | O_NOCTTY); /* a pipe, too: <(echo ...) */
    if (fd < 0)
        return err_sys(errno, "--process: open %s", o->process);
    TRY_WRAP(file_read_stream(fd, PROCESS_MAX, &text, &len), "--process: read %s", o->process);
    TRY_WRAP(fields_parse(&oci_process_fields, a, text, len, p), "--process: %s", o->process);
    if (o->tty)
        p->terminal = (struct opt_bool){true, true};
    return NULL;
}

struct err *exec_process(struct arena *a, const struct exec_options *o, const struct oci_process *own,
    char **args, int n, struct oci_process *ret)
{
    return o->process ? from_file(a, o, ret) : from_options(a, o, own, args, n, ret);
}
