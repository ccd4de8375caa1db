/* kubelet/env, field_ref: a container's environment. */
#include "kubelet/env.h"
#include "tests/unit/test.h"

static const struct json *object(void *arg, bool secret, const char *ns, const char *name)
{
    struct arena *a = arg;
    const struct json *j = NULL;
    const char *text = NULL;
    assert_string_equal(ns, "ns");
    if (!secret && !strcmp(name, "cm"))
        text = "{\"data\":{\"a\":\"1\",\"b.c\":\"$(a)\"}}";
    if (secret && !strcmp(name, "s"))
        text = "{\"data\":{\"key\":\"c2VjcmV0\"}}";
    if (text)
        assert_ok(json_parse(a, text, strlen(text), NULL, &j));
    return j;
}

/* The environment of one container, lines joined by '|'. */
static struct err *env_of(struct arena *a, const char *container, char *out)
{
    struct object_meta meta = {.name = "pod", .namespace_ = "ns", .uid = "u"};
    struct str_pair labels[] = {{"app", "web"}, {"a/b", "x\"y"}}, services[] = {{"SVC_PORT", "80"}};
    struct str_map service_env = {1, services}, vars;
    struct pod_spec spec = {.service_account_name = "default"};
    struct pod pod = {.metadata = &meta, .spec = &spec};
    struct container c;
    struct field_context x = {
        .node_name = "n1", .host_ip = "1.2.3.4", .node_milli_cpu = 2000, .node_memory = 1 << 20};
    const char *image[] = {"PATH=/bin", "A=image"};
    struct str_list image_env = {2, image}, env;
    meta.labels = (struct str_map){2, labels};
    TRY(fields_parse(&container_fields, a, container, strlen(container), &c));
    struct env_in in = {.pod = &pod,
        .container = &c,
        .fields = &x,
        .image_env = &image_env,
        .hostname = "h",
        .service_env = &service_env,
        .object = object,
        .arg = a};
    TRY(env_build(a, &in, &env, &vars));
    *out = '\0';
    for (size_t i = 0; i < env.n; i++)
        sprintf(out + strlen(out), "%s%s", i ? "|" : "", env.v[i]);
    return NULL;
}

#define BEGIN "PATH=/bin|A=image|HOSTNAME=h|"
static const struct {
    const char *container, *env;
} good[] = {
    {"{\"name\":\"c\"}", BEGIN "SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"X\",\"value\":\"1\"},{\"name\":\"Y\",\"value\":\"$(X)$(Z)$$(X)$(SVC_PORT)\"}]}",
        BEGIN "X=1|Y=1$(Z)$(X)80|SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"X\",\"value\":\"1\"},{\"name\":\"Y\",\"value\":\"$(X)\"},{\"name\":\"X\","
     "\"value\":\"2\"}]}",
        BEGIN "X=2|Y=1|SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"A\",\"value\":\"pod\"},{\"name\":\"SVC_PORT\",\"value\":\"mine\"}]}",
        "PATH=/bin|A=pod|HOSTNAME=h|SVC_PORT=mine"},
    {"{\"envFrom\":[{\"prefix\":\"P_\",\"configMapRef\":{\"name\":\"cm\"}}],\"env\":[{\"name\":\"Z\","
     "\"value\":\"$(P_a)\"}]}",
        BEGIN "P_a=1|P_b.c=$(a)|Z=1|SVC_PORT=80"},
    {"{\"envFrom\":[{\"secretRef\":{\"name\":\"none\",\"optional\":true}}]}", BEGIN "SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"key\"}}}]}",
        BEGIN "S=secret|SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"O\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"cm\",\"key\":\"zz\","
     "\"optional\":true}}}]}",
        BEGIN "SVC_PORT=80"},
    {"{\"env\":[{\"name\":\"L\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['app']\"}}},"
     "{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['none']\"}}},"
     "{\"name\":\"H\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.hostIP\"}}}]}",
        BEGIN "L=web|N=|H=1.2.3.4|SVC_PORT=80"},
    {"{\"resources\":{\"limits\":{\"memory\":\"1536Ki\",\"cpu\":\"1500m\"}},\"env\":["
     "{\"name\":\"C\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}},"
     "{\"name\":\"D\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}}},"
     "{\"name\":\"M\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.memory\",\"divisor\":"
     "\"1Mi\"}}}]}",
        BEGIN "C=2|D=1500|M=2|SVC_PORT=80"},
};

static void values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        auto_arena *a = arena_new();
        char out[4096];
        assert_ok(env_of(a, good[i].container, out));
        assert_string_equal(out, good[i].env);
    }
}

static void errors_name_what_is_missing(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    char out[4096];
    assert_error(env_of(a, "{\"envFrom\":[{\"configMapRef\":{\"name\":\"none\"}}]}", out), ERR_NOT_FOUND,
        "configmap \"none\" not found");
    assert_error(env_of(a,
                     "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"cm\",\"key\":"
                     "\"zz\"}}}]}",
                     out),
        ERR_NOT_FOUND, "couldn't find key zz in ConfigMap ns/cm");
    assert_error(
        env_of(a, "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nope\"}}}]}",
            out),
        ERR_INVALID, "unsupported fieldPath: spec.nope");
}

static void expansion(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct str_pair v[] = {{"A", "1"}, {"B", "$(A)"}};
    const struct str_map vars = {2, v};
    const char *out;
    static const char *const cases[][2] = {{"$(A)", "1"}, {"$(B)", "$(A)"}, {"$$(A)", "$(A)"},
        {"$$$(A)", "$1"}, {"$(C)", "$(C)"}, {"$(A", "$(A"}, {"$", "$"}, {"a$b", "a$b"}, {"", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(env_expand(a, cases[i][0], &vars), cases[i][1]);
    assert_error(env_expand_strict(a, "x/$(NOPE)", &vars, &out), ERR_INVALID, "missing value for NOPE");
    assert_ok(env_expand_strict(a, "x/$(A)", &vars, &out));
    assert_string_equal(out, "x/1");
}

static void terminals(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    const char *plain[] = {"A=1"}, *own[] = {"TERM=vt100", "A=1"};
    struct str_list none = {0}, one = {1, plain}, said = {2, own};
    env_for_terminal(a, &none);
    env_for_terminal(a, &one);
    env_for_terminal(a, &said);
    assert_string_equal(none.v[0], "TERM=xterm");
    assert_int_equal(one.n, 2);
    assert_string_equal(one.v[1], "TERM=xterm");
    assert_int_equal(said.n, 2);
    assert_string_equal(said.v[0], "TERM=vt100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(errors_name_what_is_missing),
        cmocka_unit_test(expansion),
        cmocka_unit_test(terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
