/* The rules of volumes. */
#include "lib/api/quantity.h"
#include "master/meta.h"
#include "master/pod_spec.h"
#include <string.h>

#define MODE_RULE "must be a number between 0 and 0777 (octal), both inclusive"

static bool has_dotdot(const char *path)
{
    for (const char *s = path; *s;) {
        size_t n = strcspn(s, "/");
        if (n == 2 && !strncmp(s, "..", 2))
            return true;
        s += n + (s[n] == '/');
    }
    return false;
}

static void check_mode(struct invalid *v, const struct json *j, const char *name, const struct path *p)
{
    int64_t mode;
    if (json_int(json_get(j, name), &mode) && (mode < 0 || mode > 0777))
        invalid_int(v, PATH(p, name), mode, MODE_RULE);
}

/* A path inside a volume. */
static void check_inner_path(struct invalid *v, const char *path, const struct path *p)
{
    if (!*path)
        invalid_required(v, p, "");
    else if (*path == '/')
        invalid_str(v, p, path, "must be a relative path");
    else if (has_dotdot(path))
        invalid_str(v, p, path, "must not contain '..'");
    else if (!strncmp(path, "..", 2))
        invalid_str(v, p, path, "must not start with '..'");
}

static void check_key_items(struct invalid *v, const struct json *items, const struct path *p)
{
    for (size_t i = 0; items && i < items->n; i++) {
        const struct json *it = &items->items[i];
        if (!*pod_text(it, "key"))
            invalid_required(v, PATH(PATH_ITEM(p, i), "key"), "");
        check_inner_path(v, pod_text(it, "path"), PATH(PATH_ITEM(p, i), "path"));
        check_mode(v, it, "mode", PATH_ITEM(p, i));
    }
}

