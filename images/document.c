/* Manifests, indexes and configs: text in, checked structs out. */
#include "images/document.h"
#include "images/digest.h"
#include "images/limits.h"
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

static const struct json_limits document_limits = {
    .bytes = LIMITS_DOCUMENT, .depth = LIMITS_DEPTH, .nodes = 100000};

static FIELDS_DEFINE(platform_fields, platform, FIELD(platform, os, "os", FIELD_STR),
    FIELD(platform, architecture, "architecture", FIELD_STR), FIELD(platform, variant, "variant", FIELD_STR));

static FIELDS_DEFINE(descriptor_fields, descriptor, FIELD(descriptor, media_type, "mediaType", FIELD_STR),
    FIELD(descriptor, digest, "digest", FIELD_STR), FIELD(descriptor, size, "size", FIELD_INT),
    FIELD_OF(descriptor, platform, "platform", FIELD_STRUCT, &platform_fields),
    FIELD(descriptor, urls, "urls", FIELD_STRS),
    FIELD(descriptor, annotations, "annotations", FIELD_STR_MAP));

struct raw_document {
    struct opt_int schema_version;
    const char *media_type;
    struct descriptor *config;
    struct descriptors layers, manifests;
};
static FIELDS_DEFINE(raw_fields, raw_document,
    FIELD(raw_document, schema_version, "schemaVersion", FIELD_INT),
    FIELD(raw_document, media_type, "mediaType", FIELD_STR),
    FIELD_OF(raw_document, config, "config", FIELD_STRUCT, &descriptor_fields),
    FIELD_OF(raw_document, layers, "layers", FIELD_STRUCTS, &descriptor_fields),
    FIELD_OF(raw_document, manifests, "manifests", FIELD_STRUCTS, &descriptor_fields));

static struct err *parse_object(struct arena *a, const char *text, size_t len, const struct json **ret)
{
    if (len > LIMITS_DOCUMENT)
        return err_new(ERR_LIMIT, "%zu bytes, at most %u are read", len, LIMITS_DOCUMENT);
    TRY(json_parse(a, text, len, &document_limits, ret));
    if ((*ret)->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "not a JSON object");
    return NULL;
}

static struct err *check_descriptor(const struct descriptor *d)
{
    TRY(digest_check(d->digest));
    if (!d->size.set || d->size.v < 0)
        return err_new(ERR_INVALID, "%s: no size", d->digest);
    return NULL;
}

static struct err *check_descriptors(const struct descriptors *l, const char *what)
{
    for (size_t i = 0; i < l->n; i++)
        TRY_WRAP(check_descriptor(&l->v[i]), "%s[%zu]", what, i);
    return NULL;
}

static bool is_index_type(const char *t)
{
    return !strcasecmp(t, MEDIA_OCI_INDEX) || !strcasecmp(t, MEDIA_DOCKER_LIST);
}

static bool is_manifest_type(const char *t)
{
    return !strcasecmp(t, MEDIA_OCI_MANIFEST) || !strcasecmp(t, MEDIA_DOCKER_MANIFEST);
}

/* What the label says must be what the members are; a label that we do not know (text/plain from a simple
 * server) says nothing. */
static struct err *check_label(const char *label, const char *from, enum document_kind kind)
{
    if (!label || !*label)
        return NULL;
    if (strstr(label, "manifest.v1+json") && strstr(label, "docker"))
        return err_new(ERR_UNSUPPORTED, "%s %s: Docker's schema 1 is not supported", from, label);
    if ((kind == DOCUMENT_INDEX && is_manifest_type(label)) ||
        (kind == DOCUMENT_MANIFEST && is_index_type(label)))
        return err_new(ERR_INVALID, "%s is %s, but it is %s", from, label,
            kind == DOCUMENT_INDEX ? "an index" : "a manifest");
    return NULL;
}

static char *media_type_alone(struct arena *a, const char *content_type)
{
    return content_type ? arena_strndup(a, content_type, strcspn(content_type, "; ")) : NULL;
}

