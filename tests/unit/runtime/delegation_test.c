/* Who becomes the owner of a container's cgroup on v2. */
#include "lib/mem.h"
#include "runtime/cgroup/delegation.h"
#include "tests/unit/test.h"
#include <sched.h>
#include <sys/mount.h>

static void test_owner(void **state)
{
    (void)state;
    static struct oci_id_map maps[] = {
        {{true, 0}, {true, 100000}, {true, 10}}, {{true, 1000}, {true, 5000}, {true, 1}}};
    static struct mount_plan shown[] = {{.kind = MOUNT_NEW}, {.kind = MOUNT_CGROUP}},
                             readonly[] = {{.kind = MOUNT_CGROUP, .set = MOUNT_ATTR_RDONLY}},
                             recursively[] = {{.kind = MOUNT_CGROUP, .rset = MOUNT_ATTR_RDONLY}};
    static const struct {
        int namespaces;
        struct mount_list mounts;
        bool userns;
        uid_t uid, owner;
    } cases[] = {
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {shown, 2}, true, 0, 100000},
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {shown, 2}, true, 9, 100009},
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {shown, 2}, true, 10, 0}, /* no user of the host */
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {shown, 2}, true, 1000, 5000},
        {CLONE_NEWCGROUP, {shown, 2}, false, 7, 7},
        {CLONE_NEWCGROUP, {shown, 2}, false, 0, 0}, /* root has it already */
        {CLONE_NEWUSER, {shown, 2}, true, 0, 0},
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {shown, 1}, true, 0, 0},
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {readonly, 1}, true, 0, 0},
        {CLONE_NEWCGROUP | CLONE_NEWUSER, {recursively, 1}, true, 0, 0},
    };
    struct oci_linux l = {0};
    l.uid_mappings.v = maps;
    l.uid_mappings.n = ARRAY_SIZE(maps);
    const struct oci_config config = {.linux_ = &l};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct container c = {.config = &config,
            .ns.make = cases[i].namespaces,
            .mounts = cases[i].mounts,
            .process.uid = cases[i].uid,
            .userns = cases[i].userns};
        assert_int_equal(delegation_owner(&c), cases[i].owner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
