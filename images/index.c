/* The list of images: names to images, and the file it is kept in. */
#include "images/index.h"
#include "images/document.h"
#include "lib/clock.h"
#include "lib/file.h"
#include <string.h>

#define FILE_MAX (16U << 20)
#define NOTE "io.wherry.image."
#define ID_DIGITS 12 /* of a shortened id, at least */

static const struct json_limits file_limits = {.bytes = FILE_MAX, .depth = 16, .nodes = 1000000};

struct index_file {
    struct opt_int schema_version;
    struct index_list {
        size_t n;
        struct index_line *v;
    } manifests;
};
struct index_line {
    const char *media_type, *digest;
    struct opt_int size;
    struct str_map annotations;
};
static FIELDS_DEFINE(line_fields, index_line, FIELD(index_line, media_type, "mediaType", FIELD_STR),
    FIELD(index_line, digest, "digest", FIELD_STR), FIELD(index_line, size, "size", FIELD_INT),
    FIELD(index_line, annotations, "annotations", FIELD_STR_MAP));
static FIELDS_DEFINE(file_fields, index_file, FIELD(index_file, schema_version, "schemaVersion", FIELD_INT),
    FIELD_OF(index_file, manifests, "manifests", FIELD_STRUCTS, &line_fields));

/* --- lists of names --- */

bool index_has(const struct str_list *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->v[i], s))
            return true;
    return false;
}

static void list_add(struct arena *a, struct str_list *l, const char *s)
{
    const char **v = arena_array(a, l->n + 1, sizeof *v);
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    v[l->n++] = s;
    l->v = v;
}

static bool list_drop(struct str_list *l, const char *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s))
            l->v[kept++] = l->v[i];
    bool dropped = kept != l->n;
    l->n = kept;
    return dropped;
}

static struct str_list list_split(struct arena *a, const char *text)
{
    struct str_list l = {0};
    char *save, *copy = arena_strdup(a, text ? text : "");
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        list_add(a, &l, w);
    return l;
}

/* --- the file --- */

static struct err *read_line(struct arena *a, const struct index_line *l, struct index_image *ret)
{
    *ret = (struct index_image){.id = str_map_get(&l->annotations, NOTE "id"),
        .since = str_map_get(&l->annotations, NOTE "since"),
        .manifest = l->digest,
        .media_type = l->media_type,
        .manifest_size = opt_int_or(l->size, 0),
        .refs = list_split(a, str_map_get(&l->annotations, NOTE "refs")),
        .digests = list_split(a, str_map_get(&l->annotations, NOTE "digests"))};
    TRY(digest_check(ret->manifest));
    return err_wrap(digest_check(ret->id), NOTE "id");
}

