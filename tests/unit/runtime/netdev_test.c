/* linux.netDevices: which interfaces, under which names. */
#include "lib/mem.h"
#include "runtime/net/netdev.h"
#include "tests/unit/runtime/arena.h"
#include <sched.h>

static struct err *plan(const char *devices, int ns, struct netdev_list *ret)
{
    char *text = arena_printf(a, "{\"netDevices\":%s}", devices);
    struct oci_linux l;
    TRY(fields_parse(&oci_linux_fields, a, text, strlen(text), &l));
    return netdev_plan(a, &l, ns, ret);
}

static void test_plan(void **state)
{
    (void)state;
    struct netdev_list l;
    assert_ok(plan(
        "{\"eth0\":{},\"eth1\":{\"name\":\"\"},\"eth2\":{\"name\":\"net%d\"},\"eth3\":{\"name\":\"net%d\","
        "\"later\":1}}",
        CLONE_NEWNET, &l));
    assert_int_equal(l.n, 4);
    assert_string_equal(l.v[0].name, "eth0");
    assert_string_equal(l.v[1].name, "eth1");
    assert_string_equal(l.v[3].host, "eth3");
    assert_string_equal(l.v[3].name, "net%d");
    assert_ok(plan("{}", 0, &l));
    assert_int_equal(l.n, 0);
    assert_ok(plan("null", 0, &l));
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        ".", "..", "a/b", "a:b", "a b", "a\\tb", "a\\u0001", "sixteencharacter", "%s", "%d%d", "a%", "a%%"};
    struct netdev_list l;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_error(plan(arena_printf(a, "{\"e\":{\"name\":\"%s\"}}", names[i]), CLONE_NEWNET, &l),
            ERR_INVALID, "...: not the name of an interface");
    assert_error(plan("{\"e%d\":{}}", CLONE_NEWNET, &l), ERR_INVALID,
        "linux.netDevices: \"e%d\": not the name of an interface");
    assert_error(plan("{\"\":{}}", CLONE_NEWNET, &l), ERR_INVALID, NULL);
    assert_error(plan("{\"e\":{}}", CLONE_NEWPID, &l), ERR_INVALID,
        "linux.netDevices: unable to move network devices without a private network namespace");
    assert_error(plan("{\"e\":{},\"f\":{\"name\":\"e\"}}", CLONE_NEWNET, &l), ERR_INVALID,
        "linux.netDevices: \"f\": name: \"e\" is \"e\"'s, too");
    assert_error(plan("{\"e\":{\"name\":1}}", CLONE_NEWNET, &l), ERR_INVALID, NULL);
    assert_error(plan("[]", CLONE_NEWNET, &l), ERR_INVALID, "linux.netDevices: not an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
