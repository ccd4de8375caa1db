/*
 * rtnetlink against the real kernel, in network namespaces of the test's own (a user namespace makes that
 * possible without root). The test is skipped, and says so, where the host forbids them.
 */
#include "lib/netlink.h"
#include "tests/unit/lib/net_fixture.h"
#include <errno.h>
#include <net/if.h>
#include <sched.h>

static bool forbidden;

struct spaces {
    int pod_fd;
    struct netlink *here, *pod;
};

static int open_namespace(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int group_set_up(void **state)
{
    (void)state;
    forbidden = unshare((getuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNET) < 0;
    return 0;
}

static int set_up(void **state)
{
    struct spaces *s = mem_new(struct spaces);
    *state = s;
    if (forbidden)
        return 0;
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int home = open_namespace();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    s->pod_fd = open_namespace();
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    close(home);
    net_must(netlink_open(-1, &s->here));
    net_must(netlink_open(s->pod_fd, &s->pod));
    return 0;
}

static int tear_down(void **state)
{
    struct spaces *s = *state;
    netlink_close(s->here);
    netlink_close(s->pod);
    if (s->pod_fd > 0)
        close(s->pod_fd);
    free(s);
    return 0;
}

static void need_namespaces(void)
{
    if (!forbidden)
        return;
    print_message("this host forbids network namespaces\n");
    skip();
}

static struct net_link get(struct netlink *nl, const char *name)
{
    struct net_link l;
    net_must(netlink_link_get(nl, name, &l));
    return l;
}

static struct net_addr addr(const char *text)
{
    struct net_addr a;
    net_must(net_addr_parse(text, &a));
    return a;
}

static void expect(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(err_message(e), text))
        fail_msg("\"%s\" does not say \"%s\"", err_message(e), text);
    assert_int_equal(err_kind(e), kind);
    err_free(e);
}

/* A bridge here, one end of a pair in it, the other in the Pod's namespace. */
static void wire(struct spaces *s)
{
    static const unsigned char MAC[6] = {2, 1, 2, 3, 4, 5};
    net_must(netlink_bridge_add(s->here, "br0", 1400));
    net_must(netlink_veth_add(s->here, "veth0", get(s->here, "br0").index, 1400, "eth0", s->pod_fd, MAC));
}

static void test_pair_and_bridge(void **state)
{
    struct spaces *s = *state;
    need_namespaces();
    wire(s);
    struct net_link bridge = get(s->here, "br0"), port = get(s->here, "veth0"), eth0 = get(s->pod, "eth0");
    assert_string_equal(bridge.kind, "bridge");
    assert_string_equal(port.kind, "veth");
    assert_int_equal(port.master, bridge.index);
    assert_int_equal(eth0.mtu, 1400);
    assert_int_equal(bridge.mtu, 1400);
    assert_memory_equal(eth0.mac, "\2\1\2\3\4\5", 6);
    assert_false(eth0.up);
    net_must(netlink_link_up(s->pod, eth0.index, true));
    assert_true(get(s->pod, "eth0").up);
    net_must(netlink_bridge_port(s->here, port.index, true, true));
    net_must(netlink_link_master(s->here, port.index, 0));
    assert_int_equal(get(s->here, "veth0").master, 0);
    net_must(netlink_link_delete(s->here, port.index));
    assert_int_equal(get(s->pod, "eth0").index, 0); /* with its other end; absent is no error */
}

static void test_caller_stays_in_its_namespace(void **state)
{
    struct spaces *s = *state;
    need_namespaces();
    wire(s);
    assert_true(if_nametoindex("br0") > 0);
    assert_int_equal(if_nametoindex("eth0"), 0);
}

static void remember(void *arg, int index, const struct net_addr *a)
{
    char text[64];
    (void)index;
    net_addr_text(a, true, text);
    if (strncmp(text, "fe80:", 5) != 0)
        buf_addf(arg, "%s ", text);
}

static void test_addresses_and_routes(void **state)
{
    struct spaces *s = *state;
    need_namespaces();
    wire(s);
    int index = get(s->pod, "eth0").index;
    struct net_addr four = addr("10.1.0.2/24"), six = addr("fd00::2/64"), gw = addr("10.1.0.1"),
                    net = addr("10.9.0.0/16"), any = {0};
    net_must(netlink_link_up(s->pod, index, true));
    net_must(netlink_addr_add(s->pod, index, &four));
    net_must(netlink_addr_add(s->pod, index, &six));
    auto_buf found = BUF_INIT(1000);
    net_must(netlink_addr_each(s->pod, index, remember, &found));
    assert_string_equal(buf_str(&found), "10.1.0.2/24 fd00::2/64 ");
    expect(netlink_addr_add(s->pod, index, &four), ERR_EXISTS, "add address 10.1.0.2/24 to interface");
    net_must(netlink_route_add(s->pod, &any, &gw, index));
    net_must(netlink_route_add(s->pod, &net, NULL, index));
    expect(netlink_route_add(s->pod, NULL, &gw, index), ERR_EXISTS, "add route default via 10.1.0.1");
    net_must(netlink_route_delete(s->pod, &any, &gw, index));
    expect(
        netlink_route_delete(s->pod, &any, &gw, index), ERR_NOT_FOUND, "delete route default via 10.1.0.1");
    gw = addr("10.77.0.1");
    expect(netlink_route_add(s->pod, &any, &gw, index), ERR_SYSTEM, "Nexthop has invalid gateway");
}

static void count(void *arg, const struct net_link *l)
{
    assert_true(l->index > 0 && *l->name);
    ++*(int *)arg;
}

static void test_many_links(void **state)
{
    struct spaces *s = *state;
    int n = 0;
    need_namespaces();
    for (int i = 0; i < 50; i++) {
        char here[16], there[16];
        snprintf(here, sizeof here, "a%d", i);
        snprintf(there, sizeof there, "b%d", i);
        net_must(netlink_veth_add(s->here, here, 0, 0, there, s->pod_fd, NULL));
    }
    net_must(netlink_link_each(s->here, count, &n)); /* more than one datagram of answers */
    assert_int_equal(n, 51);
}

static void test_errors(void **state)
{
    struct spaces *s = *state;
    struct net_link l;
    need_namespaces();
    wire(s);
    expect(netlink_bridge_add(s->here, "br0", 0), ERR_EXISTS, "add bridge br0: ");
    expect(netlink_bridge_add(s->here, "a-name-that-is-too-long", 0), ERR_INVALID, "a-name-that-is-too-long");
    expect(netlink_link_get(s->here, "", &l), ERR_INVALID, "interface name \"\"");
    expect(netlink_link_delete(s->here, 999), ERR_NOT_FOUND, "delete interface 999");
    expect(netlink_link_up(s->here, 999, true), ERR_NOT_FOUND, "set interface 999 up");
    assert_int_equal(get(s->here, "absent").index, 0);
}

static void test_address_texts(void **state)
{
    static const char *const GOOD[][2] = {{"10.0.0.1/24", "10.0.0.1/24"}, {"10.0.0.1", "10.0.0.1/32"},
        {"0.0.0.0/0", "0.0.0.0/0"}, {"FD00::0:1", "fd00::1/128"}};
    static const char *const BAD[] = {"", "x", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1",
        "10.0.0.1/8x", "fd00::1/129", "10.0.0.1 ",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
        struct net_addr a = addr(GOOD[i][0]);
        char text[64];
        net_addr_text(&a, true, text);
        assert_string_equal(text, GOOD[i][1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
        struct net_addr a;
        expect(net_addr_parse(BAD[i], &a), ERR_INVALID, "");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pair_and_bridge),
        TEST(test_caller_stays_in_its_namespace),
        TEST(test_addresses_and_routes),
        TEST(test_many_links),
        TEST(test_errors),
        cmocka_unit_test(test_address_texts),
    };
    return cmocka_run_group_tests(tests, group_set_up, NULL);
}
