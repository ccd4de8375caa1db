/* The pure half of process.h: from config.json's `process` to ids, limits and arrays. */
#include "lib/mem.h"
#include "runtime/process/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static struct err *plan_rlimit(const struct oci_rlimit *o, struct process_rlimit *ret)
{
    uint64_t hard, soft;
    if (!oci_u64(o->hard, &hard))
        return err_new(ERR_INVALID, "hard: not an unsigned number");
    if (!oci_u64(o->soft, &soft))
        return err_new(ERR_INVALID, "soft: not an unsigned number");
    if (soft > hard)
        return err_new(
            ERR_INVALID, "soft: %llu is above hard %llu", (unsigned long long)soft, (unsigned long long)hard);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        if (!strcmp(limits[i].name, o->type)) {
            *ret = (struct process_rlimit){limits[i].name, limits[i].resource, {soft, hard}};
            return NULL;
        }
    return err_new(ERR_INVALID, "type: unknown limit \"%s\"", o->type);
}

static struct err *plan_user(struct arena *a, const struct oci_user *u, struct process_plan *p)
{
    if (!u)
        return NULL;
    p->uid = (uid_t)opt_int_or(u->uid, 0);
    p->gid = (gid_t)opt_int_or(u->gid, 0);
    p->n_groups = u->additional_gids.n;
    p->groups = arena_array(a, p->n_groups, sizeof(*p->groups));
    for (size_t i = 0; i < p->n_groups; i++) {
        int64_t g = u->additional_gids.v[i];
        if (g < 0 || g >= 0xffffffffLL)
            return err_new(ERR_INVALID, "additionalGids[%zu]: %lld is no group id", i, (long long)g);
        p->groups[i] = (gid_t)g;
    }
    return NULL;
}

/* Of doubles the last counts, and alone: programs differ in which of two they take. */
static void add_env(struct process_plan *p, const char *pair)
{
    size_t len = (size_t)(strchr(pair, '=') - pair) + 1;
    size_t i = 0;
    while (i < p->n_env && strncmp(p->envp[i], pair, len))
        i++;
    p->envp[i] = pair;
    p->n_env += i == p->n_env;
}

static struct err *plan_strings(struct arena *a, const struct oci_process *o, struct process_plan *p)
{
    if (!o->args.n)
        return err_new(ERR_INVALID, "args: must not be empty");
    if (!o->cwd || o->cwd[0] != '/')
        return err_new(ERR_INVALID, "cwd: \"%s\": must be an absolute path", o->cwd ? o->cwd : "");
    p->cwd = o->cwd;
    p->argv = arena_array(a, o->args.n + 1, sizeof(*p->argv));
    memcpy(p->argv, o->args.v, o->args.n * sizeof(*p->argv));
    p->envp = arena_array(a, o->env.n + 5, sizeof(*p->envp));
    for (size_t i = 0; i < o->env.n; i++) {
        if (!strchr(o->env.v[i], '='))
            return err_new(ERR_INVALID, "env[%zu]: \"%s\": must be NAME=VALUE", i, o->env.v[i]);
        add_env(p, o->env.v[i]);
    }
    return NULL;
}

struct err *process_plan(struct arena *a, const struct oci_process *o, struct process_plan *ret)
{
    struct process_plan p = {.oci = o};
    if (!o)
        return err_new(ERR_INVALID, "process: absent");
    TRY_WRAP(plan_strings(a, o, &p), "process");
    TRY_WRAP(plan_user(a, o->user, &p), "process.user");
    p.caps = caps_plan(o->capabilities, &p.unknown_cap);
    p.rlimits = arena_array(a, o->rlimits.n, sizeof(*p.rlimits));
    for (; p.n_rlimits < o->rlimits.n; p.n_rlimits++) {
        struct process_rlimit *r = &p.rlimits[p.n_rlimits];
        TRY_WRAP(plan_rlimit(&o->rlimits.v[p.n_rlimits], r), "process.rlimits[%zu]", p.n_rlimits);
        for (size_t i = 0; i < p.n_rlimits; i++)
            if (p.rlimits[i].resource == r->resource)
                return err_new(
                    ERR_INVALID, "process.rlimits[%zu]: type: \"%s\" is listed twice", p.n_rlimits, r->name);
    }
    p.terminal = opt_bool_or(o->terminal, false);
    p.no_new_privs = opt_bool_or(o->no_new_privileges, false);
    *ret = p;
    return NULL;
}

void process_setenv(struct process_plan *p, struct arena *a, const char *name, const char *value)
{
    size_t len = strlen(name);
    const char *text = arena_printf(a, "%s=%s", name, value);
    for (size_t i = 0; i < p->n_env; i++)
        if (!strncmp(p->envp[i], name, len) && p->envp[i][len] == '=') {
            p->envp[i] = text;
            return;
        }
    p->envp[p->n_env++] = text;
    p->envp[p->n_env] = NULL;
}

const char *process_home_of(char *text, uid_t uid, struct arena *a)
{
    char want[16];
    snprintf(want, sizeof(want), "%u", uid);
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *field[7] = {line};
        int n = 1;
        for (char *c = line; *c && n < 7; c++)
            if (*c == ':') {
                *c = '\0';
                field[n++] = c + 1;
            }
        if (n >= 6 && !strcmp(field[2], want) && field[5][0] == '/')
            return arena_strdup(a, field[5]);
    }
    return "/";
}
