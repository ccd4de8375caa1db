/* master/proto: bodies as kubectl sends them, and what is none. */
#include "lib/buf.h"
#include "lib/mem.h"
#include "master/proto.h"
#include "tests/unit/test.h"
#include <stdlib.h>

/* A field that holds bytes. */
static void put(struct buf *b, unsigned number, const void *data, size_t n)
{
    assert_true(number < 16 && n < 16384);
    buf_addc(b, (char)(number << 3 | 2));
    if (n > 127)
        buf_addc(b, (char)((n & 127) | 128));
    buf_addc(b, (char)(n > 127 ? n >> 7 : n));
    buf_add(b, data, n);
}

static void put_str(struct buf *b, unsigned number, const char *s)
{
    put(b, number, s, strlen(s));
}

static void put_buf(struct buf *b, unsigned number, struct buf *inner)
{
    put(b, number, buf_str(inner), inner->len);
    buf_done(inner);
}

static void put_int(struct buf *b, unsigned number, unsigned value)
{
    buf_addc(b, (char)(number << 3));
    if (value > 127)
        buf_addc(b, (char)((value & 127) | 128));
    buf_addc(b, (char)(value > 127 ? value >> 7 : value));
}

static void envelope(struct buf *out, const char *version, const char *kind, struct buf *raw)
{
    struct buf type = BUF_INIT(4096);
    put_str(&type, 1, version);
    put_str(&type, 2, kind);
    buf_add(out, "k8s", 4);
    put_buf(out, 1, &type);
    put_buf(out, 2, raw);
}

static void expect(const char *schema, struct buf *body, const char *wanted)
{
    struct arena *a = arena_new();
    const struct json *got, *want;
    struct buf text = BUF_INIT(1 << 16);
    assert_ok(proto_read(a, schema_find(schema), buf_str(body), body->len, &got));
    assert_ok(json_parse(a, wanted, strlen(wanted), NULL, &want));
    json_write(&text, got, 0);
    if (!json_equal(got, want))
        fail_msg("%s", buf_str(&text));
    buf_done(&text);
    buf_done(body);
    arena_free(a);
}

static void test_config_map(void **state)
{
    (void)state;
    struct buf meta = BUF_INIT(4096), entry = BUF_INIT(4096), raw = BUF_INIT(4096), body = BUF_INIT(4096);
    struct buf binary = BUF_INIT(4096);
    put_str(&meta, 1, "m");
    put_str(&meta, 2, "");
    put_str(&meta, 8, ""); /* creationTimestamp: the zero time */
    put_str(&entry, 1, "k");
    put_str(&entry, 2, "v\xc3\xbc");
    put_str(&binary, 1, "b");
    put(&binary, 2, "\0\1\2", 3);
    put_buf(&raw, 1, &meta);
    put_buf(&raw, 2, &entry);
    put_buf(&raw, 3, &binary);
    put_int(&raw, 4, 1);
    put_int(&raw, 15, 7); /* a field of some future */
    envelope(&body, "v1", "ConfigMap", &raw);
    expect("core.v1.ConfigMap", &body,
        "{\"metadata\":{\"name\":\"m\",\"generateName\":\"\",\"creationTimestamp\":null},\"data\":{\"k\":"
        "\"v\xc3\xbc\"},"
        "\"binaryData\":{\"b\":\"AAEC\"},\"immutable\":true,\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}");
}

static void test_embedded_and_special(void **state)
{
    (void)state;
    struct buf port = BUF_INIT(4096), target = BUF_INIT(4096), spec = BUF_INIT(4096), raw = BUF_INIT(4096);
    struct buf body = BUF_INIT(4096), volume = BUF_INIT(4096), source = BUF_INIT(4096), dir = BUF_INIT(4096);
    struct buf limit = BUF_INIT(4096), pod = BUF_INIT(4096), pod_raw = BUF_INIT(4096),
               pod_body = BUF_INIT(4096);
    put_int(&target, 1, 1);
    put_str(&target, 3, "web");
    put_int(&port, 3, 8080);
    put_buf(&port, 4, &target);
    put_buf(&spec, 1, &port);
    put_buf(&raw, 2, &spec);
    envelope(&body, "v1", "Service", &raw);
    expect("core.v1.Service", &body,
        "{\"spec\":{\"ports\":[{\"port\":8080,\"targetPort\":\"web\"}]},\"apiVersion\":\"v1\",\"kind\":"
        "\"Service\"}");
    put_str(&limit, 1, "64Mi");
    put_str(&dir, 1, "Memory");
    put_buf(&dir, 2, &limit);
    put_buf(&source, 2, &dir); /* VolumeSource.emptyDir, whose fields JSON shows in the volume itself */
    put_str(&volume, 1, "v");
    put_buf(&volume, 2, &source);
    put_buf(&pod, 1, &volume);
    put_buf(&pod_raw, 2, &pod);
    envelope(&pod_body, "v1", "Pod", &pod_raw);
    expect("core.v1.Pod", &pod_body,
        "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"64Mi\"}}"
        "]},"
        "\"apiVersion\":\"v1\",\"kind\":\"Pod\"}");
}

static void refuses(const char *schema, const void *body, size_t n)
{
    struct arena *a = arena_new();
    const struct json *got;
    struct err *e = proto_read(a, schema_find(schema), body, n, &got);
    assert_non_null(e);
    err_free(e);
    arena_free(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const schema = "core.v1.ConfigMap";
    refuses(schema, "", 0);
    refuses(schema, "{}", 2);
    refuses(schema, "k8s\0\x0a\xff", 6);                          /* longer than there is */
    refuses(schema, "k8s\0\x12\x04\x0a\x7f\x00\x00", 10);         /* the same one level down */
    refuses(schema, "k8s\0\x12\x03\x0a\x01\x08", 9);              /* ends in the middle of a varint */
    refuses(schema, "k8s\0\x12\x02\x08\x01", 8);                  /* metadata as a number */
    refuses(schema, "k8s\0\x12\x06\x0a\x04\x0a\x02\xc3\x28", 12); /* a name that is no UTF-8 */
    refuses(schema, "k8s\0\x17", 5);                              /* no such wire type */
}

/* Whatever the bytes are: an answer or an error, in bounds. ASan looks on. */
static void test_noise(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        unsigned char body[160] = "k8s\0\x12";
        size_t n = 6 + (size_t)rand_r(&seed) % 150;
        body[5] = (unsigned char)(n - 6 < 128 ? n - 6 : 127);
        for (size_t k = 6; k < n; k++)
            body[k] = (unsigned char)(rand_r(&seed) % 3 ? rand_r(&seed) % 32 : rand_r(&seed));
        struct arena *a = arena_new();
        const struct json *got;
        err_free(proto_read(a, schema_find("core.v1.Pod"), body, n, &got));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_map),
        cmocka_unit_test(test_embedded_and_special),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
