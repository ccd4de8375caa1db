/* ConfigMap and Secret: keys, sizes, the rules of Secret types, immutability. */
#include "lib/tls.h"
#include "master/edit.h"
#include "master/strategy.h"
#include <string.h>

#define DATA_MAX 1048576
#define KEY_RULE                                                                                             \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "     \
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

static void check_key(struct invalid *v, const struct path *p, const char *key)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    if (strlen(key) > 253)
        invalid_str(v, p, key, "must be no more than 253 characters");
    if (!*key || strspn(key, good) != strlen(key))
        invalid_str(v, p, key, KEY_RULE);
    if (!strcmp(key, "."))
        invalid_str(v, p, key, "must not be '.'");
    else if (!strcmp(key, ".."))
        invalid_str(v, p, key, "must not be '..'");
    else if (!strncmp(key, "..", 2))
        invalid_str(v, p, key, "must not start with '..'");
}

static size_t decoded_size(const struct json *base64)
{
    size_t n = base64->n, pad = 0;
    while (pad < 2 && n > pad && base64->text[n - pad - 1] == '=')
        pad++;
    return n / 4 * 3 - pad;
}

static void validate_config_map(struct admission *x, struct json *obj)
{
    struct invalid *v = &x->invalid;
    const struct json *data = json_get(obj, "data"), *binary = json_get(obj, "binaryData");
    size_t total = 0;
    json_each_member (m, data) {
        const struct path *p = PATH_KEY(PATH(NULL, "data"), m->name);
        check_key(v, p, m->name);
        if (json_get(binary, m->name))
            invalid_str(v, p, m->name, "duplicate of key present in binaryData");
        total += m->value.n;
    }
    json_each_member (m, binary) {
        check_key(v, PATH_KEY(PATH(NULL, "binaryData"), m->name), m->name);
        total += decoded_size(&m->value);
    }
    if (total > DATA_MAX)
        invalid_too_long(v, PATH_KEY(NULL, ""), DATA_MAX);
}

static void validate_immutable(struct admission *x, struct json *obj, const struct json *old)
{
    static const char *const parts[] = {"data", "binaryData"};
    struct invalid *v = &x->invalid;
    if (!json_bool(json_get(old, "immutable"), false))
        return;
    if (!json_bool(json_get(obj, "immutable"), false))
        invalid_forbidden(v, PATH(NULL, "immutable"), "field is immutable when `immutable` is set");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const struct json *a = json_get(obj, parts[i]), *b = json_get(old, parts[i]);
        if ((a || b) && (!a || !b || !json_equal(a, b)))
            invalid_forbidden(v, PATH(NULL, parts[i]), "field is immutable when `immutable` is set");
    }
}

/* ---- Secret ---- */

static void default_secret(struct admission *x, struct json *obj)
{
    struct arena *a = x->arena;
    edit_default_str(a, obj, "type", "Opaque");
    const struct json *plain = json_get(obj, "stringData");
    if (!plain)
        return;
    const struct json copy = *plain, *texts = &copy; /* obj is about to change */
    struct json *data = edit_object(a, obj, "data");
    json_each_member (m, texts) {
        auto_buf b = BUF_INIT((size_t)8 << 20);
        base64_encode(m->value.text, m->value.n, &b);
        edit_set_str(a, data, m->name, buf_str(&b));
    }
    edit_remove(obj, "stringData");
}

static const struct {
    const char *type;
    const char *keys[2];
    bool any; /* one of them is enough */
} secret_types[] = {
    {"kubernetes.io/tls", {"tls.crt", "tls.key"}, false},
    {"kubernetes.io/ssh-auth", {"ssh-privatekey"}, false},
    {"kubernetes.io/basic-auth", {"username", "password"}, true},
    {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}, false},
    {"kubernetes.io/dockercfg", {".dockercfg"}, false},
};

static void check_docker_config(struct admission *x, const struct json *data, const char *key)
{
    const struct json *value = json_get(data, key), *tree;
    auto_buf b = BUF_INIT((size_t)2 << 20);
    if (!value)
        return;
    auto_err *e = base64_decode(value->text, &b);
    if (!e)
        e = json_parse(x->arena, buf_str(&b), b.len, NULL, &tree);
    if (!e)
        return;
    const char *why = err_message(e);
    if (b.len && !strchr("{[\"-0123456789tfn \t\r\n", b.data[0]))
        why = arena_printf(x->arena, "invalid character '%c' looking for beginning of value", b.data[0]);
    invalid_str(&x->invalid, PATH_KEY(PATH(NULL, "data"), key), "<secret contents redacted>", why);
}

static void check_secret_type(struct admission *x, const struct json *obj)
{
    struct invalid *v = &x->invalid;
    const char *type = json_str(json_get(obj, "type"));
    const struct json *data = json_get(obj, "data");
    for (size_t i = 0; type && i < ARRAY_SIZE(secret_types); i++) {
        if (strcmp(type, secret_types[i].type) != 0)
            continue;
        bool first = json_get(data, secret_types[i].keys[0]) != NULL;
        bool second = secret_types[i].keys[1] && json_get(data, secret_types[i].keys[1]);
        if (secret_types[i].any && (first || second))
            return;
        if (!first)
            invalid_required(v, PATH_KEY(PATH(NULL, "data"), secret_types[i].keys[0]), "");
        if (secret_types[i].keys[1] && !second)
            invalid_required(v, PATH_KEY(PATH(NULL, "data"), secret_types[i].keys[1]), "");
        if (strstr(type, "docker"))
            check_docker_config(x, data, secret_types[i].keys[0]);
    }
    static const char account[] = "kubernetes.io/service-account.name";
    const char *name = json_str(json_at(obj, "metadata", "annotations", account, NULL));
    if (type && !strcmp(type, "kubernetes.io/service-account-token") && (!name || !*name))
        invalid_required(v, PATH_KEY(PATH(PATH(NULL, "metadata"), "annotations"), account), "");
}

static void warn_tls(struct admission *x, const struct json *obj)
{
    const char *type = json_str(json_get(obj, "type"));
    const struct json *cert = json_at(obj, "data", "tls.crt", NULL),
                      *key = json_at(obj, "data", "tls.key", NULL);
    if (type && !strcmp(type, "kubernetes.io/tls") && cert && key && !cert->n)
        invalid_warn(&x->invalid, "tls: failed to find any PEM data in certificate input");
}

static void validate_secret(struct admission *x, struct json *obj)
{
    struct invalid *v = &x->invalid;
    size_t total = 0;
    json_each_member (m, json_get(obj, "data")) {
        check_key(v, PATH_KEY(PATH(NULL, "data"), m->name), m->name);
        total += decoded_size(&m->value);
    }
    if (total > DATA_MAX)
        invalid_too_long(v, PATH(NULL, "data"), DATA_MAX);
    check_secret_type(x, obj);
    if (!v->n)
        warn_tls(x, obj);
}

static void validate_secret_update(struct admission *x, struct json *obj, const struct json *old)
{
    if (!json_equal(json_get(obj, "type"), json_get(old, "type")))
        invalid_value(&x->invalid, PATH(NULL, "type"), json_get(obj, "type"), "field is immutable");
    validate_immutable(x, obj, old);
}

const struct strategy config_map_strategy = {
    .validate = validate_config_map,
    .validate_update = validate_immutable,
};
const struct strategy secret_strategy = {
    .defaults = default_secret,
    .validate = validate_secret,
    .validate_update = validate_secret_update,
};
