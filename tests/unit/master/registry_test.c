/* master/registry: order, batches, watches, history, failures of the disk. */
#include "tests/unit/master/cluster_fixture.h"
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    char log[4096];
    struct registry_watch *watch;
    struct fixture *f;
};

static void note(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    struct seen *s = arg;
    (void)rev;
    size_t n = strlen(s->log);
    snprintf(s->log + n, sizeof(s->log) - n, "%s%s ",
        !before ? "+"
        : now   ? "~"
                : "-",
        now ? now->name : before->name);
}

static void create(struct fixture *f, const char *name)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"v\"}}", name);
    struct arena *a = arena_new();
    change_create(&f->cluster, KIND_CONFIG_MAP, "default", fixture_parse(a, body), fixture_done, f);
    arena_free(a);
}

#define NAMES 64
static bool add_name(void *arg, const struct object *o)
{
    char *names = arg;
    size_t n = strlen(names);
    snprintf(names + n, NAMES - n, "%s ", o->name);
    return true;
}

static void test_one_batch(void **state)
{
    struct fixture *f = *state;
    struct seen s = {.f = f};
    struct registry *r = f->cluster.registry;
    uint64_t rev = registry_revision(r);
    int before = f->answers;
    s.watch = registry_watch(r, KIND_CONFIG_MAP, note, &s);
    create(f, "b");
    create(f, "a");
    change_patch(
        &f->cluster, KIND_CONFIG_MAP, SUB_NONE, "default", "b", "{\"data\":{\"k\":\"w\"}}", fixture_done, f);
    change_delete(&f->cluster, KIND_CONFIG_MAP, "default", "a", NULL, -1, fixture_done, f);
    create(f, "c");
    assert_int_equal(f->answers, before); /* nobody is answered before it is on disk, */
    assert_int_equal(registry_revision(r), rev);
    assert_null(registry_get(r, KIND_CONFIG_MAP, "default", "b")); /* and nobody sees it */
    assert_non_null(registry_latest(r, KIND_CONFIG_MAP, "default", "b"));
    fixture_wait(f, before + 5);
    assert_string_equal(s.log, "+b +a ~b -a +c ");
    assert_int_equal(registry_revision(r), rev + 5);
    char names[NAMES] = "";
    registry_each(r, KIND_CONFIG_MAP, "default", add_name, names);
    assert_string_equal(names, "b c ");
    assert_int_equal(registry_count(r, KIND_CONFIG_MAP), 2);
    registry_unwatch(s.watch);
}

static void test_compare_and_swap_inside_a_batch(void **state)
{
    struct fixture *f = *state;
    fixture_change(
        f, CHANGE_CREATE, KIND_CONFIG_MAP, SUB_NONE, NULL, "{\"metadata\":{\"name\":\"m\"}}", false);
    char body[160];
    snprintf(body, sizeof(body),
        "{\"metadata\":{\"name\":\"m\",\"namespace\":\"default\",\"resourceVersion\":\"%llu\"},\"data\":{"
        "\"x\":\"1\"}}",
        (unsigned long long)f->rev);
    struct arena *a = arena_new();
    const struct json *tree = fixture_parse(a, body);
    int before = f->answers;
    change_update(&f->cluster, KIND_CONFIG_MAP, SUB_NONE, tree, fixture_done, f);
    assert_int_equal(f->answers, before);
    change_update(&f->cluster, KIND_CONFIG_MAP, SUB_NONE, tree, fixture_done, f);
    assert_int_equal(f->answers, before + 1); /* the second one sees the first, and is refused at once */
    assert_int_equal(f->code, 409);
    fixture_wait(f, before + 2);
    assert_int_equal(f->code, 200);
    arena_free(a);
}

static void count(void *arg, const struct registry_event *ev)
{
    (void)ev;
    (*(int *)arg)++;
}

static void test_history_forgets_the_oldest(void **state)
{
    struct fixture *f = *state;
    struct registry *r = f->cluster.registry;
    uint64_t start = registry_revision(r);
    int n = 0;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%d", i);
        create(f, name);
    }
    fixture_wait(f, f->answers + 20);
    assert_true(registry_history(r, KIND_CONFIG_MAP, start, count, &n));
    assert_int_equal(n, 20);
    n = 0;
    assert_true(registry_history(r, KIND_CONFIG_MAP, start + 15, count, &n));
    assert_int_equal(n, 5);
    for (int i = 0; i < 5000; i++) {
        char patch[64];
        snprintf(patch, sizeof(patch), "{\"data\":{\"k\":\"%d\"}}", i);
        change_patch(&f->cluster, KIND_CONFIG_MAP, SUB_NONE, "default", "m0", patch, NULL, NULL);
    }
    create(f, "end");
    fixture_wait(f, f->answers + 1);
    assert_false(registry_history(r, KIND_CONFIG_MAP, start, count, &n));
    fixture_close(f); /* a new process knows no history at all, but the revision goes on */
    uint64_t last = f->rev;
    fixture_open(f);
    assert_int_equal(registry_revision(f->cluster.registry), last);
    assert_true(registry_history(f->cluster.registry, KIND_CONFIG_MAP, last, count, &n));
    assert_false(registry_history(f->cluster.registry, KIND_CONFIG_MAP, last - 1, count, &n));
}