static void check_empty_dir(struct invalid *v, const struct json *s, const struct path *p)
{
    const char *size = json_str(json_get(s, "sizeLimit"));
    if (size && quantity_millis(size, 0) < 0)
        invalid_forbidden(v, PATH(p, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
}

static void check_host_path(struct invalid *v, const struct json *s, const struct path *p)
{
    static const char *const types[] = {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate",
        "File", "FileOrCreate", "Socket", NULL};
    const char *path = pod_text(s, "path");
    if (!*path)
        invalid_required(v, PATH(p, "path"), "");
    else if (has_dotdot(path))
        invalid_str(v, PATH(p, "path"), path, "must not contain '..'");
    if (json_get(s, "type"))
        invalid_choice(v, PATH(p, "type"), json_get(s, "type"), types);
}

static void check_config_map(struct invalid *v, const struct json *s, const struct path *p)
{
    if (!*pod_text(s, "name"))
        invalid_required(v, PATH(p, "name"), "");
    check_mode(v, s, "defaultMode", p);
    check_key_items(v, json_get(s, "items"), PATH(p, "items"));
}

static void check_secret(struct invalid *v, const struct json *s, const struct path *p)
{
    if (!*pod_text(s, "secretName"))
        invalid_required(v, PATH(p, "secretName"), "");
    check_mode(v, s, "defaultMode", p);
    check_key_items(v, json_get(s, "items"), PATH(p, "items"));
}

static void check_downward(struct invalid *v, const struct json *s, const struct path *p)
{
    check_mode(v, s, "defaultMode", p);
    json_each_item (it, json_get(s, "items")) {
        if (!*pod_text(it, "path"))
            invalid_required(v, PATH(p, "path"), "");
        else
            check_inner_path(v, pod_text(it, "path"), PATH(p, "path"));
        bool field = json_get(it, "fieldRef"), resource = json_get(it, "resourceFieldRef");
        if (field && resource)
            invalid_raw(
                v, p, "\"resource\"", "fieldRef and resourceFieldRef can not be specified simultaneously");
        else if (!field && !resource)
            invalid_required(v, p, "one of fieldRef and resourceFieldRef is required");
    }
}

static void check_claim(struct invalid *v, const struct json *s, const struct path *p)
{
    if (!*pod_text(s, "claimName"))
        invalid_required(v, PATH(p, "claimName"), "");
}

static void check_nfs(struct invalid *v, const struct json *s, const struct path *p)
{
    if (!*pod_text(s, "server"))
        invalid_required(v, PATH(p, "server"), "");
    if (!*pod_text(s, "path"))
        invalid_required(v, PATH(p, "path"), "");
    else if (*pod_text(s, "path") != '/')
        invalid_str(v, PATH(p, "path"), pod_text(s, "path"), "must be an absolute path");
}

/* The paths that the sources of a projected volume would write; two of a kind conflict. */
static void check_conflicts(struct invalid *v, const struct json *sources, const struct path *p)
{
    static const char *const named[] = {"secret", "configMap"};
    for (size_t i = 1; sources && i < sources->n; i++)
        for (size_t k = 0; k < ARRAY_SIZE(named); k++) {
            const struct json *mine = json_get(&sources->items[i], named[k]);
            json_each_item (it, json_get(mine, "items"))
                for (size_t j = 0; j < i; j++)
                    for (size_t l = 0; l < ARRAY_SIZE(named); l++)
                        json_each_item (other, json_at(&sources->items[j], named[l], "items", NULL)) {
                            if (!strcmp(pod_text(it, "path"), pod_text(other, "path")))
                                invalid_str(v, p, pod_text(mine, "name"), "conflicting duplicate paths");
                        }
        }
}

static void check_projected(struct invalid *v, const struct json *s, const struct path *p)
{
    const struct json *sources = json_get(s, "sources");
    check_mode(v, s, "defaultMode", p);
    for (size_t i = 0; sources && i < sources->n; i++) {
        const struct json *src = &sources->items[i], *token = json_get(src, "serviceAccountToken");
        const struct path *at = PATH_ITEM(PATH(p, "sources"), i);
        static const char *const named[] = {"secret", "configMap"};
        for (size_t k = 0; k < ARRAY_SIZE(named); k++) {
            const struct json *n = json_get(src, named[k]);
            if (n && !*pod_text(n, "name"))
                invalid_required(v, PATH(PATH(at, named[k]), "name"), "");
            check_key_items(v, json_get(n, "items"), PATH(PATH(at, named[k]), "items"));
        }
        int64_t seconds;
        if (token && json_int(json_get(token, "expirationSeconds"), &seconds) && seconds < 600)
            invalid_int(v, PATH(PATH(at, "serviceAccountToken"), "expirationSeconds"), seconds,
                "may not specify a duration less than 10 minutes");
    }
    check_conflicts(v, sources, p);
}

static const struct {
    const char *name;
    void (*check)(struct invalid *v, const struct json *s, const struct path *p);
} sources[] = {
    {"emptyDir", check_empty_dir},
    {"hostPath", check_host_path},
    {"configMap", check_config_map},
    {"secret", check_secret},
    {"downwardAPI", check_downward},
    {"projected", check_projected},
    {"persistentVolumeClaim", check_claim},
    {"nfs", check_nfs},
};

static void check_source(struct invalid *v, const struct json *volume, const struct path *p)
{
    bool one = false;
    json_each_member (m, volume) {
        if (!strcmp(m->name, "name"))
            continue;
        if (one) {
            invalid_forbidden(v, PATH(p, m->name), "may not specify more than 1 volume type");
            continue;
        }
        one = true;
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
            if (!strcmp(m->name, sources[i].name))
                sources[i].check(v, &m->value, PATH(p, m->name));
    }
    if (!one)
        invalid_required(v, p, "must specify a volume type");
}

static void warn_removed(struct invalid *v, const struct json *volume, const struct path *p)
{
    static const struct {
        const char *name, *text;
    } removed[] = {
        {"cephfs", "deprecated in v1.28, non-functional in v1.31+"},
        {"flocker", "deprecated in v1.22, non-functional in v1.25+"},
        {"gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
        {"glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
        {"quobyte", "deprecated in v1.22, non-functional in v1.25+"},
        {"rbd", "deprecated in v1.28, non-functional in v1.31+"},
        {"scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
        {"storageos", "deprecated in v1.22, non-functional in v1.25+"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(removed); i++)
        if (json_get(volume, removed[i].name))
            invalid_warn(v, "%s.%s: %s", path_text(v->arena, p), removed[i].name, removed[i].text);
}

void pod_rules_volumes(struct invalid *v, const struct json *volumes, const struct path *p)
{
    for (size_t i = 0; volumes && i < volumes->n; i++) {
        const struct json *vol = &volumes->items[i];
        const char *name = pod_text(vol, "name"), *why = *name ? meta_check_label_1123(v->arena, name) : NULL;
        const struct path *at = PATH_ITEM(p, i);
        check_source(v, vol, at);
        if (!*name)
            invalid_required(v, PATH(at, "name"), "");
        if (why)
            invalid_str(v, PATH(at, "name"), name, why);
        for (size_t k = 0; *name && k < i; k++)
            if (!strcmp(name, pod_text(&volumes->items[k], "name"))) {
                invalid_duplicate(v, PATH(at, "name"), name);
                break;
            }
        warn_removed(v, vol, at);
    }
}
