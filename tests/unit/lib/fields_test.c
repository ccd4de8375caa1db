/* lib/fields: decoding, encoding, and errors that name their path. */
#include "lib/fields.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>

struct port {
    const char *name;
    struct opt_int number;
};
struct box {
    const char *name, *size;
    struct opt_int count;
    struct opt_bool on;
    struct opt_double weight;
    struct bytes *data;
    struct port *main_port;
    FIELD_LIST(struct port) ports;
    struct str_list args;
    struct int_list numbers;
    struct str_map labels;
    const struct json *extra;
};

static FIELDS_DEFINE(port_fields, port, FIELD(port, name, "name", FIELD_STR),
    {"containerPort", FIELD_INT, offsetof(struct port, number), .flags = FIELD_REQUIRED, .min = 1,
        .max = 65535});
static FIELDS_DEFINE(box_fields, box, FIELD(box, name, "name", FIELD_STR),
    FIELD(box, size, "size", FIELD_SCALAR), FIELD(box, count, "count", FIELD_INT),
    FIELD(box, on, "on", FIELD_BOOL), FIELD(box, weight, "weight", FIELD_DOUBLE),
    FIELD(box, data, "data", FIELD_BYTES), FIELD_OF(box, main_port, "mainPort", FIELD_STRUCT, &port_fields),
    FIELD_OF(box, ports, "ports", FIELD_STRUCTS, &port_fields), FIELD(box, args, "args", FIELD_STRS),
    FIELD(box, numbers, "numbers", FIELD_INTS), FIELD(box, labels, "labels", FIELD_STR_MAP),
    FIELD(box, extra, "extra", FIELD_JSON));

static struct err *parse(struct arena *a, const char *text, struct box *out)
{
    return fields_parse(&box_fields, a, text, strlen(text), out);
}

static const char full[] =
    "{\"name\":\"x\",\"size\":\"10Mi\",\"count\":-3,\"on\":false,\"weight\":1.5,\"data\":\"aGVsbG8=\","
    "\"mainPort\":{\"name\":\"http\",\"containerPort\":80},"
    "\"ports\":[{\"containerPort\":1},{\"name\":\"b\",\"containerPort\":65535}],"
    "\"args\":[\"a\",\"\"],\"numbers\":[1,-2],\"labels\":{\"b\":\"1\",\"a\":\"2\"},\"extra\":{\"any\":[null]}"
    "}";

static void decodes_everything(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct box b;
    assert_ok(parse(a, full, &b));
    assert_string_equal(b.name, "x");
    assert_string_equal(b.size, "10Mi");
    assert_true(b.count.set && b.count.v == -3);
    assert_true(b.on.set && !b.on.v);
    assert_true(b.weight.set && b.weight.v == 1.5);
    assert_int_equal(b.data->n, 5);
    assert_memory_equal(b.data->v, "hello", 5);
    assert_string_equal(b.main_port->name, "http");
    assert_int_equal(b.ports.n, 2);
    assert_null(b.ports.v[0].name);
    assert_int_equal(b.ports.v[1].number.v, 65535);
    assert_int_equal(b.args.n, 2);
    assert_string_equal(b.args.v[1], "");
    assert_int_equal(b.numbers.v[1], -2);
    assert_string_equal(str_map_get(&b.labels, "a"), "2");
    assert_null(str_map_get(&b.labels, "z"));
    assert_string_equal(b.labels.v[0].name, "b");
    assert_int_equal(b.extra->n, 1);
}

static void encodes_what_it_decoded(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf out = BUF_INIT(10000);
    struct json_out o = {&out};
    struct box b;
    assert_ok(parse(a, full, &b));
    fields_encode(&box_fields, &b, &o, NULL);
    assert_string_equal(buf_str(&out), full);
}

static void absent_null_and_unknown(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    auto_buf out = BUF_INIT(10000);
    struct json_out o = {&out};
    struct box b;
    memset(&b, 0xff, sizeof(b));
    assert_ok(parse(a, "{\"name\":null,\"ports\":null,\"args\":[],\"labels\":{},\"unheard\":[1]}", &b));
    assert_null(b.name);
    assert_false(b.count.set || b.on.set || b.weight.set);
    assert_null(b.main_port);
    assert_int_equal(b.ports.n + b.args.n + b.labels.n, 0);
    fields_encode(&box_fields, &b, &o, NULL);
    assert_string_equal(buf_str(&out), "{}");
}

