/* auths: {"https://index.docker.io/v1/": {"auth": base64("user:password")}, "reg:5000/team": {...}} */
#include "images/credentials.h"
#include "lib/fields.h"
#include "lib/tls.h"
#include <string.h>

struct auth_line {
    const char *auth, *username, *password, *identity_token;
};
static FIELDS_DEFINE(auth_fields, auth_line, FIELD(auth_line, auth, "auth", FIELD_STR),
    FIELD(auth_line, username, "username", FIELD_STR), FIELD(auth_line, password, "password", FIELD_STR),
    FIELD(auth_line, identity_token, "identitytoken", FIELD_STR));

/* The key without scheme, without docker's "/v1/", docker.io by its one name. */
static const char *normal_key(struct arena *a, const char *key)
{
    if (!strncmp(key, "https://", 8))
        key += 8;
    else if (!strncmp(key, "http://", 7))
        key += 7;
    char *k = arena_strdup(a, key);
    size_t n = strlen(k);
    while (n && k[n - 1] == '/')
        k[--n] = '\0';
    for (size_t v = 1; v <= 2; v++) {
        const char *tail = v == 1 ? "/v1" : "/v2";
        if (n > 3 && !strcmp(k + n - 3, tail))
            k[n -= 3] = '\0';
    }
    if (!strcmp(k, "index.docker.io") || !strcmp(k, "registry-1.docker.io"))
        return "docker.io";
    return k;
}

/* How many characters of the name the key covers, at a boundary; 0: none. */
static size_t covers(const char *key, const char *name)
{
    size_t n = strlen(key);
    return n && !strncmp(key, name, n) && (name[n] == '\0' || name[n] == '/') ? n : 0;
}

static struct err *decode(
    struct arena *a, const char *key, const struct auth_line *l, struct credentials *ret)
{
    struct credentials c = {l->username, l->password, l->identity_token};
    if (l->auth && *l->auth) {
        auto_buf plain = BUF_INIT(64 * 1024);
        TRY_WRAP(base64_decode(l->auth, &plain), "auths: %s: auth", key);
        char *text = arena_strndup(a, buf_str(&plain), plain.len), *colon = strchr(text, ':');
        if (!colon)
            return err_new(ERR_INVALID, "auths: %s: auth is not user:password in base64", key);
        *colon = '\0';
        c.username = text;
        c.password = colon + 1;
    }
    if (c.identity_token && !*c.identity_token)
        c.identity_token = NULL;
    if (!c.username || !c.password)
        c.username = c.password = NULL;
    *ret = c;
    return NULL;
}

struct err *credentials_find(
    struct arena *a, const char *text, size_t len, const struct reference *r, struct credentials *ret)
{
    const struct json *j;
    size_t best = 0;
    *ret = (struct credentials){0};
    TRY(json_parse(a, text, len, NULL, &j));
    const struct json *auths =
        json_get(j, "auths") ? json_get(j, "auths") : j; /* .dockercfg has no "auths" */
    json_each_member (m, auths) {
        size_t n = covers(normal_key(a, m->name), r->name);
        struct auth_line l;
        if (n <= best || m->value.type != JSON_OBJECT)
            continue;
        TRY_WRAP(fields_decode(&auth_fields, a, &m->value, &l), "auths: %s", m->name);
        TRY(decode(a, m->name, &l, ret));
        best = n;
    }
    return NULL;
}
