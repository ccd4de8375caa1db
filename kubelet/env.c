/* Environment variables, see env.h. */
#include "kubelet/env.h"
#include "lib/buf.h"
#include "lib/tls.h"
#include <string.h>

enum { ENV_MAX = 4 << 20, ENV_VARS_MAX = 100000 };

/* A map that grows; the last value of a name wins, at the place of the first. */
struct vars {
    struct arena *arena;
    struct str_map map;
    size_t cap;
};

static void vars_set(struct vars *v, const char *name, const char *value)
{
    for (size_t i = 0; i < v->map.n; i++)
        if (strcmp(v->map.v[i].name, name) == 0) {
            v->map.v[i].value = value;
            return;
        }
    if (v->map.n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 16;
        struct str_pair *grown = arena_array(v->arena, cap, sizeof(*grown));
        if (v->map.n)
            memcpy(grown, v->map.v, v->map.n * sizeof(*grown));
        v->map.v = grown;
        v->cap = cap;
    }
    v->map.v[v->map.n++] = (struct str_pair){name, value};
}

/* One step at a '$': adds what it stands for and returns what follows. *missing: the unknown name. */
static const char *expand_one(
    struct arena *a, const char *s, const struct str_map *vars, struct buf *out, const char **missing)
{
    const char *end;
    if (s[1] == '$') {
        buf_addc(out, '$');
        return s + 2;
    }
    if (s[1] != '(' || !(end = strchr(s + 2, ')'))) {
        buf_addc(out, '$');
        return s + 1;
    }
    const char *name = arena_strndup(a, s + 2, (size_t)(end - s - 2));
    const char *value = str_map_get(vars, name);
    if (value)
        buf_adds(out, value);
    else {
        *missing = name;
        buf_add(out, s, (size_t)(end + 1 - s));
    }
    return end + 1;
}

static const char *expand(struct arena *a, const char *text, const struct str_map *vars, const char **missing)
{
    if (!strchr(text, '$'))
        return text;
    auto_buf b = BUF_INIT(ENV_MAX);
    for (const char *s = text; *s;) {
        size_t plain = strcspn(s, "$");
        buf_add(&b, s, plain);
        s += plain;
        if (*s)
            s = expand_one(a, s, vars, &b, missing);
    }
    return b.over ? text : arena_strdup(a, buf_str(&b));
}

const char *env_expand(struct arena *a, const char *text, const struct str_map *vars)
{
    const char *missing = NULL;
    return expand(a, text, vars, &missing);
}

struct err *env_expand_strict(struct arena *a, const char *text, const struct str_map *vars, const char **ret)
{
    const char *missing = NULL;
    const char *s = expand(a, text, vars, &missing);
    if (missing)
        return err_new(ERR_INVALID, "missing value for %s", missing);
    *ret = s;
    return NULL;
}

