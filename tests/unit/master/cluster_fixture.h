/* A master without its server, for tests: a registry in a folder of its own, the loop, namespace default. */
#ifndef WHERRY_TEST_CLUSTER_FIXTURE_H
#define WHERRY_TEST_CLUSTER_FIXTURE_H

#include "lib/file.h"
#include "lib/mem.h"
#include "master/alloc.h"
#include "master/change.h"
#include "master/cluster.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>

struct fixture {
    uv_loop_t loop;
    struct cluster cluster;
    char dir[64], path[128];
    /* what the last change ended with */
    int answers;
    unsigned code;
    bool gone;
    uint64_t rev;
    char *json, *message, *causes; /* causes: "field: message" lines */
    char *warnings;                /* a line each */
};

static inline void fixture_forget(struct fixture *f)
{
    free(f->json);
    free(f->message);
    free(f->causes);
    free(f->warnings);
    f->json = f->message = f->causes = f->warnings = NULL;
    f->code = 0;
    f->rev = 0;
    f->gone = false;
}

static inline void fixture_done(void *arg, const struct change_result *r)
{
    struct fixture *f = arg;
    fixture_forget(f);
    f->answers++;
    f->code = r->code;
    f->gone = r->gone;
    if (r->object) {
        f->json = mem_strdup(r->object->json);
        f->rev = r->object->rev;
    }
    struct buf b = BUF_INIT(1 << 20), w = BUF_INIT(1 << 20);
    for (size_t i = 0; r->failure && i < r->failure->n_causes; i++)
        buf_addf(&b, "%s: %s\n", r->failure->causes[i].field, r->failure->causes[i].message);
    for (size_t i = 0; r->warnings && i < r->warnings->n; i++)
        buf_addf(&w, "%s\n", r->warnings->v[i]);
    f->message = mem_strdup(r->failure ? r->failure->message : "");
    f->causes = mem_strdup(buf_str(&b));
    f->warnings = mem_strdup(buf_str(&w));
    buf_done(&b);
    buf_done(&w);
}

static inline void fixture_open(struct fixture *f)
{
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->cluster = (struct cluster){.loop = &f->loop,
        .advertise = "10.0.0.1",
        .port = 6443,
        .service_cidr = "10.96.0.0/16",
        .cluster_cidr = "10.244.0.0/16",
        .ca_pem = ""};
    assert_ok(alloc_new("10.96.0.0/16", &f->cluster.alloc));
    assert_ok(registry_new(&f->loop, f->path, &f->cluster.registry));
    alloc_follow(f->cluster.alloc, f->cluster.registry);
}

static inline void fixture_close(struct fixture *f)
{
    registry_free(f->cluster.registry);
    alloc_free(f->cluster.alloc);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

/* Runs the loop until the change has been answered. */
static inline void fixture_wait(struct fixture *f, int answers)
{
    for (int i = 0; i < 10000 && f->answers < answers; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->answers, answers);
}

static inline const struct json *fixture_parse(struct arena *a, const char *text)
{
    const struct json *j;
    static const struct json_limits lim = {1 << 20, 64, 100000, true};
    assert_ok(json_parse(a, text, strlen(text), &lim, &j));
    return j;
}

static inline void fixture_change(struct fixture *f, enum change_verb verb, enum kind_id kind,
    enum sub_id sub, const char *name, const char *body, bool dry_run)
{
    struct arena *a = arena_new();
    struct change c = {.verb = verb,
        .resource = resource_of(kind),
        .sub = sub,
        .ns = kinds[kind].namespaced ? "default" : "",
        .name = name,
        .body = body ? fixture_parse(a, body) : NULL,
        .dry_run = dry_run};
    int before = f->answers;
    change_submit(&f->cluster, &c, fixture_done, f);
    arena_free(a);
    fixture_wait(f, before + 1);
}

static inline int fixture_begin(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    snprintf(f->dir, sizeof(f->dir), "/tmp/wherry-master-test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/store.db", f->dir);
    fixture_open(f);
    fixture_change(
        f, CHANGE_CREATE, KIND_NAMESPACE, SUB_NONE, NULL, "{\"metadata\":{\"name\":\"default\"}}", false);
    assert_int_equal(f->code, 201);
    fixture_change(f, CHANGE_CREATE, KIND_SERVICE_ACCOUNT, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"default\"}}", false);
    assert_int_equal(f->code, 201);
    *state = f;
    return 0;
}

static inline int fixture_end(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_forget(f);
    assert_ok(file_remove_tree(AT_FDCWD, f->dir));
    free(f);
    return 0;
}

#endif
