/* Id maps of mounts: crun's notation, and what mounts_plan() makes of options and mappings. */
#include "lib/mem.h"
#include "runtime/tree/mounts.h"
#include "runtime/user/idmap.h"
#include "tests/unit/runtime/arena.h"
#include <linux/mount.h>

#define USERNS                                                                                               \
    "\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1},"     \
    "{\"containerID\":1,\"hostID\":2,\"size\":1000}],\"gidMappings\":[{\"containerID\":0,\"hostID\":7,"      \
    "\"size\":9}]"

static const struct oci_linux *linux_of(const char *members)
{
    char *text = arena_printf(a, "{%s}", members);
    struct oci_linux *l = arena_new_obj(a, struct oci_linux);
    assert_ok(fields_parse(&oci_linux_fields, a, text, strlen(text), l));
    return l;
}

static const char *text_of(const struct idmap_list *l)
{
    const char *text;
    assert_ok(idmap_text(a, "m", l->v, l->n, &text));
    return text;
}

static void test_notation(void **state)
{
    (void)state;
    struct idmap_list u, g;
    assert_ok(idmap_parse(a, NULL, "uids=0-1-10#10-11-10;gids=0-100-10", &u, &g));
    assert_string_equal(text_of(&u), "0 1 10\n10 11 10\n");
    assert_string_equal(text_of(&g), "0 100 10\n");
    /* crun's own example: 3 inside is 4 outside */
    assert_ok(idmap_parse(a, linux_of(USERNS), "gids=5-6-7;uids=@1-3-10", &u, &g));
    assert_string_equal(text_of(&u), "1 4 10\n");
    assert_string_equal(text_of(&g), "5 6 7\n");
}

static void test_notation_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "must have both uids and gids"},
        {"uids=0-1-1", "must have both uids and gids"},
        {"uids=0-1;gids=0-1-1", "a range must be FROM-TO-SIZE"},
        {"uids=0-1-1#;gids=0-1-1", "a range must be FROM-TO-SIZE"},
        {"uids=-1-1-1;gids=0-1-1", "a range must be FROM-TO-SIZE"},
        {"uids=0-1-1 ;gids=0-1-1", "must be uids=...;gids=..."},
        {"users=0-1-1", "must be uids=...;gids=..."},
        {"uids=@0-0-2;gids=0-1-1", "0 to 1 are not in one range of the container's user namespace"},
        {"uids=@0-2000-1;gids=0-1-1", "2000 to 2000 are not in one range of the container's user namespace"},
    };
    struct idmap_list u, g;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_error(idmap_parse(a, linux_of(USERNS), cases[i][0], &u, &g), ERR_INVALID, cases[i][1]);
}

/* mount: members of a bind mount; container: of linux. */
static struct err *plan(const char *mount, const char *container, struct mount_plan *ret)
{
    char *text = arena_printf(a,
        "{\"ociVersion\":\"1.3.0\",\"mounts\":[{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/"
        "s\",%s}],"
        "\"linux\":{%s}}",
        mount, container);
    struct oci_config c;
    struct mount_list l;
    TRY(fields_parse(&oci_config_fields, a, text, strlen(text), &c));
    TRY(mounts_plan(a, &c, "/bundle", &l));
    *ret = l.v[0];
    return NULL;
}

#define MAPS                                                                                                 \
    "\"uidMappings\":[{\"containerID\":0,\"hostID\":5,\"size\":1}],\"gidMappings\":[{\"containerID\":0,"     \
    "\"hostID\":6,\"size\":1},{\"containerID\":1,\"hostID\":9,\"size\":1}]"

static void test_mounts(void **state)
{
    (void)state;
    struct mount_plan m;
    assert_ok(plan("\"options\":[\"rbind\"]", USERNS, &m));
    assert_false(m.idmap.wanted);
    assert_ok(plan("\"options\":[\"rbind\",\"ridmap\"]," MAPS, "", &m));
    assert_true(m.idmap.wanted && m.idmap.recursive);
    assert_string_equal(m.idmap.uids, "0 5 1\n");
    assert_string_equal(m.idmap.gids, "0 6 1\n1 9 1\n");
    assert_ok(plan("\"options\":[\"rbind\"]," MAPS, "", &m)); /* the mappings alone are enough */
    assert_true(m.idmap.wanted && !m.idmap.recursive);
    assert_ok(plan("\"options\":[\"bind\",\"idmap\"]", USERNS, &m));
    assert_string_equal(m.idmap.uids, "0 0 1\n1 2 1000\n");
    assert_ok(
        plan("\"options\":[\"bind\",\"idmap\"]", "\"namespaces\":[{\"type\":\"user\",\"path\":\"/n\"}]", &m));
    assert_true(m.idmap.wanted && !m.idmap.uids);
    assert_ok(plan("\"options\":[\"bind\",\"ridmap=uids=@0-1-1;gids=1-2-3\"]", USERNS, &m));
    assert_true(m.idmap.recursive);
    assert_string_equal(m.idmap.uids, "0 2 1\n");
    assert_error(plan("\"options\":[\"bind\",\"idmap\"]", "", &m), ERR_INVALID,
        "...needs uidMappings and gidMappings where the container has no user namespace");
    assert_error(plan("\"options\":[\"bind\",\"idmap=x\"]", "", &m), ERR_INVALID,
        "mounts[0]: options[1]: \"idmap=x\": must be uids=...;gids=...");
}

static void test_flags(void **state)
{
    (void)state;
    struct mount_plan m;
    assert_ok(
        plan("\"options\":[\"bind\",\"copy-symlink\",\"src-nofollow\",\"dest-nofollow\",\"sync\"]", "", &m));
    assert_true(m.copy_symlink && m.source_nofollow && m.dest_nofollow);
    assert_int_equal(m.kind, MOUNT_BIND);
    assert_ok(plan("\"options\":[\"remount\",\"bind\",\"ro\"]", "", &m));
    assert_int_equal(m.kind, MOUNT_BIND);
    assert_ok(plan("\"options\":[\"nosymfollow\",\"rnoatime\",\"rro\"]", "", &m));
    assert_int_equal(m.set, 0x200000);
    assert_int_equal(m.rset, MOUNT_ATTR_NOATIME | MOUNT_ATTR_RDONLY);
    assert_error(plan("\"options\":[\"bind\",\"mode=1\"]", "", &m), ERR_INVALID,
        "mounts[0]: options: \"mode\": unknown for a bind mount");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notation),
        cmocka_unit_test(test_notation_refused),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