struct err *index_read(const struct store *s, struct arena *a, struct index *ret)
{
    auto_free char *text = NULL;
    size_t len;
    const struct json *j;
    struct index_file f;
    *ret = (struct index){.a = a};
    struct err *e = file_read(s->root, "index.json", FILE_MAX, &text, &len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    if (!e)
        e = json_parse(a, text, len, &file_limits, &j);
    if (!e)
        e = fields_decode(&file_fields, a, j, &f);
    if (e)
        return err_wrap(e, "store %s: index.json", s->path);
    ret->v = arena_array(a, f.manifests.n + 1, sizeof *ret->v);
    for (size_t i = 0; i < f.manifests.n; i++)
        TRY_WRAP(
            read_line(a, &f.manifests.v[i], &ret->v[i]), "store %s: index.json: manifests[%zu]", s->path, i);
    ret->n = f.manifests.n;
    return NULL;
}

static void write_names(struct json_out *o, const char *name, const struct str_list *l)
{
    auto_buf b = BUF_INIT(FILE_MAX);
    for (size_t i = 0; i < l->n; i++)
        buf_addf(&b, "%s%s", i ? " " : "", l->v[i]);
    if (l->n)
        json_out_str(o, name, buf_str(&b));
}

static void write_line(struct json_out *o, const struct index_image *i)
{
    json_out_object(o, NULL);
    json_out_str(o, "mediaType", i->media_type ? i->media_type : MEDIA_OCI_MANIFEST);
    json_out_str(o, "digest", i->manifest);
    json_out_int(o, "size", i->manifest_size);
    json_out_object(o, "annotations");
    json_out_str(o, NOTE "id", i->id);
    write_names(o, NOTE "refs", &i->refs);
    write_names(o, NOTE "digests", &i->digests);
    if (i->since)
        json_out_str(o, NOTE "since", i->since);
    json_out_end_object(o);
    json_out_end_object(o);
}

struct err *index_write(const struct store *s, const struct index *ix)
{
    auto_buf compact = BUF_INIT(FILE_MAX), pretty = BUF_INIT(2 * FILE_MAX);
    auto_arena *a = arena_new();
    struct json_out o = {.buf = &compact};
    const struct json *j;
    json_out_object(&o, NULL);
    json_out_int(&o, "schemaVersion", 2);
    json_out_str(&o, "mediaType", MEDIA_OCI_INDEX);
    json_out_array(&o, "manifests");
    for (size_t i = 0; i < ix->n; i++)
        write_line(&o, &ix->v[i]);
    json_out_end_array(&o);
    json_out_end_object(&o);
    TRY(buf_check(&compact, "index.json"));
    TRY(json_parse(a, compact.data, compact.len, &file_limits, &j));
    json_write(&pretty, j, 2);
    buf_addc(&pretty, '\n');
    TRY(buf_check(&pretty, "index.json"));
    return err_wrap(file_write_atomic(s->root, "index.json", pretty.data, pretty.len, 0600, FILE_FSYNC),
        "store %s", s->path);
}

/* --- finding --- */

struct index_image *index_by_id(const struct index *ix, const char *id)
{
    for (size_t i = 0; i < ix->n; i++)
        if (!strcmp(ix->v[i].id, id))
            return &ix->v[i];
    return NULL;
}

static struct index_image *by_reference(const struct index *ix, const struct reference *r)
{
    const char *name = r->digest ? reference_by_digest(ix->a, r, r->digest) : reference_tagged(ix->a, r);
    for (size_t i = 0; i < ix->n; i++)
        if (index_has(r->digest ? &ix->v[i].digests : &ix->v[i].refs, name))
            return &ix->v[i];
    return NULL;
}

static struct err *by_digits(const struct index *ix, const char *text, struct index_image **ret)
{
    const char *hex = strncmp(text, DIGEST_PREFIX, 7) ? text : digest_hex(text);
    size_t n = strlen(hex);
    *ret = NULL;
    if (n < ID_DIGITS || n > DIGEST_HEX || strspn(hex, "0123456789abcdef") != n)
        return NULL;
    for (size_t i = 0; i < ix->n; i++) {
        if (strncmp(digest_hex(ix->v[i].id), hex, n))
            continue;
        if (*ret)
            return err_new(ERR_INVALID, "image %s: the beginning of several ids", text);
        *ret = &ix->v[i];
    }
    return NULL;
}

struct err *index_find(const struct index *ix, const char *text, struct index_image **ret)
{
    struct reference r;
    auto_err *bad = reference_parse(ix->a, text, &r);
    *ret = bad ? NULL : by_reference(ix, &r);
    if (!*ret)
        TRY(by_digits(ix, text, ret));
    if (*ret)
        return NULL;
    if (bad && strncmp(text, DIGEST_PREFIX, 7) && !digest_is_hex(text))
        return take_ptr(bad);
    return err_new(ERR_NOT_FOUND, "image %s: not here", bad ? text : r.text);
}

/* --- changing --- */

static const char *now(struct arena *a)
{
    char text[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), text);
    return arena_strdup(a, text);
}

static void take_names(struct index *ix, const char *ref, const char *digest)
{
    for (size_t i = 0; i < ix->n; i++) {
        bool lost = ref && list_drop(&ix->v[i].refs, ref);
        if ((digest && list_drop(&ix->v[i].digests, digest)) || lost)
            ix->v[i].since = now(ix->a);
    }
}

void index_put(struct index *ix, const struct index_image *image, const char *ref, const char *digest)
{
    struct index_image *i = index_by_id(ix, image->id);
    if (!(i && (!ref || index_has(&i->refs, ref)) && (!digest || index_has(&i->digests, digest))))
        take_names(ix, ref, digest);
    if (!i) {
        struct index_image *v = arena_array(ix->a, ix->n + 1, sizeof *v);
        if (ix->n)
            memcpy(v, ix->v, ix->n * sizeof *v);
        ix->v = v;
        i = &v[ix->n++];
        *i = *image;
        i->refs = i->digests = (struct str_list){0};
    }
    i->since = now(ix->a);
    if (ref && !index_has(&i->refs, ref))
        list_add(ix->a, &i->refs, ref);
    if (digest && !index_has(&i->digests, digest))
        list_add(ix->a, &i->digests, digest);
}

void index_drop_name(struct index *ix, struct index_image *i, const char *name)
{
    bool ref = list_drop(&i->refs, name);
    if (list_drop(&i->digests, name) || ref)
        i->since = now(ix->a);
}

void index_drop(struct index *ix, struct index_image *image)
{
    size_t at = (size_t)(image - ix->v);
    memmove(image, image + 1, (ix->n - at - 1) * sizeof *image);
    ix->n--;
}
