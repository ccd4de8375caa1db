/* Operations: see ops.h; what each takes and gives is in lib/api/shim.h. */
#include "runtime/shim/ops.h"
#include "lib/mem.h"
#include "runtime/shim/container.h"
#include "runtime/shim/exec.h"
#include "runtime/shim/mount.h"
#include "runtime/shim/signals.h"
#include "runtime/shim/state.h"
#include <string.h>

struct call {
    struct shim *shim;
    struct arena *a;
    const struct json *request;
    struct ops_fds *fds;
    struct reply *reply; /* the operation has to answer it, unless it fails */
};

struct on_container { /* the arguments of all that concern one */
    const char *id, *signal, *exec;
    struct opt_bool all, terminal, in, out, err;
    struct opt_int width, height;
    const struct json *process;
};
static FIELDS_DEFINE(on_container_fields, on_container,
    {"id", FIELD_STR, offsetof(struct on_container, id), .flags = FIELD_REQUIRED},
    FIELD(on_container, signal, "signal", FIELD_STR), FIELD(on_container, exec, "exec", FIELD_STR),
    FIELD(on_container, all, "all", FIELD_BOOL), FIELD(on_container, terminal, "terminal", FIELD_BOOL),
    FIELD(on_container, in, "stdin", FIELD_BOOL), FIELD(on_container, out, "stdout", FIELD_BOOL),
    FIELD(on_container, err, "stderr", FIELD_BOOL),
    {"width", FIELD_INT, offsetof(struct on_container, width), .min = 0, .max = UINT16_MAX},
    {"height", FIELD_INT, offsetof(struct on_container, height), .min = 0, .max = UINT16_MAX},
    FIELD(on_container, process, "process", FIELD_JSON));

static struct err *find(const struct call *c, struct on_container *ret_args, struct container **ret_container)
{
    TRY(fields_decode(&on_container_fields, c->a, c->request, ret_args));
    *ret_container = container_find(c->shim, ret_args->id);
    if (!*ret_container)
        return err_new(ERR_NOT_FOUND, "container %.80s: there is none", ret_args->id);
    return NULL;
}

static struct err *op_state(struct call *c)
{
    state_members(c->shim, reply_begin(c->reply));
    reply_send(c->reply, NULL, 0);
    return NULL;
}

static struct err *op_subscribe(struct call *c)
{
    reply_subscribe(c->reply);
    return op_state(c);
}

/* ---- mount ---- */

struct mounts {
    FIELD_LIST(struct shim_mount) mounts;
};
static FIELDS_DEFINE(
    mounts_fields, mounts, FIELD_OF(mounts, mounts, "mounts", FIELD_STRUCTS, &shim_mount_fields));

static struct err *mount_once(struct shim *s, const struct shim_mount *m)
{
    for (unsigned i = 0; m->target && i < s->n_mounts; i++)
        if (!strcmp(s->mounts[i], m->target))
            return NULL;
    if (s->n_mounts >= SHIM_MOUNTS_MAX)
        return err_new(ERR_LIMIT, "mounts: %d are there already", SHIM_MOUNTS_MAX);
    TRY(mount_make(m, m->target));
    s->mounts[s->n_mounts++] = mem_strdup(m->target);
    return NULL;
}

static struct err *op_mount(struct call *c)
{
    struct mounts list;
    TRY(fields_decode(&mounts_fields, c->a, c->request, &list));
    for (size_t i = 0; i < list.mounts.n; i++)
        TRY_WRAP(mount_once(c->shim, &list.mounts.v[i]), "mounts[%zu]", i);
    reply_ok(c->reply);
    return NULL;
}

/* ---- containers ---- */

static struct err *op_start(struct call *c)
{
    struct shim_start start;
    TRY(fields_decode(&shim_start_fields, c->a, c->request, &start));
    return container_start(c->shim, &start, c->reply);
}

static struct err *op_kill(struct call *c)
{
    struct on_container args;
    struct container *target;
    int sig;
    TRY(find(c, &args, &target));
    TRY(signals_parse(args.signal, &sig));
    TRY_WRAP(container_kill(target, sig, opt_bool_or(args.all, false)), "container %s", target->name);
    reply_ok(c->reply);
    return NULL;
}

static struct err *op_delete(struct call *c)
{
    struct on_container args;
    TRY(fields_decode(&on_container_fields, c->a, c->request, &args));
    struct container *target = container_find(c->shim, args.id);
    if (target)
        container_delete(target, c->reply);
    else
        reply_ok(c->reply);
    return NULL;
}

static struct err *op_exec(struct call *c)
{
    struct on_container args;
    struct container *target;
    TRY(find(c, &args, &target));
    struct exec_spec spec = {
        .exec = args.exec, .process = args.process, .terminal = opt_bool_or(args.terminal, false)};
    return exec_start(target, c->a, &spec, c->fds, c->reply);
}

static struct err *op_attach(struct call *c)
{
    struct on_container args;
    struct container *target;
    TRY(find(c, &args, &target));
    TRY_WRAP(container_usable(target), "container %s", target->name);
    const bool wanted[3] = {
        opt_bool_or(args.in, false), opt_bool_or(args.out, false), opt_bool_or(args.err, false)};
    int fds[3];
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        fds[i] = wanted[i] && n < c->fds->n ? c->fds->fd[n++] : -1;
    size_t want = (size_t)wanted[0] + wanted[1] + wanted[2];
    if (want == 0 || c->fds->n != want)
        return err_new(ERR_INVALID, "attach: %zu descriptors came for %zu streams", c->fds->n, want);
    TRY(streams_attach(&target->streams, fds[0], fds[1], fds[2]));
    c->fds->n = 0; /* they are its own now */
    reply_ok(c->reply);
    return NULL;
}

static struct err *op_resize(struct call *c)
{
    struct on_container args;
    struct container *target;
    TRY(find(c, &args, &target));
    TRY_WRAP(container_usable(target), "container %s", target->name);
    TRY_WRAP(streams_resize(&target->streams, (unsigned short)opt_int_or(args.width, 0),
                 (unsigned short)opt_int_or(args.height, 0)),
        "container %s", target->name);
    reply_ok(c->reply);
    return NULL;
}

static struct err *op_reopen(struct call *c)
{
    struct on_container args;
    struct container *target;
    TRY(find(c, &args, &target));
    TRY_WRAP(crilog_reopen(&target->streams.log), "container %s", target->name);
    reply_ok(c->reply);
    return NULL;
}

static struct err *op_shutdown(struct call *c)
{
    shim_stop(c->shim, c->reply);
    return NULL;
}

static const struct {
    const char *name;
    struct err *(*run)(struct call *c);
} ops[] = {
    {"subscribe", op_subscribe},
    {"state", op_state},
    {"mount", op_mount},
    {"start", op_start},
    {"kill", op_kill},
    {"delete", op_delete},
    {"exec", op_exec},
    {"attach", op_attach},
    {"resize", op_resize},
    {"reopen", op_reopen},
    {"shutdown", op_shutdown},
};

static struct err *dispatch(struct call *c)
{
    const char *op = json_str(json_get(c->request, "op"));
    for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++)
        if (!strcmp(op, ops[i].name))
            return ops[i].run(c);
    return err_new(ERR_INVALID, "op: \"%.32s\": there is none", op ? op : "");
}

void ops_dispatch(
    struct shim *s, struct arena *a, const struct json *request, struct ops_fds *fds, struct reply *r)
{
    struct call c = {s, a, request, fds, r};
    struct err *e = dispatch(&c);
    if (e)
        reply_err(r, e);
}
