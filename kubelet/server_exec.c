/* Requests for exec and attach: what is wanted, and whether it may be; the rest is a session's. */
#include "kubelet/exec.h"
#include "kubelet/server.h"
#include "kubelet/session.h"

#include "lib/mem.h"
#include "lib/ws.h"
#include <stdlib.h>
#include <string.h>

enum { COMMAND_MAX = 4096 }; /* words */

struct words {
    struct arena *a;
    struct str_list l;
};

static void add_word(void *arg, const char *name, const char *value)
{
    struct words *w = arg;
    if (strcmp(name, "command") != 0 || w->l.n == COMMAND_MAX)
        return;
    if (!w->l.v)
        w->l.v = arena_array(w->a, COMMAND_MAX + 1, sizeof(char *));
    w->l.v[w->l.n++] = arena_strdup(w->a, value ? value : "");
}

/* Of the protocols offered, the newest that is ours. */
static const char *choose_protocol(const char *offered)
{
    if (offered && strstr(offered, "v5.channel.k8s.io"))
        return "v5.channel.k8s.io";
    if (offered && strstr(offered, "v4.channel.k8s.io"))
        return "v4.channel.k8s.io";
    return NULL;
}

static bool either(const struct http_request *r, const char *a, const char *b)
{
    return server_flag(r, a) || server_flag(r, b);
}

static struct err *read_exec(const struct http_request *r, struct instance *i, struct session_options *o)
{
    struct words command = {.a = o->arena};
    http_query_each(r, add_word, &command);
    if (command.l.n == 0)
        return err_new(ERR_INVALID, "you must specify at least 1 command for the container");
    o->tty = server_flag(r, "tty");
    return exec_process(i, o->arena, &command.l, o->tty, &o->process);
}

static struct err *read_options(const struct http_request *r, struct instance *i, struct session_options *o)
{
    o->in = either(r, "input", "stdin");
    o->out = either(r, "output", "stdout");
    o->err = either(r, "error", "stderr");
    if (o->is_exec)
        TRY(read_exec(r, i, o));
    else
        o->tty = i->spec && opt_bool_or(i->spec->tty, false);
    if (!o->in && !o->out && !o->err)
        return err_new(ERR_INVALID, "you must specify at least 1 of stdin, stdout, stderr");
    if (o->is_exec && o->tty)
        o->err = false;
    return NULL;
}

static void serve_stream(struct kubelet *k, struct http_request *r, bool is_exec)
{
    struct worker *w;
    struct instance *i = server_find(k, r, &w);
    const char *key = http_header(r, "Sec-WebSocket-Key"), *upgrade = http_header(r, "Upgrade");
    const char *protocol = choose_protocol(http_header(r, "Sec-WebSocket-Protocol"));
    char accept[29];
    if (!i)
        return;
    if (i->state != INSTANCE_RUNNING && i->state != INSTANCE_HOOK && i->state != INSTANCE_STOPPING) {
        server_text(r, 404, "container not found (\"%s\")", i->name);
        return;
    }
    if (!key || !upgrade || strcasecmp(upgrade, "websocket") != 0 || !protocol) {
        server_text(r, 400, "a WebSocket upgrade with v5.channel.k8s.io or v4.channel.k8s.io is wanted here");
        return;
    }
    auto_arena *a = arena_new();
    struct session_options o = {.arena = a,
        .uid = arena_strdup(a, w->uid),
        .cid = arena_strdup(a, i->cid),
        .is_exec = is_exec,
        .v5 = strncmp(protocol, "v5", 2) == 0};
    auto_err *e = read_options(r, i, &o);
    if (e) {
        server_text(r, err_kind(e) == ERR_INVALID ? 400 : 500, "%s", err_message(e));
        return;
    }
    ws_accept_key(key, accept);
    const struct http_header headers[] = {
        {"Sec-WebSocket-Accept", accept}, {"Sec-WebSocket-Protocol", protocol}, {NULL, NULL}};
    o.arena = take_ptr(a);
    http_upgrade(r, "websocket", headers, session_up, session_new(k, &o));
}

void server_exec(struct kubelet *k, struct http_request *r)
{
    serve_stream(k, r, true);
}

void server_attach(struct kubelet *k, struct http_request *r)
{
    serve_stream(k, r, false);
}