/* A key's text; *ret NULL where the object has no such key. A Secret's is base64. */
static struct err *key_text(
    struct arena *a, const struct json *object, bool secret, const char *key, const char **ret)
{
    *ret = NULL;
    const char *text = json_str(json_at(object, "data", key, NULL));
    if (!text || !secret) {
        *ret = text;
        return NULL;
    }
    auto_buf b = BUF_INIT(ENV_MAX);
    TRY_WRAP(base64_decode(text, &b), "key %s", key);
    *ret = arena_strndup(a, buf_str(&b), b.len);
    return NULL;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static struct err *from_key(
    struct arena *a, const struct env_in *in, const struct key_selector *s, bool secret, const char **ret)
{
    const char *ns = in->pod->metadata->namespace_, *name = or_empty(s->name);
    bool optional = opt_bool_or(s->optional, false);
    const struct json *object = in->object(in->arg, secret, ns, name);
    *ret = NULL;
    if (!object && !optional)
        return err_new(ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap", name);
    if (object)
        TRY(key_text(a, object, secret, or_empty(s->key), ret));
    if (!*ret && !optional)
        return err_new(ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", or_empty(s->key),
            secret ? "Secret" : "ConfigMap", ns, name);
    return NULL;
}

/* *ret NULL: optional, and not there: no variable. */
static struct err *from_source(
    struct arena *a, const struct env_in *in, const struct env_var_source *s, const char **ret)
{
    if (s->field_ref)
        return field_ref_value(a, in->pod, in->fields, s->field_ref->field_path, ret);
    if (s->resource_field_ref)
        return field_ref_resource(a, in->pod, in->fields, in->container, s->resource_field_ref, ret);
    if (s->config_map_key_ref)
        return from_key(a, in, s->config_map_key_ref, false, ret);
    if (s->secret_key_ref)
        return from_key(a, in, s->secret_key_ref, true, ret);
    return err_new(ERR_UNSUPPORTED,
        "valueFrom: only fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef "
        "are supported");
}

static struct err *add_from(struct vars *v, const struct env_in *in, const struct env_from_source *s)
{
    const struct env_from_ref *ref = s->config_map_ref ? s->config_map_ref : s->secret_ref;
    bool secret = !s->config_map_ref;
    if (!ref)
        return NULL;
    const struct json *object =
        in->object(in->arg, secret, in->pod->metadata->namespace_, or_empty(ref->name));
    if (!object && !opt_bool_or(ref->optional, false))
        return err_new(
            ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap", or_empty(ref->name));
    json_each_member (m, json_get(object, "data")) {
        const char *value;
        TRY(key_text(v->arena, object, secret, m->name, &value));
        if (value && !strchr(m->name, '='))
            vars_set(v, arena_printf(v->arena, "%s%s", or_empty(s->prefix), m->name), value);
    }
    return NULL;
}

static struct err *add_env(struct vars *v, const struct env_in *in, const struct env_var *e)
{
    const char *value = NULL;
    if (e->value_from && !(e->value && *e->value)) {
        TRY(from_source(v->arena, in, e->value_from, &value));
    } else {
        /* What is known so far: the Pod's own variables before those of Services. */
        struct vars known = {.arena = v->arena};
        for (size_t i = 0; in->service_env && i < in->service_env->n; i++)
            vars_set(&known, in->service_env->v[i].name, in->service_env->v[i].value);
        for (size_t i = 0; strchr(or_empty(e->value), '$') && i < v->map.n; i++)
            vars_set(&known, v->map.v[i].name, v->map.v[i].value);
        value = env_expand(v->arena, or_empty(e->value), &known.map);
    }
    if (value)
        vars_set(v, or_empty(e->name), value);
    return NULL;
}

/* Image variables first, each overridden at its place, then the Pod's. */
static struct err *merge(
    struct arena *a, const struct env_in *in, const struct vars *own, struct str_list *ret)
{
    struct vars all = {.arena = a};
    for (size_t i = 0; in->image_env && i < in->image_env->n; i++) {
        const char *s = in->image_env->v[i], *eq = strchr(s, '=');
        vars_set(&all, eq ? arena_strndup(a, s, (size_t)(eq - s)) : s, eq ? eq + 1 : "");
    }
    if (!str_map_get(&all.map, "PATH"))
        vars_set(&all, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (in->hostname)
        vars_set(&all, "HOSTNAME", in->hostname);
    for (size_t i = 0; i < own->map.n; i++)
        vars_set(&all, own->map.v[i].name, own->map.v[i].value);
    if (all.map.n > ENV_VARS_MAX)
        return err_new(ERR_LIMIT, "more than %d environment variables", ENV_VARS_MAX);
    ret->v = arena_array(a, all.map.n + 1, sizeof(*ret->v));
    ret->n = all.map.n;
    for (size_t i = 0; i < all.map.n; i++)
        ret->v[i] = arena_printf(a, "%s=%s", all.map.v[i].name, all.map.v[i].value);
    return NULL;
}

struct err *env_build(
    struct arena *a, const struct env_in *in, struct str_list *ret, struct str_map *ret_vars)
{
    struct vars own = {.arena = a};
    const struct container *c = in->container;
    for (size_t i = 0; i < c->env_from.n; i++)
        TRY(add_from(&own, in, &c->env_from.v[i]));
    for (size_t i = 0; i < c->env.n; i++)
        TRY(add_env(&own, in, &c->env.v[i]));
    for (size_t i = 0; in->service_env && i < in->service_env->n; i++)
        if (!str_map_get(&own.map, in->service_env->v[i].name))
            vars_set(&own, in->service_env->v[i].name, in->service_env->v[i].value);
    TRY(merge(a, in, &own, ret));
    *ret_vars = own.map;
    return NULL;
}

void env_for_terminal(struct arena *a, struct str_list *env)
{
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->v[i], "TERM=", 5) == 0)
            return;
    const char **v = arena_array(a, env->n + 1, sizeof(*v));
    if (env->n)
        memcpy(v, env->v, env->n * sizeof(*v));
    v[env->n] = "TERM=xterm";
    *env = (struct str_list){env->n + 1, v};
}
