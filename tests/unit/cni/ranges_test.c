/* host-local's ranges: what is accepted, and the order of addresses. */
#include "cni/ranges.h"
#include "lib/fields.h"
#include "tests/unit/test.h"

static struct err *parse(struct arena *a, const char *text, struct range_sets *ret)
{
    const struct json *j;
    struct err *e = json_parse(a, text, strlen(text), NULL, &j);
    return e ? e : ranges_parse(a, j, NULL, ret);
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *end;
    } cases[] = {
        {"{}", "no range is given"},
        {"{\"ranges\":[]}", "no range is given"},
        {"{\"ranges\":[[]]}", "not an array of 1 to 64 ranges"},
        {"{\"ranges\":[[{}]]}", "subnet: missing"},
        {"{\"subnet\":\"10.0.0.1/24\"}", "bits beyond the prefix are set"},
        {"{\"subnet\":\"10.0.0.0\"}", "no prefix length"},
        {"{\"subnet\":\"10.0.0.0/31\"}", "too small to give addresses from"},
        {"{\"subnet\":\"10.0.0.0/24\",\"rangeStart\":\"10.0.1.1\"}", "not an address of the subnet"},
        {"{\"subnet\":\"10.0.0.0/24\",\"rangeStart\":\"10.0.0.9\",\"rangeEnd\":\"10.0.0.3\"}",
            "before rangeStart"},
        {"{\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"10.0.0.0/16\"}]]}", "overlaps with [0]"},
        {"{\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}],[{\"subnet\":\"10.0.0.0/16\"}]]}",
            "set 1 overlaps with set 0"},
        {"{\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"fd00::/64\"}]]}",
            "IPv4 and IPv6 in one set"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        struct range_sets s;
        auto_err *e = parse(a, cases[i].text, &s);
        assert_non_null(e);
        if (!strstr(err_message(e), cases[i].end))
            fail_msg("%s: %s", cases[i].text, err_message(e));
    }
}

/* All addresses from a start, as text. */
static void walk(const char *text, const char *last, const char *wanted)
{
    auto_arena *a = arena_new();
    auto_buf got = BUF_INIT(4096);
    struct range_sets s;
    struct net_addr from = {0}, ip;
    const struct range *r;
    char one[64];
    auto_err *e = parse(a, text, &s);
    assert_null(e);
    if (last) {
        auto_err *bad = net_addr_parse(last, &from);
        assert_null(bad);
    }
    struct range_walk w = ranges_walk(&s.v[0], last ? &from : NULL);
    while (ranges_next(&w, &ip, &r)) {
        net_addr_text(&ip, true, one);
        buf_addf(&got, "%s%s", got.len ? " " : "", one);
    }
    assert_string_equal(buf_str(&got), wanted);
}

static void walks_once_round(void **state)
{
    (void)state;
    const char *net = "{\"subnet\":\"10.0.0.0/29\"}";
    walk(net, NULL, "10.0.0.2/29 10.0.0.3/29 10.0.0.4/29 10.0.0.5/29 10.0.0.6/29");
    walk(net, "10.0.0.4", "10.0.0.5/29 10.0.0.6/29 10.0.0.2/29 10.0.0.3/29 10.0.0.4/29");
    walk(net, "10.0.0.6", "10.0.0.2/29 10.0.0.3/29 10.0.0.4/29 10.0.0.5/29 10.0.0.6/29");
    walk(net, "192.0.2.1", "10.0.0.2/29 10.0.0.3/29 10.0.0.4/29 10.0.0.5/29 10.0.0.6/29");
    walk(
        "{\"ranges\":[[{\"subnet\":\"10.0.0.0/30\"},{\"subnet\":\"10.9.0.0/30\",\"gateway\":\"10.9.0.2\"}]]}",
        "10.0.0.2", "10.9.0.1/30 10.0.0.2/30");
    walk("{\"subnet\":\"10.0.0.0/24\",\"rangeStart\":\"10.0.0.1\",\"rangeEnd\":\"10.0.0.1\"}", NULL, "");
    walk("{\"subnet\":\"fd00::/126\"}", NULL, "fd00::2/126 fd00::3/126");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong), cmocka_unit_test(walks_once_round)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
