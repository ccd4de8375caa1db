/* kubelet/net_files: what a Pod reads in /etc. */
#include "kubelet/net_files.h"
#include "tests/unit/test.h"

static void pod_of(struct arena *a, const char *spec, struct pod *ret)
{
    struct object_meta *meta = arena_new_obj(a, struct object_meta);
    *meta = (struct object_meta){.name = "web-0", .namespace_ = "ns"};
    *ret = (struct pod){.metadata = meta, .spec = arena_new_obj(a, struct pod_spec)};
    assert_ok(fields_parse(&pod_spec_fields, a, spec, strlen(spec), ret->spec));
}

static void resolv_conf(void **state)
{
    (void)state;
    static const char host[] = "# host\nnameserver 9.9.9.9\nsearch example.com\noptions rotate ndots:1\n";
    static const struct {
        const char *spec, *text;
    } cases[] = {
        {"{}", "search ns.svc.c.l svc.c.l c.l example.com\nnameserver 10.96.0.10\noptions ndots:5\n"},
        {"{\"dnsPolicy\":\"Default\"}", "search example.com\nnameserver 9.9.9.9\noptions rotate ndots:1\n"},
        {"{\"hostNetwork\":true}", "search example.com\nnameserver 9.9.9.9\noptions rotate ndots:1\n"},
        {"{\"hostNetwork\":true,\"dnsPolicy\":\"ClusterFirstWithHostNet\"}",
            "search ns.svc.c.l svc.c.l c.l example.com\nnameserver 10.96.0.10\noptions ndots:5\n"},
        {"{\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\"],\"searches\":[\"a.b\"],"
         "\"options\":[{\"name\":\"ndots\",\"value\":\"2\"},{\"name\":\"edns0\"}]}}",
            "search a.b\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"},
        {"{\"dnsConfig\":{\"options\":[{\"name\":\"ndots\",\"value\":\"2\"}]}}",
            "search ns.svc.c.l svc.c.l c.l example.com\nnameserver 10.96.0.10\noptions ndots:2\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        auto_buf b = BUF_INIT(4096);
        struct pod p;
        pod_of(a, cases[i].spec, &p);
        net_files_resolv(&p, "10.96.0.10", "c.l", host, &b);
        assert_string_equal(buf_str(&b), cases[i].text);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *hostname, *fqdn;
    } cases[] = {
        {"{}", "web-0", NULL},
        {"{\"hostname\":\"own\"}", "own", NULL},
        {"{\"subdomain\":\"sub\"}", "web-0", "web-0.sub.ns.svc.c.l"},
        {"{\"subdomain\":\"sub\",\"setHostnameAsFQDN\":true}", "web-0.sub.ns.svc.c.l",
            "web-0.sub.ns.svc.c.l"},
        {"{\"hostNetwork\":true}", "node", NULL},
        {"{\"hostnameOverride\":\"over.example\"}", "over.example", NULL},
    };
    auto_arena *a = arena_new();
    struct net_names n;
    struct pod p;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        pod_of(a, cases[i].spec, &p);
        assert_ok(net_files_names(a, &p, "node", "c.l", &n));
        assert_string_equal(n.hostname, cases[i].hostname);
        assert_true(!n.fqdn == !cases[i].fqdn && (!n.fqdn || !strcmp(n.fqdn, cases[i].fqdn)));
    }
    pod_of(a,
        "{\"subdomain\":\"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\","
        "\"setHostnameAsFQDN\":true}",
        &p);
    assert_error(net_files_names(a, &p, "node", "c.l", &n), ERR_INVALID, NULL);
}

static void hosts(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(4096);
    struct net_names n = {"web-0", "web-0.sub.ns.svc.c.l"};
    struct pod p;
    pod_of(a, "{\"hostAliases\":[{\"ip\":\"192.0.2.7\",\"hostnames\":[\"a\",\"b\"]}]}", &p);
    net_files_hosts(&p, &n, "10.1.2.3", NULL, &b);
    assert_non_null(strstr(buf_str(&b), "\n10.1.2.3\tweb-0.sub.ns.svc.c.l\tweb-0\n"));
    assert_non_null(strstr(buf_str(&b), "\n\n# Entries added by HostAliases.\n192.0.2.7\ta\tb\n"));
    buf_clear(&b);
    pod_of(a, "{\"hostNetwork\":true}", &p);
    net_files_hosts(&p, &n, "10.1.2.3", "127.0.0.1 node\n", &b);
    assert_string_equal(buf_str(&b), "# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolv_conf), cmocka_unit_test(names), cmocka_unit_test(hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
