/* Volumes on the host, see volumes.h. */
#include "kubelet/volumes.h"
#include "kubelet/field_ref.h"
#include "kubelet/node_agent.h"
#include "kubelet/objects.h"
#include "kubelet/payload.h"
#include "kubelet/trash.h"
#include "lib/api/quantity.h"
#include "lib/file.h"
#include "lib/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VOLUMES_PAYLOAD_MAX = 2 << 20, VOLUMES_MODE = 0644 };

const struct volume *volumes_find(const struct worker *w, const char *name)
{
    const struct pod_spec *s = w->desired->pod->spec;
    for (size_t i = 0; name && i < s->volumes.n; i++)
        if (s->volumes.v[i].name && strcmp(s->volumes.v[i].name, name) == 0)
            return &s->volumes.v[i];
    return NULL;
}

bool volumes_is_memory(const struct volume *v)
{
    return v->empty_dir && v->empty_dir->medium && strcmp(v->empty_dir->medium, "Memory") == 0;
}

bool volumes_is_read_only(const struct volume *v)
{
    return v->config_map || v->secret || v->downward_api || v->projected;
}

static bool is_below_run(const struct volume *v)
{
    return v->secret || v->projected || v->downward_api;
}

const char *volumes_path(const struct worker *w, struct arena *a, const char *name)
{
    const struct volume *v = volumes_find(w, name);
    const struct kubelet *k = w->kubelet;
    if (!v)
        return NULL;
    if (v->host_path)
        return v->host_path->path;
    return arena_printf(
        a, "%s/%s/volumes/%s", is_below_run(v) ? k->path.run_pods : k->path.pods, w->uid, name);
}

static int64_t fs_group(const struct worker *w)
{
    const struct pod_security_context *sc = w->desired->pod->spec->security_context;
    return sc && sc->fs_group.set ? sc->fs_group.v : -1;
}

/* --- hostPath */