static void end_watch(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    struct seen *s = arg;
    note(s, before, now, rev);
    registry_unwatch(s->watch);
}

static void test_unwatch_from_within(void **state)
{
    struct fixture *f = *state;
    struct seen s = {.f = f}, t = {.f = f};
    s.watch = registry_watch(f->cluster.registry, KIND_CONFIG_MAP, end_watch, &s);
    t.watch = registry_watch(f->cluster.registry, KIND_CONFIG_MAP, note, &t);
    create(f, "a");
    create(f, "b");
    fixture_wait(f, f->answers + 2);
    assert_string_equal(s.log, "+a ");
    assert_string_equal(t.log, "+a +b ");
    registry_unwatch(t.watch);
}

static void test_second_master_is_refused(void **state)
{
    struct fixture *f = *state;
    struct registry *second;
    assert_error(registry_new(&f->loop, f->path, &second), ERR_CONFLICT, "...another master has it open");
}

static void test_broken_store_is_named(void **state)
{
    struct fixture *f = *state;
    struct registry *r;
    char path[96];
    snprintf(path, sizeof(path), "%s/broken.db", f->dir);
    assert_ok(file_write_atomic(
        AT_FDCWD, path, "this is no database, however long it is", 39, 0600, FILE_NO_FSYNC));
    assert_error(registry_new(&f->loop, path, &r), ERR_SYSTEM, "...file is not a database");
    assert_error(
        registry_new(&f->loop, "/nosuch/store.db", &r), ERR_SYSTEM, "...unable to open database file");
}

/* ---- Heartbeats ---- */

static void renew(struct fixture *f, int second)
{
    char patch[96];
    snprintf(patch, sizeof(patch), "{\"spec\":{\"renewTime\":\"2024-01-01T00:00:%02d.000000Z\"}}", second);
    fixture_change(f, CHANGE_PATCH_MERGE, KIND_LEASE, SUB_NONE, "l", patch, false);
    assert_int_equal(f->code, 200);
}

static const char *renewed(struct fixture *f)
{
    const struct object *o = registry_get(f->cluster.registry, KIND_LEASE, "default", "l");
    const char *at = o ? strstr(o->json, "\"renewTime\":\"2024-01-01T00:00:") : NULL;
    return at ? at + strlen("\"renewTime\":\"2024-01-01T00:00:") : "none";
}

static void make_lease(struct fixture *f)
{
    fixture_change(f, CHANGE_CREATE, KIND_LEASE, SUB_NONE, NULL,
        "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"h\",\"renewTime\":\"2024-01-01T00:00:"
        "01.000000Z\"}}",
        false);
    assert_int_equal(f->code, 201);
}

static void store_is(struct fixture *f, struct stat *ret, bool same)
{
    char path[160];
    struct stat now;
    snprintf(path, sizeof(path), "%s-wal", f->path);
    assert_int_equal(stat(path, &now), 0);
    if (same) {
        assert_int_equal(now.st_size, ret->st_size);
        assert_true(now.st_mtim.tv_sec == ret->st_mtim.tv_sec && now.st_mtim.tv_nsec == ret->st_mtim.tv_nsec);
    }
    *ret = now;
}

static void test_heartbeats_are_told_but_not_written(void **state)
{
    struct fixture *f = *state;
    struct seen s = {.f = f};
    struct stat wal;
    make_lease(f);
    uint64_t rev = registry_revision(f->cluster.registry);
    s.watch = registry_watch(f->cluster.registry, KIND_LEASE, note, &s);
    store_is(f, &wal, false);
    renew(f, 2);
    renew(f, 3);
    store_is(f, &wal, true);
    assert_string_equal(s.log, "~l ~l ");
    assert_int_equal(f->rev, rev + 2);
    assert_int_equal(registry_revision(f->cluster.registry), rev + 2);
    fixture_change(
        f, CHANGE_PATCH_MERGE, KIND_LEASE, SUB_NONE, "l", "{\"spec\":{\"holderIdentity\":\"other\"}}", false);
    struct stat later = wal;
    store_is(f, &later, false);
    assert_true(later.st_size != wal.st_size || later.st_mtim.tv_nsec != wal.st_mtim.tv_nsec);
    renew(f, 4);
    registry_unwatch(s.watch);
    fixture_close(f); /* in peace nothing is lost, and no revision jumped over */
    fixture_open(f);
    assert_true(!strncmp(renewed(f), "04", 2));
    assert_int_equal(registry_revision(f->cluster.registry), rev + 4);
}