static struct err *check_manifest(const struct document *d)
{
    if (!d->config)
        return err_new(ERR_INVALID, "manifest: no config");
    TRY_WRAP(check_descriptor(d->config), "config");
    if (d->config->size.v > LIMITS_DOCUMENT)
        return err_new(ERR_LIMIT, "config: %lld bytes, at most %u are read", (long long)d->config->size.v,
            LIMITS_DOCUMENT);
    if (d->layers.n > LIMITS_LAYERS)
        return err_new(ERR_LIMIT, "%zu layers, at most %d are supported", d->layers.n, LIMITS_LAYERS);
    return check_descriptors(&d->layers, "layers");
}

struct err *document_parse(
    struct arena *a, const char *text, size_t len, const char *content_type, struct document *ret)
{
    const struct json *j;
    struct raw_document r;
    TRY(parse_object(a, text, len, &j));
    bool has_layers = json_get(j, "layers") || json_get(j, "config"),
         has_manifests = json_get(j, "manifests");
    if (json_get(j, "fsLayers"))
        return err_new(ERR_UNSUPPORTED, "a manifest of Docker's schema 1: not supported");
    if (has_layers && has_manifests)
        return err_new(ERR_INVALID, "ambiguous: both an index (manifests) and a manifest (layers or config)");
    if (!has_layers && !has_manifests)
        return err_new(ERR_INVALID, "neither an index (manifests) nor a manifest (config and layers)");
    TRY(fields_decode(&raw_fields, a, j, &r));
    if (opt_int_or(r.schema_version, 2) != 2)
        return err_new(
            ERR_UNSUPPORTED, "schemaVersion %lld: only 2 is supported", (long long)r.schema_version.v);
    struct document d = {.kind = has_manifests ? DOCUMENT_INDEX : DOCUMENT_MANIFEST,
        .media_type = r.media_type,
        .manifests = r.manifests,
        .config = r.config,
        .layers = r.layers};
    TRY(check_label(r.media_type, "mediaType", d.kind));
    TRY(check_label(media_type_alone(a, content_type), "content type", d.kind));
    if (d.kind == DOCUMENT_MANIFEST)
        TRY(check_manifest(&d));
    else
        TRY(check_descriptors(&d.manifests, "manifests"));
    *ret = d;
    return NULL;
}

struct platform document_host(void)
{
    static struct utsname u;
    static const struct {
        const char *machine, *architecture, *variant;
    } names[] = {{"x86_64", "amd64", NULL}, {"aarch64", "arm64", "v8"}, {"armv7l", "arm", "v7"},
        {"armv6l", "arm", "v6"}, {"i686", "386", NULL}, {"ppc64le", "ppc64le", NULL},
        {"riscv64", "riscv64", NULL}, {"s390x", "s390x", NULL}};
    uname(&u);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(u.machine, names[i].machine))
            return (struct platform){"linux", names[i].architecture, names[i].variant};
    return (struct platform){"linux", u.machine, NULL};
}

static bool same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

const struct descriptor *document_choose(const struct descriptors *l, const struct platform *host)
{
    const struct descriptor *any = NULL, *bare = NULL;
    size_t n_bare = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct descriptor *d = &l->v[i];
        if (d->media_type && !is_manifest_type(d->media_type) && !is_index_type(d->media_type))
            continue;
        if (!d->platform || !d->platform->os || !*d->platform->os) {
            n_bare++;
            bare = d;
            continue;
        }
        if (!same(d->platform->os, host->os) || !same(d->platform->architecture, host->architecture))
            continue;
        if (!d->platform->variant || !host->variant || same(d->platform->variant, host->variant))
            return d;
        if (!any)
            any = d;
    }
    /* Another variant of our architecture runs more often than not; an only child without a platform (what
     * skopeo and umoci write into layouts) is meant. */
    return any ? any : n_bare == 1 ? bare : NULL;
}

struct raw_config {
    struct image_document image;
    struct rootfs *rootfs;
};
struct rootfs {
    const char *type;
    struct str_list diff_ids;
};
static FIELDS_DEFINE(rootfs_fields, rootfs, FIELD(rootfs, type, "type", FIELD_STR),
    FIELD(rootfs, diff_ids, "diff_ids", FIELD_STRS));