static void errors_name_their_path(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "not an object: []"},
        {"{\"name\":1}", "name: not a string: 1"},
        {"{\"name\":\"a\\u0000\"}", "name: not a string without NUL bytes: \"a\\u0000\""},
        {"{\"size\":true}", "size: not a string or a number: true"},
        {"{\"count\":\"5\"}", "count: not an integer: \"5\""},
        {"{\"count\":1.5}", "count: not an integer: 1.5"},
        {"{\"count\":9223372036854775808}", "count: not an integer: 9223372036854775808"},
        {"{\"on\":\"true\"}", "on: not a boolean: \"true\""},
        {"{\"weight\":\"1\"}", "weight: not a number: \"1\""},
        {"{\"weight\":1e999}", "weight: not a number in range: 1e999"},
        {"{\"data\":\"a\"}", "data: not base64: \"a\""},
        {"{\"data\":\"aGVsbG8\"}", "data: not base64: \"aGVsbG8\""},
        {"{\"data\":\"aGVs=G8=\"}", "data: not base64: \"aGVs=G8=\""},
        {"{\"mainPort\":[]}", "mainPort: not an object: []"},
        {"{\"mainPort\":{}}", "mainPort.containerPort: required"},
        {"{\"mainPort\":{\"containerPort\":0}}", "mainPort.containerPort: 0 is not in 1..65535"},
        {"{\"ports\":{}}", "ports: not an array: {}"},
        {"{\"ports\":[{\"containerPort\":1},{\"containerPort\":\"x\"}]}",
            "ports[1].containerPort: not an integer: \"x\""},
        {"{\"ports\":[null]}", "ports[0]: not an object: null"},
        {"{\"args\":[\"a\",5]}", "args[1]: not a string: 5"},
        {"{\"numbers\":[1,\"2\"]}", "numbers[1]: not an integer: \"2\""},
        {"{\"labels\":{\"app.kubernetes.io/name\":{}}}",
            "labels[app.kubernetes.io/name]: not a string or a number: {}"},
        {"{\"labels\":{\"app\":[]}}", "labels.app: not a string or a number: []"},
        {"{\"name\":[\"0123456789012345678901234567890123456789012345678901234567890123456789\"]}",
            "name: not a string: [\"01234567890123456789012345678901234567890123456789012345678901..."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_arena *a = arena_new();
        struct box b;
        assert_error(parse(a, cases[i].text, &b), ERR_INVALID, cases[i].message);
    }
}

static void scalars_keep_their_kind(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"size\":80}", "{\"size\":-1}", "{\"size\":\"http\"}", "{\"size\":\"100m\"}", "{\"size\":\"007\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        auto_arena *a = arena_new();
        auto_buf out = BUF_INIT(1000);
        struct json_out o = {&out};
        struct box b;
        assert_ok(parse(a, texts[i], &b));
        fields_encode(&box_fields, &b, &o, NULL);
        assert_string_equal(buf_str(&out), texts[i]);
    }
}

static void base64_of_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        unsigned char data[70];
        for (size_t i = 0; i < n; i++)
            data[i] = (unsigned char)(i * 37 + n);
        struct bytes bytes = {n, data};
        struct box in = {.data = &bytes}, back;
        auto_arena *a = arena_new();
        auto_buf out = BUF_INIT(1000);
        struct json_out o = {&out};
        fields_encode(&box_fields, &in, &o, NULL);
        assert_ok(parse(a, buf_str(&out), &back));
        assert_int_equal(back.data->n, n);
        assert_memory_equal(back.data->v, data, n);
    }
    auto_arena *a = arena_new();
    struct box b;
    assert_ok(parse(a, "{\"data\":\"aGVs\\nbG8=\\n\"}", &b));
    assert_int_equal(b.data->n, 5);
}

static void doubles_read_back(void **state)
{
    (void)state;
    static const double values[] = {0, 0.1, 1.0 / 3, 1e300, -2.5e-10, 123456789.125};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct box in = {.weight = {true, values[i]}}, back;
        auto_arena *a = arena_new();
        auto_buf out = BUF_INIT(1000);
        struct json_out o = {&out};
        fields_encode(&box_fields, &in, &o, NULL);
        assert_ok(parse(a, buf_str(&out), &back));
        assert_true(back.weight.v == values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_everything),
        cmocka_unit_test(encodes_what_it_decoded),
        cmocka_unit_test(absent_null_and_unknown),
        cmocka_unit_test(errors_name_their_path),
        cmocka_unit_test(scalars_keep_their_kind),
        cmocka_unit_test(base64_of_every_length),
        cmocka_unit_test(doubles_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
