/*
 * `wherry apply` and `wherry delete`: objects of manifests, one after the other; the first failure ends it.
 */
#include "cli/api.h"
#include "cli/apply_plan.h"

#include "lib/clock.h"
#include "lib/mem.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 50 };

struct change {
    struct api *api;
    struct arena *a;
    const char *ns; /* of -n; NULL: the manifest's, else default */
    int64_t timeout_s, grace;
    bool wait, no_wait;
};

static const char *name_of(const struct json *object)
{
    return json_str(json_at(object, "metadata", "name", NULL));
}

/* Where the object of a manifest lives. */
static struct err *locate(struct change *c, const struct json *doc, struct resource *res, const char **ret_ns)
{
    const char *own = json_str(json_at(doc, "metadata", "namespace", NULL));
    TRY(api_resource_of(
        c->api, c->a, json_str(json_get(doc, "apiVersion")), json_str(json_get(doc, "kind")), res));
    if (c->ns && own && strcmp(c->ns, own) != 0)
        return err_new(
            ERR_INVALID, "metadata.namespace: \"%s\" is not the namespace of -n, \"%s\"", own, c->ns);
    *ret_ns = own ? own : c->ns ? c->ns : "default";
    return NULL;
}

static void say(const struct resource *res, const char *name, const char *what)
{
    printf("%s%s%s/%s %s\n", res->singular && *res->singular ? res->singular : res->plural,
        *res->group ? "." : "", res->group, name, what);
    fflush(stdout);
}

/* GET; *ret NULL where there is no such object. */
static struct err *find(
    struct change *c, const struct resource *res, const char *ns, const char *name, const struct json **ret)
{
    *ret = NULL;
    struct err *e = api_call(
        c->api, c->a, &(struct api_request){"GET", api_path(c->a, res, ns, name), NULL, NULL, NULL}, ret);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    return e;
}

static struct err *create(
    struct change *c, const struct resource *res, const char *ns, const struct json *doc)
{
    const char *path =
        arena_printf(c->a, "%s?fieldManager=wherry&fieldValidation=Strict", api_path(c->a, res, ns, NULL));
    const struct json *made;
    TRY(api_call(
        c->api, c->a, &(struct api_request){"POST", path, NULL, NULL, apply_annotated(c->a, doc)}, &made));
    say(res, name_of(made), "created");
    return NULL;
}

static struct err *change(struct change *c, const struct resource *res, const char *ns,
    const struct json *live, const struct json *doc)
{
    const char *path = arena_printf(
        c->a, "%s?fieldManager=wherry&fieldValidation=Strict", api_path(c->a, res, ns, name_of(doc)));
    const struct json *after, *patch = apply_patch(c->a, live, doc);
    TRY(api_call(c->api, c->a,
        &(struct api_request){"PATCH", path, NULL, "application/strategic-merge-patch+json", patch}, &after));
    bool same = json_equal(json_at(live, "metadata", "resourceVersion", NULL),
        json_at(after, "metadata", "resourceVersion", NULL));
    say(res, name_of(doc), same ? "unchanged" : "configured");
    return NULL;
}

static struct err *apply_one(struct change *c, const struct json *doc)
{
    struct resource res;
    const char *ns;
    const struct json *live = NULL;
    TRY(locate(c, doc, &res, &ns));
    if (res.namespaced)
        doc = json_with_at(c->a, doc, json_new_str(c->a, ns), "metadata", "namespace", NULL);
    if (!name_of(doc))
        return create(c, &res, ns, doc);
    TRY(find(c, &res, ns, name_of(doc), &live));
    return live ? change(c, &res, ns, live, doc) : create(c, &res, ns, doc);
}

static struct err *wait_one(struct change *c, const struct json *doc)
{
    struct resource res;
    const char *ns;
    int64_t deadline = clock_mono_ms() + c->timeout_s * 1000;
    TRY(locate(c, doc, &res, &ns));
    do {
        auto_arena *a = arena_new();
        const struct json *live = NULL;
        struct change turn = *c;
        turn.a = a;
        TRY(find(&turn, &res, ns, name_of(doc), &live));
        if (!live)
            return err_new(ERR_NOT_FOUND, "it was deleted meanwhile");
        if (apply_is_ready(live))
            return NULL;
        (void)poll(NULL, 0, POLL_MS);
    } while (clock_mono_ms() < deadline);
    return err_new(ERR_TIMEOUT, "not ready within %lld s", (long long)c->timeout_s);
}

static struct err *each_document(
    struct change *c, const struct json *docs, struct err *(*fn)(struct change *, const struct json *))
{
    json_each_item (doc, docs)
        TRY_WRAP(fn(c, doc), "%s \"%s\"", json_str(json_get(doc, "kind")), name_of(doc) ? name_of(doc) : "");
    return NULL;
}