static FIELDS_DEFINE(raw_config_fields, raw_config,
    FIELD(raw_config, image.architecture, "architecture", FIELD_STR),
    FIELD(raw_config, image.os, "os", FIELD_STR), FIELD(raw_config, image.variant, "variant", FIELD_STR),
    FIELD(raw_config, image.created, "created", FIELD_STR),
    FIELD_OF(raw_config, image.config, "config", FIELD_STRUCT, &image_config_fields),
    FIELD_OF(raw_config, rootfs, "rootfs", FIELD_STRUCT, &rootfs_fields));

struct err *document_parse_config(struct arena *a, const char *text, size_t len, struct image_document *ret)
{
    const struct json *j;
    struct raw_config r;
    TRY(parse_object(a, text, len, &j));
    TRY(fields_decode(&raw_config_fields, a, j, &r));
    if (!r.rootfs)
        return err_new(ERR_INVALID, "config: no rootfs");
    if (r.rootfs->type && strcmp(r.rootfs->type, "layers"))
        return err_new(ERR_UNSUPPORTED, "config: rootfs.type %s: only layers is supported", r.rootfs->type);
    if (r.rootfs->diff_ids.n > LIMITS_LAYERS)
        return err_new(
            ERR_LIMIT, "config: %zu diff_ids, at most %d are supported", r.rootfs->diff_ids.n, LIMITS_LAYERS);
    for (size_t i = 0; i < r.rootfs->diff_ids.n; i++)
        TRY_WRAP(digest_check(r.rootfs->diff_ids.v[i]), "config: rootfs.diff_ids[%zu]", i);
    r.image.diff_ids = r.rootfs->diff_ids;
    *ret = r.image;
    return NULL;
}

static FIELDS_DEFINE(saved_fields, saved_image, FIELD(saved_image, config, "Config", FIELD_STR),
    FIELD(saved_image, repo_tags, "RepoTags", FIELD_STRS), FIELD(saved_image, layers, "Layers", FIELD_STRS));

struct err *document_parse_saved(
    struct arena *a, const char *text, size_t len, struct saved_image **ret, size_t *ret_n)
{
    const struct json *j;
    TRY(json_parse(a, text, len, &document_limits, &j));
    if (j->type != JSON_ARRAY || !j->n)
        return err_new(ERR_INVALID, "not an array of images");
    struct saved_image *v = arena_array(a, j->n, sizeof *v);
    for (size_t i = 0; i < j->n; i++) {
        TRY_WRAP(fields_decode(&saved_fields, a, &j->items[i], &v[i]), "[%zu]", i);
        if (!v[i].config)
            return err_new(ERR_INVALID, "[%zu]: no Config", i);
        if (v[i].layers.n > LIMITS_LAYERS)
            return err_new(
                ERR_LIMIT, "[%zu]: %zu layers, at most %d are supported", i, v[i].layers.n, LIMITS_LAYERS);
    }
    *ret = v;
    *ret_n = j->n;
    return NULL;
}

static void write_descriptor(
    struct json_out *o, const char *name, const char *type, const char *digest, int64_t size)
{
    json_out_object(o, name);
    json_out_str(o, "mediaType", type);
    json_out_str(o, "digest", digest);
    json_out_int(o, "size", size);
    json_out_end_object(o);
}

void document_write_manifest(struct buf *b, const char *config_digest, int64_t config_size,
    const struct str_list *diff_ids, const int64_t *sizes)
{
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_int(&o, "schemaVersion", 2);
    json_out_str(&o, "mediaType", MEDIA_OCI_MANIFEST);
    write_descriptor(&o, "config", MEDIA_OCI_CONFIG, config_digest, config_size);
    json_out_array(&o, "layers");
    for (size_t i = 0; i < diff_ids->n; i++)
        write_descriptor(&o, NULL, MEDIA_OCI_LAYER, diff_ids->v[i], sizes[i]);
    json_out_end_array(&o);
    json_out_end_object(&o);
}
