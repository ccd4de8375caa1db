/* The end of a shim: every container is deleted, then its files, then those who asked are told. */
#include "runtime/shim/shim.h"
#include "lib/mem.h"
#include "runtime/shim/container.h"
#include "runtime/shim/sandbox.h"

static void finish(struct shim *s)
{
    s->stopped = true;
    sandbox_remove(s);
    struct reply *list = take_ptr(s->shutdowns);
    while (list) {
        struct reply *r = list;
        list = r->next;
        if (s->failure)
            reply_err(r, err_new(err_kind(s->failure), "%s", err_message(s->failure)));
        else
            reply_ok(r);
    }
    server_done(s);
}

void shim_check_stopped(struct shim *s)
{
    bool done = s->stopping && !s->stopped;
    for (const struct container *c = s->containers; c && done; c = c->next)
        done = c->left_behind;
    if (done)
        finish(s);
}

void shim_stop(struct shim *s, struct reply *r)
{
    if (r) {
        r->next = s->shutdowns;
        s->shutdowns = r;
    }
    if (s->stopping)
        return;
    s->stopping = true;
    for (struct container *c = s->containers, *next; c; c = next) {
        next = c->next; /* deleting one never removes another */
        container_delete(c, NULL);
    }
    shim_check_stopped(s);
}
