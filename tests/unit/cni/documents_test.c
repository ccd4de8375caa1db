/* CNI documents: versions, lists, what goes to a plugin, what a bridge makes of its configuration. */
#include "cni/bridge_conf.h"
#include "cni/owner.h"
#include "lib/api/cni.h"
#include "tests/unit/test.h"

static const struct json *json(struct arena *a, const char *text)
{
    const struct json *j = NULL;
    auto_err *e = json_parse(a, text, strlen(text), NULL, &j);
    assert_null(e);
    return j;
}

#define INTERFACES "\"interfaces\":[{\"name\":\"eth0\",\"mtu\":1400,\"sandbox\":\"/n\"}]"

static void results_in_each_version(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct cni_result r;
    auto_err *e = cni_result_decode(a,
        json(a, "{\"cniVersion\":\"1.1.0\"," INTERFACES
                ",\"ips\":[{\"interface\":0,\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}],"
                "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":1400}]}"),
        &r);
    assert_null(e);
    static const struct {
        const char *version, *text;
    } cases[] = {
        {"1.1.0", "{\"cniVersion\":\"1.1.0\"," INTERFACES
                  ",\"ips\":[{\"interface\":0,\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}],"
                  "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":1400}],\"dns\":{}}"},
        {"1.0.0", "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}],"
                  "\"ips\":[{\"interface\":0,\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}],"
                  "\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dns\":{}}"},
        {"0.4.0", "{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}],"
                  "\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"10.0.0.2/"
                  "24\"},{\"version\":\"6\",\"address\":"
                  "\"fd00::2/64\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dns\":{}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf b = BUF_INIT(4096);
        cni_result_encode(&r, cases[i].version, &b);
        assert_string_equal(buf_str(&b), cases[i].text);
    }
    auto_err *bad =
        cni_result_decode(a, json(a, "{\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":3}]}"), &r);
    assert_non_null(bad);
}

static void what_a_plugin_gets(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(4096);
    struct cni_list l;
    const char *text = "{\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"0.4.0\",\"1.0.0\",\"9.9.9\"],\"name\":"
                       "\"n\",\"plugins\":["
                       "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true,\"mac\":false}}]}";
    auto_err *e = cni_list_parse(a, text, strlen(text), &l);
    assert_null(e);
    cni_request(&l, 0, json(a, "{\"portMappings\":[1],\"mac\":\"x\",\"ips\":[]}"),
        json(a, "{\"cniVersion\":\"1.0.0\"}"), NULL, &b);
    const struct json *j = json(a, buf_str(&b));
    assert_string_equal(json_str(json_get(j, "cniVersion")), "1.0.0");
    assert_string_equal(json_str(json_get(j, "name")), "n");
    assert_non_null(json_at(j, "runtimeConfig", "portMappings", NULL));
    assert_null(json_at(j, "runtimeConfig", "mac", NULL));
    assert_non_null(json_get(j, "prevResult"));
    assert_null(json_get(j, "cni.dev/valid-attachments"));
}

static void lists_that_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{\"cniVersion\":\"1.0.0\",\"plugins\":[]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[]}",
        "{\"cniVersion\":\"2.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"../x\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{}]}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        auto_arena *a = arena_new();
        struct cni_list l;
        auto_err *e = cni_list_parse(a, texts[i], strlen(texts[i]), &l);
        if (!e)
            fail_msg("%s was taken", texts[i]);
    }
}

static struct err *conf(struct arena *a, const char *text, struct bridge_conf *ret)
{
    const struct plugin_call c = {.arena = a, .config = json(a, text)};
    return bridge_conf_parse(&c, ret);
}

static void bridge_options(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct bridge_conf c;
    auto_err *e =
        conf(a, "{\"isDefaultGateway\":true,\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:01\"}}", &c);
    assert_null(e);
    assert_true(c.gateway && c.default_gateway && c.has_mac && !c.hairpin);
    assert_string_equal(c.bridge, "cni0");
    static const char *const bad[] = {"{\"vlan\":3}", "{\"mtu\":-1}", "{\"bridge\":\"a/b\"}",
        "{\"hairpinMode\":true,\"promiscMode\":true}", "{\"ipMasqBackend\":\"iptables\"}",
        "{\"viaGateway\":true}", "{\"runtimeConfig\":{\"mac\":\"01:00:5e:00:00:01\"}}",
        "{\"nonMasqueradeCIDRs\":[\"x\"]}"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        auto_err *f = conf(a, bad[i], &c);
        if (!f)
            fail_msg("%s was taken", bad[i]);
    }
}

static void gateways_and_routes(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct bridge_conf c = {.gateway = true, .default_gateway = true};
    struct bridge_net net;
    struct cni_result r;
    auto_err *e = cni_result_decode(
        a, json(a, "{\"ips\":[{\"address\":\"10.0.3.9/24\"}],\"routes\":[{\"dst\":\"10.8.1.7/16\"}]}"), &r);
    assert_null(e);
    auto_err *f = bridge_conf_net(a, &c, &r, &net);
    assert_null(f);
    assert_string_equal(r.ips.v[0].gateway, "10.0.3.1");
    assert_int_equal(net.n_routes, 2);
    char text[64];
    net_addr_text(&net.routes[0].dst, true, text);
    assert_string_equal(text, "10.8.0.0/16");
    assert_string_equal(r.routes.v[1].dst, "0.0.0.0/0");
    assert_string_equal(r.routes.v[1].gw, "10.0.3.1");
    unsigned char mac[6];
    bridge_conf_mac(&net.ips[0].address, mac);
    bridge_conf_mac_text(mac, text);
    assert_string_equal(text, "0a:58:0a:00:03:09");
}

static void names_of_attachments(void **state)
{
    (void)state;
    char one[16], two[16], owner[OWNER_MAX], id[200];
    owner_veth("net", "c1", "eth0", one);
    owner_veth("net", "c1", "eth1", two);
    assert_int_equal(strlen(one), 15);
    assert_string_not_equal(one, two);
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = 0;
    owner_text("net", id, "eth0", owner);
    const struct plugin_attachment valid[] = {{id, "eth0"}};
    struct plugin_call c = {.network = "net", .n_valid = 1, .valid = valid};
    assert_false(owner_is_gone(&c, owner));
    assert_true(owner_is_gone(&c, "net/c2/eth0"));
    assert_false(owner_is_gone(&c, "network/c2/eth0")); /* somebody else's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(results_in_each_version),
        cmocka_unit_test(what_a_plugin_gets), cmocka_unit_test(lists_that_are_refused),
        cmocka_unit_test(bridge_options), cmocka_unit_test(gateways_and_routes),
        cmocka_unit_test(names_of_attachments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