static struct err *host_path_check(const struct host_path_volume *h)
{
    static const struct {
        const char *type, *what;
        mode_t format;
    } types[] = {
        {"Directory", "a directory", S_IFDIR},
        {"DirectoryOrCreate", "a directory", S_IFDIR},
        {"File", "a file", S_IFREG},
        {"FileOrCreate", "a file", S_IFREG},
        {"Socket", "a socket file", S_IFSOCK},
        {"CharDevice", "a character device", S_IFCHR},
        {"BlockDevice", "a block device", S_IFBLK},
    };
    struct stat st;
    const char *type = h->type ? h->type : "";
    if (!h->path || *h->path != '/')
        return err_new(ERR_INVALID, "hostPath.path: \"%s\" is not absolute", h->path ? h->path : "");
    if (!*type)
        return NULL;
    bool there = stat(h->path, &st) == 0;
    if (!there && strcmp(type, "DirectoryOrCreate") == 0) {
        TRY(file_mkdirs(AT_FDCWD, h->path, 0755, NULL));
        there = stat(h->path, &st) == 0;
    } else if (!there && strcmp(type, "FileOrCreate") == 0) {
        int fd = open(h->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
            return err_sys(errno, "create %s", h->path);
        fchmod(fd, 0644);
        close(fd);
        there = stat(h->path, &st) == 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(type, types[i].type) == 0) {
            if (there && (st.st_mode & S_IFMT) == types[i].format)
                return NULL;
            return err_new(ERR_INVALID, "hostPath type check failed: %s is not %s", h->path, types[i].what);
        }
    return err_new(ERR_INVALID, "hostPath.type: \"%s\" is unknown", type);
}

/* --- payload volumes */

struct source {
    const struct worker *worker;
    struct payload payload;
    int64_t default_mode;
};

static struct err *add_bytes(
    struct source *s, const char *path, const void *data, size_t n, struct opt_int mode)
{
    mode_t m = (mode_t)opt_int_or(mode, s->default_mode) & 0777;
    if (s->payload.gid >= 0)
        m |= 0440; /* the group that fsGroup names reads it */
    return payload_add(&s->payload, path, data, n, m);
}

/* One key's bytes; *ret NULL: there is no such key. */
static struct err *key_bytes(
    struct arena *a, const struct json *object, bool secret, const char *key, const char **ret, size_t *ret_n)
{
    const struct json *text = json_at(object, "data", key, NULL);
    *ret = NULL;
    if (text && text->type == JSON_STRING && !secret) {
        *ret = text->text;
        *ret_n = text->n;
        return NULL;
    }
    if (!text && !secret)
        text = json_at(object, "binaryData", key, NULL);
    if (!json_str(text))
        return NULL;
    auto_buf b = BUF_INIT(VOLUMES_PAYLOAD_MAX);
    TRY_WRAP(base64_decode(text->text, &b), "key %s", key);
    *ret = arena_strndup(a, buf_str(&b), b.len);
    *ret_n = b.len;
    return NULL;
}

static struct err *add_all_keys(struct source *s, const struct json *object, bool secret, const char *member)
{
    json_each_member (m, json_get(object, member)) {
        const char *data;
        size_t n;
        TRY(key_bytes(s->payload.arena, object, secret, m->name, &data, &n));
        if (data)
            TRY(add_bytes(s, m->name, data, n, (struct opt_int){0}));
    }
    return NULL;
}

/* A ConfigMap's or Secret's keys, all or those that items names. */
static struct err *add_object(struct source *s, bool secret, const char *name, bool optional,
    const struct key_to_path *items, size_t n_items)
{
    const struct worker *w = s->worker;
    const struct json *object = objects_get(w->kubelet->objects, secret, w->ns, name ? name : "");
    if (!object && optional)
        return NULL;
    if (!object)
        return err_new(
            ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap", name ? name : "");
    if (!n_items) {
        TRY(add_all_keys(s, object, secret, "data"));
        return secret ? NULL : add_all_keys(s, object, secret, "binaryData");
    }
    for (size_t i = 0; i < n_items; i++) {
        const char *data, *key = items[i].key ? items[i].key : "";
        size_t n;
        TRY(key_bytes(s->payload.arena, object, secret, key, &data, &n));
        if (!data && !optional)
            return err_new(
                ERR_NOT_FOUND, "references non-existent %s key: %s", secret ? "secret" : "config", key);
        if (data)
            TRY(add_bytes(s, items[i].path ? items[i].path : key, data, n, items[i].mode));
    }
    return NULL;
}

static struct err *add_downward(struct source *s, const struct downward_api_volume *d)
{
    const struct worker *w = s->worker;
    struct kubelet *k = w->kubelet;
    struct field_context x = {.node_name = k->o.node_name,
        .host_ip = k->o.node_ip,
        .pod_ip = w->pod_ip,
        .node_milli_cpu = node_agent_milli_cpu(k),
        .node_memory = node_agent_memory(k),
        .node_storage = node_agent_storage(k)};
    for (size_t i = 0; i < d->items.n; i++) {
        const struct downward_api_file *f = &d->items.v[i];
        const char *text = "";
        if (f->field_ref)
            TRY(field_ref_value(s->payload.arena, w->desired->pod, &x, f->field_ref->field_path, &text));
        else if (f->resource_field_ref)
            TRY(field_ref_resource(
                s->payload.arena, w->desired->pod, &x, NULL, f->resource_field_ref, &text));
        TRY(add_bytes(s, f->path ? f->path : "", text, strlen(text), f->mode));
    }
    return NULL;
}

static struct err *add_projection(struct source *s, const struct volume_projection *p)
{
    if (p->config_map)
        return add_object(s, false, p->config_map->name, opt_bool_or(p->config_map->optional, false),
            p->config_map->items.v, p->config_map->items.n);
    if (p->secret)
        return add_object(s, true, p->secret->name, opt_bool_or(p->secret->optional, false),
            p->secret->items.v, p->secret->items.n);
    if (p->downward_api)
        return add_downward(s, p->downward_api);
    return err_new(ERR_UNSUPPORTED, "projected sources other than configMap, secret and downwardAPI are not "
                                    "supported: this cluster issues no "
                                    "tokens");
}

static struct err *make_payload(struct worker *w, const struct volume *v, const char *path)
{
    auto_arena *a = arena_new();
    struct source s = {
        .worker = w, .payload = {.arena = a, .gid = fs_group(w)}, .default_mode = VOLUMES_MODE};
    struct err *e = NULL;
    if (v->config_map) {
        s.default_mode = opt_int_or(v->config_map->default_mode, VOLUMES_MODE);
        e = add_object(&s, false, v->config_map->name, opt_bool_or(v->config_map->optional, false),
            v->config_map->items.v, v->config_map->items.n);
    } else if (v->secret) {
        s.default_mode = opt_int_or(v->secret->default_mode, VOLUMES_MODE);
        e = add_object(&s, true, v->secret->secret_name, opt_bool_or(v->secret->optional, false),
            v->secret->items.v, v->secret->items.n);
    } else if (v->downward_api) {
        s.default_mode = opt_int_or(v->downward_api->default_mode, VOLUMES_MODE);
        e = add_downward(&s, v->downward_api);
    } else {
        s.default_mode = opt_int_or(v->projected->default_mode, VOLUMES_MODE);
        for (size_t i = 0; !e && i < v->projected->sources.n; i++)
            e = add_projection(&s, &v->projected->sources.v[i]);
    }
    return e ? e : payload_write(path, &s.payload);
}

/* --- all of them */

/* The volume's own folder: 0777, and the group that fsGroup names with set-group-id. */
static struct err *make_folder(const char *path, int64_t gid)
{
    int fd;
    struct stat st;
    if (stat(path, &st) == 0)
        return NULL;
    TRY(file_mkdirs(AT_FDCWD, path, 0755, &fd));
    close(fd);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct err *e = fd < 0 ? err_sys(errno, "open %s", path) : NULL;
    if (!e && gid >= 0 && fchown(fd, 0, (gid_t)gid) < 0)
        e = err_sys(errno, "chown %s", path);
    if (!e && fchmod(fd, gid >= 0 ? 02777 : 0777) < 0)
        e = err_sys(errno, "chmod %s", path);
    if (fd >= 0)
        close(fd);
    return e;
}

static struct err *make_one(struct worker *w, const struct volume *v)
{
    auto_arena *a = arena_new();
    const char *path = volumes_path(w, a, v->name);
    if (v->host_path)
        return host_path_check(v->host_path);
    if (v->empty_dir)
        return volumes_is_memory(v) ? NULL : make_folder(path, fs_group(w));
    if (volumes_is_read_only(v)) {
        TRY(make_folder(path, fs_group(w)));
        return make_payload(w, v, path);
    }
    return err_new(ERR_UNSUPPORTED, "volumes of this type are not supported");
}

static struct err *make_each(struct worker *w, bool payload_only)
{
    const struct pod_spec *s = w->desired->pod->spec;
    for (size_t i = 0; i < s->volumes.n; i++)
        if (!payload_only || volumes_is_read_only(&s->volumes.v[i]))
            TRY_WRAP(make_one(w, &s->volumes.v[i]), "MountVolume.SetUp failed for volume \"%s\" ",
                s->volumes.v[i].name ? s->volumes.v[i].name : "");
    return NULL;
}

struct err *volumes_make(struct worker *w)
{
    return make_each(w, false);
}

struct err *volumes_refresh(struct worker *w)
{
    return make_each(w, true);
}

void volumes_clear(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    auto_free char *state = mem_printf("%s/%s", k->path.pods, w->uid);
    auto_free char *run = mem_printf("%s/%s/volumes", k->path.run_pods, w->uid);
    trash_put(k->trash, state);
    trash_put(k->trash, run);
}

void volumes_mounts(const struct worker *w, struct arena *a, struct shim_mount **ret, size_t *ret_n)
{
    const struct pod_spec *s = w->desired->pod->spec;
    struct shim_mount *m = arena_array(a, s->volumes.n + 1, sizeof(*m));
    int64_t gid = fs_group(w);
    size_t n = 0;
    for (size_t i = 0; i < s->volumes.n; i++) {
        const struct volume *v = &s->volumes.v[i];
        if (!volumes_is_memory(v))
            continue;
        int64_t size = quantity_units(v->empty_dir->size_limit, 0), limit = pod_limit(s, "memory");
        if (!size || (limit && limit < size))
            size = limit;
        if (!size)
            size = node_agent_memory(w->kubelet);
        const char *mode = gid >= 0 ? arena_printf(a, "mode=3777,gid=%lld", (long long)gid) : "mode=1777";
        const char *options = arena_printf(a, "source=tmpfs,noswap,%s,size=%lld", mode, (long long)size);
        m[n++] =
            (struct shim_mount){.type = "tmpfs", .target = volumes_path(w, a, v->name), .options = options};
    }
    *ret = m;
    *ret_n = n;
}