struct err *cli_apply(struct cli *cli, int argc, char **argv)
{
    struct str_list files = {0};
    struct change c = {.timeout_s = 60};
    const struct arg_option options[] = {
        {"filename", 'f', ARG_STRS, &files, "FILE", "YAML or JSON; - is standard input; may be given again"},
        {"namespace", 'n', ARG_STR, &c.ns, "NAME", "the namespace of what names none"},
        {"wait", 0, ARG_FLAG, &c.wait, NULL, "until Pods and controllers are ready"},
        {"timeout", 0, ARG_INT, &c.timeout_s, "SECONDS", "of --wait, for each object (60)"},
        {0},
    };
    const struct arg_spec spec = {"wherry apply -f FILE [--wait]",
        "Makes what the manifests describe, or changes it to that.", options, 0, 0, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (files.n == 0)
        return err_new(ERR_INVALID, "apply: -f FILE is missing");
    auto_arena *a = arena_new();
    auto_api *api = NULL;
    const struct json *docs;
    TRY(api_read_manifests(a, &files, &docs));
    TRY(api_open(cli, &api));
    c.api = api;
    c.a = a;
    TRY(each_document(&c, docs, apply_one));
    return c.wait ? each_document(&c, docs, wait_one) : NULL;
}

/* --- delete */

static struct err *wait_gone(
    struct change *c, const struct resource *res, const char *ns, const char *name, const struct json *uid)
{
    int64_t deadline = clock_mono_ms() + c->timeout_s * 1000;
    do {
        auto_arena *a = arena_new();
        const struct json *live = NULL;
        struct change turn = *c;
        turn.a = a;
        TRY(find(&turn, res, ns, name, &live));
        if (!live || !json_equal(json_at(live, "metadata", "uid", NULL), uid))
            return NULL;
        (void)poll(NULL, 0, POLL_MS);
    } while (clock_mono_ms() < deadline);
    return err_new(ERR_TIMEOUT, "not gone within %lld s", (long long)c->timeout_s);
}

static struct err *delete_one(struct change *c, const struct resource *res, const char *ns, const char *name)
{
    const struct json *live = NULL, *body = json_with(c->a, &json_empty_object, "propagationPolicy",
                                        json_new_str(c->a, "Background"));
    if (c->grace >= 0)
        body = json_with(c->a, body, "gracePeriodSeconds", json_new_int(c->a, c->grace));
    TRY(api_call(
        c->api, c->a, &(struct api_request){"GET", api_path(c->a, res, ns, name), NULL, NULL, NULL}, &live));
    TRY(api_call(c->api, c->a,
        &(struct api_request){"DELETE", api_path(c->a, res, ns, name), NULL, NULL, body}, NULL));
    say(res, name, "deleted");
    return c->no_wait ? NULL : wait_gone(c, res, ns, name, json_at(live, "metadata", "uid", NULL));
}

static struct err *delete_named(void *arg, const struct resource *res, const char *name)
{
    struct change *c = arg;
    if (!name)
        return err_new(
            ERR_INVALID, "delete: which %s? (TYPE NAME..., TYPE/NAME..., or -f FILE)", res->plural);
    return delete_one(c, res, c->ns ? c->ns : "default", name);
}

static struct err *delete_document(struct change *c, const struct json *doc)
{
    struct resource res;
    const char *ns;
    TRY(locate(c, doc, &res, &ns));
    struct err *e = delete_one(c, &res, ns, name_of(doc));
    if (e && err_kind(e) == ERR_NOT_FOUND) { /* what a manifest names and is gone needs no deletion */
        fprintf(stderr, "%s\n", err_message(e));
        err_free(e);
        return NULL;
    }
    return e;
}

struct err *cli_delete(struct cli *cli, int argc, char **argv)
{
    struct str_list files = {0};
    struct change c = {.timeout_s = 120, .grace = -1};
    const struct arg_option options[] = {
        {"filename", 'f', ARG_STRS, &files, "FILE", "delete what this manifest names; may be given again"},
        {"namespace", 'n', ARG_STR, &c.ns, "NAME", "the namespace (default: default)"},
        {"grace-period", 0, ARG_INT, &c.grace, "SECONDS", "for a Pod to end in; 0: at once"},
        {"no-wait", 0, ARG_FLAG, &c.no_wait, NULL, "do not wait until it is gone"},
        {"timeout", 0, ARG_INT, &c.timeout_s, "SECONDS", "how long to wait (120)"},
        {0},
    };
    const struct arg_spec spec = {"wherry delete TYPE NAME... | TYPE/NAME... | -f FILE",
        "Deletes objects and waits until they are gone.", options, 0, -1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if ((files.n == 0) == (n == 0))
        return err_new(ERR_INVALID, "delete: objects by name, or -f FILE");
    auto_arena *a = arena_new();
    auto_api *api = NULL;
    const struct json *docs = &json_empty_array;
    if (files.n)
        TRY(api_read_manifests(a, &files, &docs));
    TRY(api_open(cli, &api));
    c.api = api;
    c.a = a;
    return n ? api_each_named(api, a, operands, n, delete_named, &c)
             : each_document(&c, docs, delete_document);
}