static void test_heartbeats_between_writes_keep_the_order(void **state)
{
    struct fixture *f = *state;
    struct seen s = {.f = f};
    make_lease(f);
    s.watch = registry_watch(f->cluster.registry, KIND_CONFIG_MAP, note, &s);
    struct registry_watch *w = registry_watch(f->cluster.registry, KIND_LEASE, note, &s);
    int before = f->answers;
    for (int i = 0; i < 3; i++) { /* a heartbeat also while a commit is under way */
        char name[16], patch[96];
        snprintf(name, sizeof(name), "m%d", i);
        snprintf(patch, sizeof(patch), "{\"spec\":{\"renewTime\":\"2024-01-01T00:01:%02d.000000Z\"}}", i);
        create(f, name);
        uv_run(&f->loop, UV_RUN_NOWAIT);
        change_patch(&f->cluster, KIND_LEASE, SUB_NONE, "default", "l", patch, fixture_done, f);
    }
    fixture_wait(f, before + 6);
    assert_string_equal(s.log, "+m0 ~l +m1 ~l +m2 ~l ");
    registry_unwatch(s.watch);
    registry_unwatch(w);
}

/* Ends without closing anything, as a process that is killed does. */
static void renew_and_die(const char *path)
{
    struct fixture child = {0};
    snprintf(child.path, sizeof(child.path), "%s", path);
    fixture_open(&child);
    renew(&child, 30);
    renew(&child, 31);
    _exit((int)(registry_revision(child.cluster.registry) & 0x7f));
}

static void test_a_crash_forgets_heartbeats_and_no_revision(void **state)
{
    struct fixture *f = *state;
    int status, n = 0;
    make_lease(f);
    uint64_t rev = registry_revision(f->cluster.registry);
    fixture_close(f);
    pid_t child = fork();
    if (!child)
        renew_and_die(f->path);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), (rev + 2) & 0x7f);
    fixture_open(f);
    struct registry *r = f->cluster.registry;
    assert_true(!strncmp(renewed(f), "01", 2));
    assert_true(registry_revision(r) >= rev + 2);
    assert_false(registry_history(r, KIND_LEASE, rev + 2, count, &n)); /* 410: list again */
    char body[200];
    snprintf(body, sizeof(body),
        "{\"metadata\":{\"name\":\"l\",\"namespace\":\"default\",\"resourceVersion\":\"%llu\"},\"spec\":{}}",
        (unsigned long long)rev + 2);
    fixture_change(f, CHANGE_UPDATE, KIND_LEASE, SUB_NONE, "l", body, false);
    assert_int_equal(f->code, 409);
    renew(f, 32);
    assert_true(f->rev > rev + 2);
}

/* ---- Order ---- */

static void test_walks_are_in_order_however_things_came(void **state)
{
    struct fixture *f = *state;
    struct registry *r = f->cluster.registry;
    enum { N = 1000 };
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%03d", i * 377 % N);
        create(f, name);
    }
    fixture_wait(f, f->answers + N);
    struct registry_walk w = registry_walk(r, KIND_CONFIG_MAP, "default", "default/n498x");
    for (int i = 499; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%03d", i);
        assert_string_equal(registry_next(&w)->name, name);
    }
    assert_null(registry_next(&w));
    w = registry_walk(r, KIND_CONFIG_MAP, "default", "default/n998");
    assert_string_equal(registry_next(&w)->name, "n999");
    w = registry_walk(r, KIND_CONFIG_MAP, "defaul", NULL);
    assert_null(registry_next(&w));
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%03d", i * 377 % N);
        if (strcmp(name, "n500") != 0)
            change_delete(&f->cluster, KIND_CONFIG_MAP, "default", name, NULL, -1, fixture_done, f);
    }
    fixture_wait(f, f->answers + N - 1);
    w = registry_walk(r, KIND_CONFIG_MAP, NULL, NULL);
    assert_string_equal(registry_next(&w)->name, "n500");
    assert_null(registry_next(&w));
    assert_int_equal(registry_count(r, KIND_CONFIG_MAP), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_batch),
        TEST(test_compare_and_swap_inside_a_batch),
        TEST(test_history_forgets_the_oldest),
        TEST(test_unwatch_from_within),
        TEST(test_second_master_is_refused),
        TEST(test_broken_store_is_named),
        TEST(test_heartbeats_are_told_but_not_written),
        TEST(test_heartbeats_between_writes_keep_the_order),
        TEST(test_a_crash_forgets_heartbeats_and_no_revision),
        TEST(test_walks_are_in_order_however_things_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
